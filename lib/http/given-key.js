'use strict';

const { SessionKey } = require('./session-key.js');
const { Failure, failure } = require('../support/errors.js');
const { lookForMistakes } = require('../support/warnings.js');

/**
 * Gives a session's key to the app, for a page that is rendered on the server; see index.d.ts.
 *
 * @param {import('../sockets/sharing/socket-sharing.js').SocketSharing} sharing
 * @param {any} session of a request
 * @param {unknown} channel
 * @returns {Promise<string>}
 */
async function giveKey(sharing, session, channel) {
  if (typeof channel !== 'string') throw failure('ERR_BAD_CHANNEL');
  if (sharing.closed) throw failure('ERR_NO_SESSION_STORE');
  // Each session of express-session has its request.
  const request = { session: session ?? undefined, sessionStore: session?.req?.sessionStore };
  if (lookForMistakes(sharing, request)) throw failure('ERR_NO_SESSION');
  try {
    return await new Promise((resolve, reject) => {
      const key = new SessionKey(sharing, session, channel, (error, text = '', isNoted) => {
        if (error) reject(error);
        // Before the page has the key: its socket may be there before the response has ended, and with it the session is saved.
        else if (isNoted)
          session.save((/** @type {unknown} */ failed) => (failed ? reject(failed) : resolve(text)));
        else resolve(text);
      });
      key.find();
    });
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw Object.assign(failure('ERR_STORE_UNAVAILABLE'), { cause: error });
  }
}

module.exports.giveKey = giveKey;
