/**
 * Types for `socket.session`, and for `update` of an HTTP request's session:
 *
 * ```ts
 * import type {} from 'io-session/socket.io';
 * ```
 *
 * They are of their own, since they need the types of `socket.io` (4) and `express-session` to be there.
 *
 * @packageDocumentation
 */

import type { SocketSession } from './index.js';

declare module 'socket.io' {
  // The names of the parameters have to be Socket.IO's own.
  interface Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData> {
    /**
     * The Express session of the socket's browser; for a socket that is not bound, one of its own. A socket has one current
     * session object, for all code inside and outside of handlers. It stays while the stored session is the same, and a new
     * one takes its place when an event finds another.
     *
     * @example
     * socket.on('rename', (name, ack) => {
     *   socket.session.name = name;
     *   ack(); // sent when the name is saved
     * });
     */
    session: SocketSession;
  }
}

declare module 'express-session' {
  interface Session {
    /**
     * Reads, changes and writes, exactly; see `SocketSessionMethods.update` of `io-session`. There for requests that have
     * passed `sharing.express()`.
     */
    update<T>(fn: (session: Session & Partial<SessionData>) => T | Promise<T>): Promise<T>;
  }
}
