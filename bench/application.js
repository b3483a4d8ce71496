'use strict';

// The app that every rival serves, over HTTP: a login, a logout, and a look at what was written last.

const expressSession = require('express-session');
const { sessionData } = require('./session-data.js');

const SESSION_MAX_AGE = 3_600_000;
const SECRET = 'bench';

function sessionMiddleware(store) {
  return expressSession({
    store,
    secret: SECRET,
    resave: false,
    saveUninitialized: false,
    cookie: { maxAge: SESSION_MAX_AGE },
  });
}

function serveHttp(app) {
  app.get('/login/:number/:bytes', ({ params, session }, res) => {
    Object.assign(session, sessionData(Number(params.number), Number(params.bytes)));
    res.json({ id: session.user.id });
  });

  app.get('/logout', ({ session }, res) => {
    session.destroy((error) => res.json({ done: !error }));
  });

  app.get('/last-event', ({ session }, res) => {
    res.json({ lastEvent: session.lastEvent });
  });
}

module.exports = { SECRET, serveHttp, sessionMiddleware };
