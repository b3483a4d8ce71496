'use strict';

const { hostConnection } = require('../host-connection.js');
const { Sharing } = require('./sharing.js');

/** What a Zappa app shares. */
class HostSharing extends Sharing {
  /**
   * The connection of a socket, made when there is none.
   *
   * @param {any} socket
   * @param {any} client the host's object for it
   */
  connectionOf(socket, client) {
    return hostConnection(this, socket, client);
  }
}

module.exports.HostSharing = HostSharing;
