'use strict';

const { commitSession } = require('../stores/commit.js');
const { noSession, unsavable } = require('../support/errors.js');
const { openFresh, rebase } = require('../session/rebase.js');
const { Loaded } = require('../stores/stored.js');
const { SocketRequest } = require('./socket-request.js');
const { markOwn, snapshotOf } = require('../session/snapshot.js');

/** @import { Save, Snapshot } from '../session/snapshot.js' */
/** @import { Connection, Link } from './connection.js' */
/** @import { SocketEvent } from './socket-event.js' */
/** @import { Stored } from '../stores/stored.js' */

/** A session of a socket's own that is not stored yet. */
const EMPTY = { text: '{"cookie":{"__io":true}}' };
/** It stands for a session which was gone before anybody looked at it. */
const GONE = { text: '{"cookie":{}}' };

/**
 * One session object of a socket: the stored text that it stands for, and express-session's `Session`, which is made of
 * that text at the first look. A socket has one current session object; handlers may still hold earlier ones.
 */
class SocketSession {
  /** @param {Connection} connection @param {Partial<Loaded>} [loaded] nothing for a session of the socket's own */
  constructor(connection, { sid, stored, clock } = {}) {
    this.connection = connection;
    /** The session that the socket is bound to; undefined for one of the socket's own. */
    this.sid = sid;
    /** What the store holds. */
    this.stored = stored;
    /** When the load began; undefined where nothing was loaded. */
    this.clock = clock;
    /** How many session objects the socket had before. */
    this.order = connection.made++;
    /** What express-session's methods take for the request, once somebody has looked. @type {SocketRequest | undefined} */
    this.request = undefined;
    /** Whether a `Session` was made, or put in its place. */
    this.isOpen = false;
    /** @type {any} */
    this.session = undefined;
    /** Whether its changes are not to be saved: a handler has failed, or a client was told that they could not be saved. */
    this.isDropped = false;
    /** Whether the session has ended, while handlers that saw it still run. */
    this.isEnded = false;
    /** Whether several handlers were running when it ended: one may have destroyed it, and the others go on with what they had. */
    this.isShared = false;
    /** What could not be saved: the session's id and its text, or a session that has none. @type {unknown} */
    this.unsaved = undefined;
    /** Why. @type {unknown} */
    this.failure = undefined;
  }

  /** The id under which the session is stored. */
  get id() {
    return this.sid ?? this.connection.id;
  }

  /** `socket.session` */
  get value() {
    return this.asRequest().session;
  }

  set value(session) {
    this.asRequest().session = session;
  }

  /** Whether it is a session of the socket's own that was destroyed. */
  get isVoid() {
    return this.sid === undefined && this.isOpen && !this.asRequest().session;
  }

  /** The request that the session belongs to. @returns {SocketRequest & { session: any }} */
  asRequest() {
    this.request ??= new SocketRequest(this);
    return /** @type {any} */ (this.request);
  }

  /** Makes the `Session`, at the first look at it. */
  open() {
    const { clock, connection, sid, stored } = this;
    const { adopted, sharing } = connection;
    const isOwn = sid === undefined;
    const given = stored ?? (isOwn ? EMPTY : GONE);
    const began = clock ?? adopted.clock;
    const session = adopted.openSession(this.asRequest(), given, began, sharing.methods);
    if (isOwn) markOwn(session, stored === undefined);
    // From now on the snapshot of the `Session` has the text.
    this.stored = undefined;
    return session;
  }

  /** Makes the `Session` anew, by its `reload()`. @param {Stored} [stored] @param {number} [clock] when the load began */
  openAgain(stored, clock) {
    const { bound } = this.connection;
    if (stored !== undefined && bound?.sid === this.sid) bound?.learn(stored.text, clock);
    this.stored = stored;
    this.clock = clock;
    this.open();
  }

  /** A `Session` was made, or the app has put one in its place. @param {any} session */
  accept(session) {
    this.giveWay();
    this.connection.sharing.methods?.give(session);
    this.isOpen = true;
    this.session = session;
  }

