'use strict';

const { SocketEvent } = require('../socket-event.js');

/** @typedef {import('../connection.js').Connection} Connection */

/** How `onError` knows it. */
const NAME = 'onSessionChange';

/** Tells the app that the session of a socket was changed by somebody else: the session is loaded anew, and saved afterwards. */
class ChangeEvent extends SocketEvent {
  /** @param {Connection} connection */
  constructor(connection) {
    super(connection, NAME);
    this.sid = connection.sid;
  }

  /**
   * Tells of a change, unless the app is about to be told of the one before.
   *
   * @param {Connection} connection
   */
  static tell(connection) {
    if (connection.isToBeTold || !connection.isWelcome) return;
    connection.isToBeTold = true;
    // The change may have been made in the middle of a commit, where no code of the app's may run.
    process.nextTick(dispatch, new ChangeEvent(connection));
  }

  /** @param {unknown} [error] */
  run(error) {
    const { connection, sid } = this;
    connection.isToBeTold = false;
    // It may have lost the session, or left, while that was loaded.
    if (error !== undefined || connection.sid !== sid || connection.hasLeft) return undefined;
    const { sharing, socket } = connection;
    return sharing.options.onSessionChange?.({ socket, session: this.first.value });
  }

  /** @param {SocketEvent} event whether it is one that tells of a change */
  static isOne(event) {
    return event instanceof ChangeEvent;
  }

  save() {
    const { connection } = this;
    connection.telling += 1;
    this.commit(() => {
      connection.telling -= 1;
    });
  }

  /** The app's function threw or rejected: that ends no process. @param {unknown} error */
  failed(error) {
    const { connection } = this;
    connection.end(this);
    connection.drop();
    connection.report(error, NAME);
    return undefined;
  }
}

/** @param {ChangeEvent} event */
function dispatch(event) {
  const { connection } = event;
  if (connection.hasLeft || connection.sid !== event.sid) connection.isToBeTold = false;
  else event.dispatch();
}

module.exports.ChangeEvent = ChangeEvent;
