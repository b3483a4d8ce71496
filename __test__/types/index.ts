// What index.d.ts takes and what it refuses. Compiled by readme.test.js, never run.

import session = require('express-session');

import type { Socket } from 'socketio4';
import {
  bind_express,
  bind_io,
  bind_middleware,
  type CommittingStore,
  type CompareAndSetOutcome,
  EmbeddedStore,
  type EmbeddedStoreOptions,
  type EventSession,
  type IoSessionError,
  type IoSessionOptions,
  redisCompareAndSet,
  type SessionChange,
  type SessionEnd,
  sessionRoom,
  type ZappaContext,
  type ZappaEvent,
} from '../..';

// The context: with the real express-session, and nothing of Express's or Socket.IO's types.
const context: ZappaContext = {
  app: { settings: { zappa_prefix: '/zappa', io_session: { storeTimeout: 5000 }, anything: 'else' } },
  session,
  session_store: new session.MemoryStore(),
  get: (path, handler) => [path, handler],
  on: (event, handler) => [event, handler],
  io_use: (middleware) => middleware,
};
bind_middleware({ context });
bind_express({ context });
bind_io({ context });
context.session_store = undefined;
context.session_store = null;

// @ts-expect-error no context
bind_express({});
// @ts-expect-error no argument
bind_io();
// @ts-expect-error not an Express app
bind_middleware({ context: { app: {}, session } });
// @ts-expect-error not express-session
bind_middleware({ context: { app: { settings: {} }, session: {} } });
// @ts-expect-error no session store
context.session_store = { get: () => {} };

// The room.
const room: string = sessionRoom('sid');
// @ts-expect-error a session is not its id
sessionRoom({ id: 'sid' });
// @ts-expect-error express-session's id may be absent
sessionRoom(undefined);

// The options: each value that is taken.
const options: IoSessionOptions[] = [
  {},
  {
    storeTimeout: 1,
    keyMaxAge: 1000,
    maxChannels: 1,
    oneTimeKeys: true,
    allowedOrigins: ['https://app.example'],
    onSessionEnd: 'disconnect',
  },
  { storeTimeout: undefined, onSessionEnd: undefined },
  { onSessionEnd: 'unbind', onError: (error, { socket, event }) => console.error(error, socket?.id, event) },
  { onSessionEnd: ({ socket, reason }) => socket.emit('logged out', reason === 'expire') },
  { checkInterval: false, rooms: (session) => [`session:${session.id}`] },
  { checkInterval: 1000, onSessionChange: ({ socket, session }) => socket.emit('changed', session.id) },
  // Who has Socket.IO's types may say so.
  { onSessionEnd: ({ socket }: SessionEnd & { socket: Socket }) => void socket.disconnect(true) },
];

// @ts-expect-error an option that does not exist
const unknown: IoSessionOptions = { storeTimeOut: 1 };
// @ts-expect-error ms, not a text
const text: IoSessionOptions = { storeTimeout: '10s' };
// @ts-expect-error one of two words
const word: IoSessionOptions = { onSessionEnd: 'close' };
// @ts-expect-error false, or ms
const check: IoSessionOptions = { checkInterval: true };
// @ts-expect-error an array of names
const rooms: IoSessionOptions = { rooms: () => 'admin' };
// @ts-expect-error a function
const noFunction: IoSessionOptions = { onError: true };

// The reason is one of two.
const reason = (end: SessionEnd): 'destroy' | 'regenerate' | 'expire' => end.reason;
// @ts-expect-error there is no third
const third = (end: SessionEnd): boolean => end.reason === 'logout';

// The embedded store: one for express-session, and for a Zappa app.
const embedded = new EmbeddedStore({ ttl: 1000, maxSessions: Infinity, path: undefined });
context.session_store = embedded;
session({ store: embedded, secret: 'not a secret' });
const failed: string | undefined = embedded.stats().failure;
const stored: Promise<void> = embedded.set('sid', {});
embedded.get('sid', (error, session) => console.log(error, session));
// @ts-expect-error an option that does not exist
const embeddedUnknown: EmbeddedStoreOptions = { tll: 1 };
// @ts-expect-error ms, not a text
new EmbeddedStore({ ttl: '1h' });

// In a handler.
function handler(this: ZappaEvent, session: EventSession, failure: IoSessionError) {
  const bound: string | undefined = this.client.__session_id;
  const id: string | undefined = this.session?.id;
  session.visits = (session.visits ?? 0) + 1;
  session.touch().save((error) => console.error(error));
  // @ts-expect-error the id is not the handler's to set
  session.id = 'other';
  // @ts-expect-error there may be no session store
  this.session.visits = 1;
  // @ts-expect-error not a code of ours
  if (failure.code === 'ERR_SOMETHING') return undefined;
  return [bound, id, failure.status];
}

export {
  check,
  embeddedUnknown,
  failed,
  handler,
  noFunction,
  options,
  reason,
  room,
  rooms,
  stored,
  text,
  third,
  unknown,
  word,
};

// A store that can compare and set, by callback or by promise, and the one for connect-redis.
class CallingStore extends session.MemoryStore implements CommittingStore {
  compareAndSet(
    sid: string,
    expected: string,
    { text, renew }: SessionChange,
    callback: (error: unknown, outcome?: CompareAndSetOutcome) => void,
  ) {
    callback(null, renew ? true : sid === expected ? text : null);
  }
}
class PromisingStore extends session.MemoryStore implements CommittingStore {
  async compareAndSet(_sid: string, expected: string, { text }: SessionChange) {
    return text === expected ? null : text;
  }
}
context.session_store = new CallingStore();
context.session_store = new PromisingStore();
Object.assign(context.session_store, {
  compareAndSet: redisCompareAndSet({}) satisfies CommittingStore['compareAndSet'],
});
// @ts-expect-error a client is needed
redisCompareAndSet();
// @ts-expect-error false is no outcome
false satisfies CompareAndSetOutcome;
