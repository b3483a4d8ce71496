'use strict';

// What the browser does: keeps a cookie, opens a socket, and shares its session by the two steps of the handshake.

const http = require('node:http');
const { socketIoClient } = require('../__test__/support/versions.js');

const agent = new http.Agent({ keepAlive: true, maxSockets: 50 });

class Browser {
  constructor({ port, number, socketIo = 4 }) {
    this.port = port;
    this.socketIo = socketIo;
    this.number = number;
    this.url = `http://127.0.0.1:${port}`;
  }

  get(path) {
    return new Promise((resolve, reject) => {
      const headers = this.cookie === undefined ? {} : { cookie: this.cookie };
      const request = http.get({ agent, host: '127.0.0.1', port: this.port, path, headers }, (response) => {
        const cookie = response.headers['set-cookie'];
        if (cookie !== undefined) {
          this.cookie = cookie[0].split(';')[0];
        }
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (chunk) => {
          body += chunk;
        });
        response.on('end', () => {
          if (response.statusCode === 200) {
            resolve(JSON.parse(body));
          } else {
            reject(new Error(`GET ${path}: ${response.statusCode} ${body}`));
          }
        });
      });
      request.on('error', reject);
    });
  }

  login(bytes) {
    this.cookie = undefined;
    this.key = undefined;
    return this.get(`/login/${this.number}/${bytes}`);
  }

  connect(options) {
    this.socket = socketIoClient(this.socketIo)(this.url, {
      transports: ['websocket'],
      forceNew: true,
      reconnection: false,
      ...options,
    });
    return this.connected();
  }

  // With what binds its socket when it connects. Every browser sends its cookie, whether that binds it or not.
  async connectBound(binding) {
    if (binding === 'key' && this.key === undefined) await this.fetchKey();
    const auth = binding === 'key' ? { key: this.key } : undefined;
    await this.connect({ extraHeaders: { cookie: this.cookie }, auth });
    if (binding === 'handshake') await this.bind();
  }

  async fetchKey() {
    ({ key: this.key } = await this.get('/zappa/socket/__local'));
  }

  connected() {
    return new Promise((resolve, reject) => {
      this.socket.once('connect', resolve);
      this.socket.once('connect_error', reject);
    });
  }

  emit(event, data = {}) {
    return new Promise((resolve) => {
      this.socket.emit(event, data, resolve);
    });
  }

  async bind() {
    const { key } = await this.get(`/zappa/socket/__local/${this.socket.id}`);
    const { error } = await this.emit('__zappa_key', { key });
    if (error !== undefined) {
      throw new Error(`__zappa_key: ${error}`);
    }
    return key;
  }

  // A rival that is not bound to the right session would be measured for nothing.
  async checkBound() {
    const id = await this.emit('whoami');
    if (id !== `user-${this.number}`) {
      throw new Error(`socket ${this.number} is bound to ${id}`);
    }
  }

  close() {
    this.socket.disconnect();
  }
}

module.exports = { Browser };
