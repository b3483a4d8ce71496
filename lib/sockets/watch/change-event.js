'use strict';

const { isSameContent } = require('../../session/session-data.js');
const { SocketEvent } = require('../socket-event.js');
const { nextTick, setTimeout } = require('../../support/timers.js');

/** @import { Connection } from '../connection.js' */

/** How `onError` knows it. */
const NAME = 'onSessionChange';
/** What `sharing.update()` changes while the hook is running may be a job's, or the hook's own answer: from this round on it is told later. */
const ROUNDS = 2;
/** How much later, in ms: doubled in each round, up to the last. */
const [FIRST_PAUSE, LAST_PAUSE] = [10, 1000];

/** Tells the app that the session of a socket was changed by somebody else: the session is loaded anew, and saved afterwards. */
class ChangeEvent extends SocketEvent {
  /** @param {Connection} connection @param {number} round */
  constructor(connection, round) {
    super(connection, NAME);
    this.sid = connection.sid;
    this.round = round;
    /** Whether the session has been changed once more before the app was told. */
    this.isChangedAgain = false;
  }

  /**
   * Tells of a change, unless the app is about to be told of the one before.
   * @param {Connection} connection
   * @param {number} [round] 1; one more where the change was made while `onSessionChange` was running, perhaps by that
   */
  static tell(connection, round = 1) {
    if (!connection.isWelcome) return;
    const earlier = connection.toBeTold;
    if (earlier !== undefined) {
      earlier.isChangedAgain = true;
      earlier.round = Math.min(earlier.round, round);
      return;
    }
    const event = new ChangeEvent(connection, round);
    connection.toBeTold = event;
    const dispatch = () => {
      if (event.isDue()) event.dispatch();
      else connection.toBeTold = undefined;
    };
    // The change may have been made in the middle of a commit, where no handler may run.
    if (round <= ROUNDS) nextTick(dispatch);
    else setTimeout(dispatch, Math.min(FIRST_PAUSE * 2 ** (round - ROUNDS - 1), LAST_PAUSE)).unref();
  }

  /** The session is loaded. If the socket has lost it meanwhile, or left, there is nothing to tell: a handler that runs keeps what it has. */
  start() {
    return this.isDue() ? super.start() : this.run();
  }

  /** Whether the socket has the session still. */
  isDue() {
    return this.connection.sid === this.sid && !this.connection.hasLeft;
  }

  /** Whether it saves no change of a handler's, which is to be told. One that is there by now may be another `onSessionChange`'s. */
  isAlone() {
    const hooks = this.connection.running.filter(({ round }) => round > 0);
    return (hooks.length > 1 && hooks.every(({ isQuiet }) => isQuiet)) || !this.first.isChanged();
  }

  /** @param {unknown} [error] */
  run(error) {
    const { connection } = this;
    const { bound, sharing, socket } = connection;
    connection.toBeTold = undefined;
    if (!this.isDue()) return undefined;
    if (error !== undefined) {
      // When the session has been looked up.
      connection.isUntold = true;
      if (bound) sharing.watch.want(bound);
      return undefined;
    }
    const loaded = this.first.lastStored()?.text;
    // After it was loaded, or before.
    if (this.isChangedAgain && bound?.text !== undefined && loaded !== undefined)
      if (!isSameContent(bound.text, loaded)) ChangeEvent.tell(connection, this.round);
    this.isQuiet = this.round > 1 || this.isAlone();
    return sharing.options.onSessionChange?.({ socket, session: this.first.value });
  }

  /** The app's function threw or rejected: that ends no process. @param {unknown} error */
  failed(error) {
    try {
      return super.failed(error);
    } catch {
      this.connection.report(error, NAME);
      return undefined;
    }
  }
}

ChangeEvent.prototype.isQuiet = true;

module.exports.ChangeEvent = ChangeEvent;
