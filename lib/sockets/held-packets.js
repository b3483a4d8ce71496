'use strict';

const { isFull } = require('../stores/lock.js');

/** The packets of a socket that wait until it is known whose it is. While the store hangs its client may send on. */
class HeldPackets {
  /** @param {import('../stores/adopted-store.js').AdoptedStore} adopted */
  constructor(adopted) {
    this.adopted = adopted;
    /** @type {any[]} */
    this.packets = [];
  }

  /**
   * @param {any} packet
   * @returns {boolean} false where too many wait already
   */
  add(packet) {
    if (isFull(this.adopted, this.packets.length)) return false;
    this.adopted.waiting += 1;
    this.packets.push(packet);
    return true;
  }

  /** None of them waits any more. @returns {any[]} */
  take() {
    this.adopted.waiting -= this.packets.length;
    return this.packets.splice(0);
  }
}

module.exports.HeldPackets = HeldPackets;
