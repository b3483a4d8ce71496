'use strict';

// What the story's browser says and hears, printed as it goes over the wire.

const { io } = require('socketio4-client');

/** How long an answer may take: a demo that hangs shows nothing. */
const DEADLINE = 5_000;

/** Ids and keys are secrets outside a demo; here their beginning is enough to tell them apart. @param {string} text */
function shorten(text) {
  return text.replace(/[\w-]{18,}/g, (id) => `${id.slice(0, 8)}…`);
}

/** @param {string} line */
const print = (line) => console.log(`     ${shorten(line)}`);

/** @typedef {import('socketio4-client').Socket} Socket */

/** A browser: one cookie jar for its HTTP server, any number of tabs with a socket each. */
class Browser {
  #pages;
  #sockets;
  /** @type {string | undefined} */
  cookie;
  /** @type {Socket[]} */
  tabs = [];

  /** @param {{ pages: string, sockets: string }} origins */
  constructor({ pages, sockets }) {
    this.#pages = pages;
    this.#sockets = sockets;
  }

  /**
   * @param {'GET' | 'POST'} method
   * @param {string} path
   * @param {object} [body]
   */
  async request(method, path, body) {
    print(
      `→ ${method} ${path}${body ? ` ${JSON.stringify(body)}` : ''}${this.cookie ? '  (with the cookie)' : ''}`,
    );
    /** @type {Record<string, string>} */
    const headers = { 'content-type': 'application/json' };
    if (this.cookie) {
      headers.cookie = this.cookie;
    }
    const response = await fetch(this.#pages + path, {
      method,
      headers,
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(DEADLINE),
    });
    const json = /** @type {any} */ (await response.json());
    print(`← ${response.status} ${JSON.stringify(json)}`);
    const [setCookie] = response.headers.getSetCookie();
    if (setCookie) {
      const [pair, ...attributes] = setCookie.split('; ');
      const [name, value] = pair.split('=');
      print(`  Set-Cookie: ${[`${name}=${value.slice(0, 12)}${value && '…'}`, ...attributes].join('; ')}`);
      this.cookie = value ? pair : undefined;
    }
    return { status: response.status, json, setCookie };
  }

  /** Opens a tab: a socket of its own, which the cookie does not reach. */
  async openTab() {
    const socket = io(this.#sockets, { forceNew: true, reconnection: false, transports: ['websocket'] });
    this.tabs.push(socket);
    await this.#connected(socket);
    return socket;
  }

  /** Cuts a tab's connection and makes a new one. @param {Socket} socket */
  async reconnect(socket) {
    socket.disconnect();
    print('✂ the connection is cut');
    socket.connect();
    await this.#connected(socket);
  }

  /** @param {Socket} socket */
  #connected(socket) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('The socket does not connect.')), DEADLINE);
      socket.once('connect', () => {
        clearTimeout(timer);
        print(`↔ connected to ${this.#sockets} as socket ${socket.id}`);
        resolve(undefined);
      });
    });
  }

  /**
   * Emits an event and waits for its ack.
   *
   * @param {Socket} socket
   * @param {string} event
   * @param {object} data
   */
  async emit(socket, event, data = {}) {
    print(`→ ${event} ${JSON.stringify(data)}`);
    const answer = await socket.timeout(DEADLINE).emitWithAck(event, data);
    print(`← ack ${JSON.stringify(answer)}`);
    return answer;
  }

  /**
   * Waits for the next event of a name.
   *
   * @param {Socket} socket
   * @param {string} event
   */
  hear(socket, event) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`No ${event} was heard.`)), DEADLINE);
      socket.once(event, (data) => {
        clearTimeout(timer);
        print(`← ${event} ${JSON.stringify(data)}`);
        resolve(data);
      });
    });
  }

  close() {
    for (const socket of this.tabs) {
      socket.disconnect();
    }
  }
}

module.exports = { Browser, shorten };
