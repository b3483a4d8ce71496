'use strict';

// The routes and events that most tests need: an app that logs in and out, reads and writes.

function basicApp(context) {
  context.get('/login', function () {
    this.session.user = this.query.user ?? 'ann';
    this.json({ id: this.session.id });
  });
  context.get('/read', function () {
    this.json({ id: this.session?.id, session: this.session });
  });
  context.get('/write', function () {
    Object.assign(this.session, JSON.parse(this.query.json));
    this.json({ id: this.session.id });
  });
  context.get('/logout', function () {
    this.req.session.destroy((error) => this.json({ error: error?.message }));
  });
  context.get('/regenerate', function () {
    this.req.session.regenerate((error) => {
      this.req.session.user = 'somebody new';
      this.json({ error: error?.message, id: this.req.session.id });
    });
  });
  context.get('/tell', function () {
    this.emit('told', this.query.what);
    this.json({ id: this.id });
  });
  context.on('ping', (_data, ack) => ack('pong'));
  context.on('read', function (_data, ack) {
    const session = this.session && JSON.parse(JSON.stringify(this.session));
    ack({ id: this.session?.id, bound: this.client.__session_id, session });
  });
  context.on('write', function (data, ack) {
    Object.assign(this.session, data);
    ack?.({ id: this.session.id });
  });
}

module.exports = { basicApp };
