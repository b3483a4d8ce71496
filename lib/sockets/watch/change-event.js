'use strict';

const { isSameContent } = require('../../session/session-data.js');
const { SocketEvent } = require('../socket-event.js');
const { nextTick } = require('../../support/timers.js');

/** @import { Connection } from '../connection.js' */

/** How `onError` knows it. */
const NAME = 'onSessionChange';

/** Tells the app that the session of a socket was changed by somebody else: the session is loaded anew, and saved afterwards. */
class ChangeEvent extends SocketEvent {
  /** @param {Connection} connection */
  constructor(connection) {
    super(connection, NAME);
    this.sid = connection.sid;
  }

  /** Tells of a change, unless the app is about to be told of the one before. @param {Connection} connection */
  static tell(connection) {
    if (!connection.isWelcome) return;
    connection.isChangedAgain = connection.isToBeTold;
    if (connection.isToBeTold) return;
    connection.isToBeTold = true;
    const event = new ChangeEvent(connection);
    // The change may have been made in the middle of a commit, where no handler may run.
    nextTick(() => {
      if (event.isDue()) event.dispatch();
      else connection.isToBeTold = false;
    });
  }

  /** The session is loaded. If the socket has lost it meanwhile, or left, there is nothing to tell: a handler that runs keeps what it has. */
  start() {
    return this.isDue() ? super.start() : this.run();
  }

  /** Whether the socket has the session still. */
  isDue() {
    return this.connection.sid === this.sid && !this.connection.hasLeft;
  }

  /** @param {unknown} [error] */
  run(error) {
    const { connection } = this;
    const { bound, sharing, socket } = connection;
    connection.isToBeTold = false;
    const { isChangedAgain } = connection;
    connection.isChangedAgain = false;
    if (!this.isDue()) return undefined;
    if (error !== undefined) {
      // When the session has been looked up.
      connection.isUntold = true;
      if (bound) sharing.watch.want(bound);
      return undefined;
    }
    const loaded = this.first.lastStored()?.text;
    // After it was loaded, or before.
    if (isChangedAgain && bound?.text !== undefined && loaded !== undefined)
      if (!isSameContent(bound.text, loaded)) ChangeEvent.tell(connection);
    // A change of a handler's that is saved together with this one's is told.
    this.isQuiet = !this.first.isChanged();
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
