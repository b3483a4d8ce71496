'use strict';

const { randomBytes } = require('node:crypto');

/** As long as express-session's own ids are. */
const ID_BYTES = 24;

/**
 * Makes the session that follows on another one, as the session middleware does by `store.generate`: for a process that has
 * none, since Express is another one. Its cookie is like the one before, which has what the app has set.
 *
 * @param {import('../stores/adopted-store.js').AdoptedStore} adopted
 * @param {any} req
 */
function generateSession({ original, store }, req) {
  const { cookie } = req.session ?? {};
  const like = cookie === undefined || cookie.__io === true ? { originalMaxAge: null } : cookie;
  req.sessionID = randomBytes(ID_BYTES).toString('base64url');
  const session = original.createSession.call(store, req, { cookie: JSON.parse(JSON.stringify(like)) });
  session.resetMaxAge();
  // express-session has read the clock twice for it, and made it a millisecond less now and then: for good, from one session
  // to the next.
  session.cookie.originalMaxAge = like.originalMaxAge;
}

module.exports.generateSession = generateSession;