  /** An `update()` has written the session. An event may have made an older one current meanwhile. @param {Snapshot} written */
  updated({ clock, stored }) {
    const { connection, sid } = this;
    if (sid === undefined || stored === null || connection.sid !== sid || connection.current === this) return;
    connection.makeCurrent(new Loaded(sid, { text: stored }, clock));
  }

  /** The session for code that has kept another object. @param {any} session it @returns {any} undefined while a handler may hold it */
  newer(session) {
    const { connection } = this;
    // By a `reload()`. A `regenerate()` gives another id.
    if (this.session && this.session !== session)
      return this.session.id === session.id ? this.session : undefined;
    if (this === connection.current || (this.session && connection.useReplaced(this))) return undefined;
    return connection.current.value;
  }

  /** The session is being written. @param {Snapshot} snapshot @returns {boolean} false where it is not to be */
  mayStore(snapshot) {
    const { connection, sid } = this;
    if (sid !== undefined || snapshot.sid !== connection.id) return true;
    if (!connection.isGone) connection.isStored = true;
    return !connection.isGone;
  }

  /** Another object takes its place. */
  giveWay() {
    const snapshot = snapshotOf(this.session);
    if (snapshot?.sid === this.id) snapshot.isReplaced = true;
  }

  /** Whether it still stands for what the store holds: then it is as fresh as that load, and holds no object of the app's. @param {Loaded} loaded */
  absorb({ stored, clock }) {
    if (this.isEnded) return false;
    if (!this.isOpen) {
      if (this.clock !== undefined && clock !== undefined && this.clock > clock) return true;
      const isSame = this.stored?.text === stored?.text;
      if (isSame) this.clock = clock ?? this.clock;
      if (isSame && stored?.data !== undefined) this.stored = stored;
      return isSame;
    }
    const snapshot = snapshotOf(this.session);
    if (snapshot === undefined || snapshot.sid !== this.id) return false;
    // Saved since the load began: what was loaded is older. A session of the socket's own nobody else destroys.
    const isOlder = clock !== undefined && snapshot.clock > clock;
    if (isOlder && (stored !== undefined || this.sid === undefined))
      return stored === undefined || !snapshot.isMerged;
    if (!snapshot.isShown(this.session)) return false;
    if ((snapshot.stored ?? undefined) !== stored?.text || snapshot.isMerged) return false;
    snapshot.clock = clock ?? snapshot.clock;
    try {
      if (this.connection.isBusy) return true;
      snapshot.settle(this.session);
      if (stored?.data !== undefined) snapshot.takeObjects(this.session, stored.data);
      return true;
    } catch {
      // It has no text, or cannot be changed.
      return false;
    }
  }

  /**
   * Whether what was loaded is neither what a save that has ended since has written, nor what that has found: another process may have
   * written in between, and it may be older.
   * @param {Stored | undefined} stored @param {number} clock when the store was asked
   */
  mayBeOlder(stored, clock) {
    const snapshot = snapshotOf(this.session);
    if (stored === undefined || snapshot?.sid !== this.id || snapshot.clock <= clock) return false;
    return stored.text !== snapshot.stored && stored.text !== snapshot.replaced;
  }

  /**
   * What the store holds, by a load: where a save has merged changes of others since that began, what was written then. The object
   * does not have those changes, and what was loaded is older.
   * @param {Loaded} loaded
   */
  newest(loaded) {
    const snapshot = snapshotOf(this.session);
    if (snapshot?.sid !== this.id || !snapshot.isMerged || loaded.stored === undefined) return loaded;
    if (snapshot.stored === null || snapshot.clock <= (loaded.clock ?? Infinity)) return loaded;
    return new Loaded(loaded.sid, { text: snapshot.stored }, snapshot.clock);
  }

  /** What the store holds, as far as this object knows. @returns {Stored | undefined} */
  lastStored() {
    const stored = snapshotOf(this.session)?.stored;
    return typeof stored === 'string' ? { text: stored } : this.stored;
  }

