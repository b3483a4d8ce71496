'use strict';

// A browser as far as HTTP goes: it keeps its cookies. `prefix`: where its app has the key route.

const { once } = require('node:events');
const http = require('node:http');
const { text } = require('node:stream/consumers');

class HttpClient {
  constructor(url, { prefix = '/zappa' } = {}) {
    this.url = url;
    this.prefix = prefix;
    this.cookies = new Map();
  }

  async request(path, { method = 'GET', headers = {} } = {}) {
    const { cookie } = this;
    const response = await fetch(this.url + path, {
      method,
      headers: { ...(cookie && { cookie }), ...headers },
      redirect: 'manual',
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      this.cookies.set(name, value);
    }
    // The last byte leaves the server only when express-session has saved the session.
    const text = await response.text();
    return { status: response.status, headers: response.headers, text };
  }

  // As a client asks a proxy: by the whole URL.
  async requestInAbsoluteForm(path) {
    const { hostname, port } = new URL(this.url);
    const headers = { cookie: `connect.sid=${this.cookies.get('connect.sid')}` };
    const [response] = await once(http.get({ hostname, port, path: this.url + path, headers }), 'response');
    return { status: response.statusCode, text: await text(response) };
  }

  async json(path, options) {
    const answer = await this.request(path, options);
    return { ...answer, body: JSON.parse(answer.text) };
  }

  // The same browser, another tab or a moment later: a copy that does not follow what the first one does from now on.
  copy() {
    const other = new HttpClient(this.url, this);
    other.cookies = new Map(this.cookies);
    return other;
  }

  // The header that its cookies go by.
  get cookie() {
    return [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  // The session id inside express-session's signed cookie.
  get sid() {
    const value = this.cookies.get('connect.sid');
    return value && /^s:(.*)\.[^.]*$/.exec(decodeURIComponent(value))[1];
  }
}

module.exports = { HttpClient };
