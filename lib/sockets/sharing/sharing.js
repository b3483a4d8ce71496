'use strict';

const { inspect } = require('node:util');
const debug = require('debug')('io-session');
const { adopt } = require('../../stores/adopted-store.js');
const { codeOf, guard, isFailure, messageOf, traceOf, words } = require('../../support/errors.js');
const { Watch } = require('../watch/watch.js');

/** @import { Methods } from '../../session/methods.js' */
/** @import { Found } from '../binding/key-lookup.js' */
/** @import { Connection } from '../connection.js' */
/** @import { AdoptedStore, SessionEnded } from '../../stores/adopted-store.js' */
/** @import { Options } from '../../support/options.js' */

/** @typedef {{ socket?: any, event?: string }} Where where a failure was: a socket, and the name of its event */

/** How long a failure that was warned of is not warned of again, in ms. */
const QUIET = 60_000;

/** What one app shares: its store, its options, its bound sockets. @template {Options} [O=Options] */
class Sharing {
  /** @param {() => O} read gives the app's options, checked, when they are first needed */
  constructor(read) {
    this.readOptions = read;
    /** @type {O | undefined} */
    this.checked = undefined;
    /** @type {AdoptedStore | undefined} */
    this.adopted = undefined;
    /** The connections of its sockets in this process, by the id of the socket. @type {Map<string, Connection>} */
    this.connections = new Map();
    /** Whether the session is told which socket has presented its key, as a Zappa app's Express side needs it. */
    this.tellsExpress = true;
    /** What its sockets' sessions can do besides. @type {Methods | undefined} */
    this.methods = undefined;
    /** How many handlers are running, but for those of `connection`. */
    this.handlers = 0;
    /** How often it has bound a socket. */
    this.binds = 0;
    /** When a kind of failure was last warned of. @type {Map<string, number>} */
    this.warned = new Map();
    this.watch = new Watch(this);
  }

  /** @returns {O} */
  get options() {
    if (this.checked === undefined) {
      this.checked = this.readOptions();
      this.configureStore();
    }
    return this.checked;
  }

  /** The app has named its session store. @param {any} store undefined or null for none @param {string} where */
  use(store, where) {
    const adopted = store === undefined || store === null ? undefined : adopt(store, where);
    const before = this.adopted;
    if (adopted === before) return;
    this.watch.clear();
    before?.release(this);
    this.adopted = adopted;
    adopted?.users.add(this);
    this.configureStore();
  }

  /** Tells the store what the app has set, as soon as both are known. */
  configureStore() {
    if (this.adopted && this.checked) this.adopted.timeout = this.checked.storeTimeout;
  }

  /** A session has ended: its sockets in this process are unbound. @param {SessionEnded} end */
  sessionEnded({ sockets, reason }) {
    for (const socket of sockets) this.connections.get(socket)?.lose(reason);
  }

  /** The store has failed where nobody waits. @param {unknown} error */
  storeFailed(error) {
    // Whom to tell, the options say.
    if (this.checked) this.report(error, {});
  }

  /** This process has written a session: others are told. @param {string} _sid @param {string} _before @param {string} _text */
  spreadChange(_sid, _before, _text) {}

  /** Whether a session that was found has ended since. @param {Found} found */
  isOver({ sid, clock }) {
    return this.adopted?.since(sid, clock) === 'gone';
  }

  /** A socket has lost its session: the app says what follows. @param {Connection} connection @param {string} reason @param {string} [_sid] */
  ended({ socket }, reason, _sid) {
    const { onSessionEnd } = this.options;
    const failed = (/** @type {unknown} */ error) => this.report(error, { socket });
    if (onSessionEnd === 'disconnect') socket.disconnect(true);
    else if (typeof onSessionEnd === 'function') guard(() => onSessionEnd({ socket, reason }), failed);
  }

  /** What a client is told of a failure. @param {unknown} error @returns {{ error: string, code?: string }} */
  answerTo(error) {
    return { error: words(error) };
  }

  /** The HTTP status that goes with it. What a store's error says of a status is not meant for us. @param {unknown} error */
  statusOf(error) {
    return isFailure(error) ? error.status : 500;
  }

  /** The store has failed, and a client is told by `answerTo`: here in its own words. @param {unknown} _error @param {Where} _where */
  refused(_error, _where) {}

  /** A failure that no caller waits for: for `onError`, else a warning once a minute. @param {unknown} error @param {Where} where */
  report(error, where) {
    // A client may call its events what it likes: with a line feed in it, a name would make lines of its own in a log.
    const event = where.event && inspect(where.event, { compact: true, maxStringLength: 100 });
    debug('%s: %s', event ?? 'store', traceOf(error));
    const { onError } = this.options;
    const warn = () =>
      this.warn(event ? `the session of event ${event} failed` : 'the session store failed', error);
    const failed = (/** @type {unknown} */ thrown) => {
      this.warn("the app's onError failed", thrown);
      warn();
    };
    if (onError) guard(() => onError(error, where), failed);
    else warn();
  }

  /** @param {string} what @param {unknown} error */
  warn(what, error) {
    const code = codeOf(error) ?? 'ERR_SESSION_STORE';
    const now = Date.now();
    if (now - (this.warned.get(code) ?? 0) < QUIET) return;
    if (this.warned.size > 100) this.warned.clear();
    this.warned.set(code, now);
    process.emitWarning(`io-session: ${what}: ${messageOf(error)}`, { code });
  }
}

module.exports.Sharing = Sharing;