  /**
   * Brings it up to what was loaded, if it has changes that are not saved: they stay, and are changes of that.
   * @param {Loaded} loaded @param {boolean} isAlways whether it does so without changes, too @returns {boolean} whether it stands for that now
   */
  catchUp({ stored, clock }, isAlways) {
    const session = this.changeable();
    const snapshot = snapshotOf(session);
    if (snapshot === undefined || snapshot.sid !== this.id || this.isEnded) return false;
    if (stored === undefined || clock === undefined || this.unsaved !== undefined) return false;
    // Code that changes it while no handler is running may not know what others have written.
    const isOld = !this.connection.isBusy && snapshot.save === undefined;
    if (isOld) snapshot.appObjects.forget();
    try {
      if (!isAlways && snapshot.save === undefined && !this.isChanged()) return false;
      rebase(session, openFresh(this.connection.adopted, this.id, stored, clock), isOld);
      return true;
    } catch {
      // It cannot be written, or has no text: it is frozen, say.
      return false;
    }
  }

  /** Whether it has changes that are not saved. */
  isChanged() {
    const session = this.changeable();
    const snapshot = snapshotOf(session);
    if (session === undefined || snapshot === undefined) return session !== undefined;
    try {
      return snapshot.assigned.size > 0 || snapshot.isChanged(snapshot.spell(session));
    } catch {
      return true;
    }
  }

  /**
   * Whether the store may have something else than what was assigned, though that is what the session had before.
   * @param {Snapshot} snapshot @param {SocketEvent} event
   */
  mayDiffer({ assigned, clock, isMerged, isReplaced, sid, stored }, event) {
    if (assigned.size === 0 || this.sid === undefined) return false;
    if (isMerged || isReplaced || event.isUnread) return true;
    return this.connection.adopted.isOther(sid, stored, clock);
  }

  /** The `Session` that may have been changed. @returns {any} undefined when there is none */
  changeable() {
    // A socket that has left has no session of its own any more.
    if (!this.isOpen || this.isDropped || (this.sid === undefined && this.connection.isGone))
      return undefined;
    return this.asRequest().session ?? undefined;
  }

  /**
   * Saves what was changed.
   * @param {(error?: unknown) => void} done called now if nothing has to be waited for
   * @param {SocketEvent} event that saves it @param {Link} link its own
   */
  commit(done, event, link) {
    const session = this.changeable();
    if (session === undefined) return done();
    const snapshot = snapshotOf(session);
    let text;
    try {
      if (snapshot === undefined && typeof session.id !== 'string') throw noSession();
      text = snapshot ? snapshot.spell(session) : JSON.stringify(session);
    } catch (error) {
      // All that were to be saved with it fail by one error.
      if (this.unsaved !== session) this.failure = unsavable(error);
      this.unsaved = session;
      return done(this.failure);
    }
    const isSame = snapshot
      ? !snapshot.isChanged(text) && !this.mayDiffer(snapshot, event)
      : Object.keys(session).length < 2;
    if (isSame) {
      snapshot?.forgetAssigned();
      // A save that is under way has it all: its end is the one to wait for.
      if (snapshot?.save !== undefined) snapshot.save.waiting.push(done);
      else done();
      return;
    }
    const unsaved = `${session.id} ${text}`;
    // A client that was told of the failure must not find it saved after all, and no other one is told that it is saved.
    if (this.unsaved === unsaved) return done(this.failure);
    const { connection } = this;
    const { adopted, round } = connection;
    if (this.sid === undefined && snapshot?.sid === connection.id) connection.isStored = true;
    /** @type {Save | undefined} */
    let save;
    const answered = (/** @type {unknown} */ error) => {
      // Brought up to what others have written meanwhile, it has another text.
      this.unsaved = error ? `${session.id} ${save?.text ?? text}` : undefined;
      this.failure = error;
      connection.saving.splice(connection.saving.indexOf(link), 1);
      done(error);
    };
    connection.saving.push(link);
    if (snapshot) {
      commitSession(adopted, session, { text, telling: { isQuiet: event.isQuiet, round } }, answered);
      if (snapshot.save?.text === text) save = snapshot.save;
    } else adopted.set(session.id, session, answered);
  }
}

module.exports.SocketSession = SocketSession;
