'use strict';

// The app of the demo, as somebody writes one for Zappa: some routes, some events, one session.

const { MemoryStore } = require('express-session');

const COOKIE = 'demo.sid';

/** @param {import('./host').Context} context */
function defineApp(context) {
  // All that an app has to say to io-session; every option has a default.
  context.app.set('io_session', {
    /** @param {unknown} error @param {{ event?: string }} where */
    onError: (error, { event }) => console.error(`The event ${event} failed:`, error),
  });

  context.use_session({
    store: new MemoryStore(),
    name: COOKIE,
    secret: 'only for a demo',
    resave: false,
    saveUninitialized: false,
    cookie: { sameSite: 'lax' },
  });

  context.get('/me', function () {
    this.session.visits = (this.session.visits ?? 0) + 1;
    this.json({ name: this.session.name ?? null, visits: this.session.visits });
  });

  context.post('/login', function () {
    this.session.name = String(this.body.name);
    this.emit('notice', `HTTP: hello, ${this.session.name}`);
    this.json({ name: this.session.name });
  });

  context.post('/logout', function () {
    this.session.destroy(() => {
      this.res.clearCookie(COOKIE);
      this.json({ name: null });
    });
  });

  context.on('whoami', function (_data, ack) {
    ack({ name: this.session?.name ?? null });
  });

  context.on('rename', function ({ name }, ack) {
    if (!this.session?.name) {
      ack({ error: 'Who are you?' });
      return;
    }
    this.session.name = String(name);
    ack({ name: this.session.name });
  });
}

module.exports = { COOKIE, defineApp };
