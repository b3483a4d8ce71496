'use strict';

const native = require('../../native.js');
const { originOf, textOf } = require('../session/snapshot.js');
const { SessionEvent } = require('./session-event.js');

/**
 * An event that lasts until the next one of its socket: outside of any, `socket.session` is its session. The longer it
 * lasts, the less it keeps of that.
 */
class LastingEvent extends SessionEvent {
  /**
   * @param {import('./socket-connection.js').SocketConnection} connection
   * @param {string} name the event's own
   */
  constructor(connection, name) {
    super(connection, name);
    this.connection = connection;
    /** Sends the acknowledgement that its client waits for. @type {((...values: any[]) => void) | undefined} */
    this.ack = undefined;
    /** Whether its handlers have come to their end. */
    this.handled = false;
    /** Whether its socket has been quiet since it was last seen to be. */
    this.quiet = false;
    /** The session that it has let go of. @type {WeakRef<any> | undefined} */
    this.released = undefined;
    /** Whether its text is on the shelf. */
    this.shelved = false;
    /** Whether its socket has put its remains in its place. */
    this.retired = false;
  }

  /**
   * It is no event, but stands for the time until the next one.
   *
   * @param {import('./key-lookup.js').Found} [found] the session that is seen then; without it, one of the socket's own
   * @returns {this}
   */
  rest(found) {
    this.handled = true;
    this.sid = found?.sid;
    if (found) {
      this.text = found.text;
      this.data = found.data;
      this.clock = found.clock;
    }
    return this;
  }

  /** Begins with the session as an earlier event knows it. @param {LastingEvent} earlier */
  resume(earlier) {
    earlier.unshelve();
    const session = earlier.session ?? earlier.released?.deref();
    const origin = earlier.sid === this.sid ? originOf(session) : undefined;
    const known = origin ? { ...origin, text: origin.stored } : earlier;
    if (earlier.sid !== this.sid) this.data = { cookie: {} };
    else {
      this.text = known.text ?? textOf(earlier.data);
      this.version = known.version;
    }
    this.clock = known.clock;
  }

  /** Whether no code of it is expected any more: its handlers have ended, and nobody waits for an acknowledgement. */
  get settled() {
    return this.handled && this.ack === undefined;
  }

  /**
   * Keeps no more than its session from now on, once no code of it is expected. The sockets of a busy process are many, and
   * what each holds until its next event has to be copied by the garbage collector over and over.
   */
  settle() {
    if (!this.settled) return;
    const origin = originOf(this.session);
    if (origin === undefined || origin.sid !== this.sid) return;
    this.text = undefined;
    this.data = undefined;
    origin.settle();
  }

  /**
   * Lets go of what it holds: nothing has happened for a while. The session is made again when it is looked at; who has it
   * keeps it, and it is that one again.
   */
  release() {
    const { session } = this;
    if (this.opened) {
      const origin = originOf(session);
      // One with changes that nobody has saved has nothing else that it could be made of.
      if (origin === undefined || origin.sid !== this.sid || isChanged(origin, session)) return;
      this.released = new WeakRef(session);
      this.text = /** @type {string} */ (origin.stored);
      this.version = origin.version;
      this.clock = origin.clock;
      this.data = undefined;
      this.session = undefined;
      this.request = undefined;
      this.opened = false;
    } else if (this.released?.deref() === undefined) this.released = undefined;
    this.shelve();
  }

  /** Whether it holds no more than its socket's session can be made of again, and nobody has that session. */
  isSpent() {
    const { connection, data, opened, released, sid, shelved, text } = this;
    const isEmpty = text === undefined && !shelved;
    if (opened || released !== undefined || data !== undefined) return false;
    return sid === connection.sid && (sid !== undefined || isEmpty);
  }

  /** Its socket goes on without it. What still has it (code that runs in its scope) sees what the socket does. */
  retire() {
    this.retired = true;
    this.shelved = false;
  }

  /** Lets go of its text, or has it where it takes less. */
  shelve() {
    const { adopted, connection, text } = this;
    const id = this.storedId();
    if (id === undefined || !text || connection.line === -1) return;
    const stored = adopted.readText(id);
    if (stored === text) this.text = stored;
    // In UTF-8 there are no halves of a character. Not in the types of Node.js 20, which has it.
    else if (/** @type {any} */ (text).isWellFormed()) {
      native.shelve(connection.line, text);
      this.text = undefined;
      this.shelved = true;
    }
  }

  /** Has its text back from the shelf. */
  unshelve() {
    if (!this.shelved) return;
    this.shelved = false;
    this.text = native.unshelve(this.connection.line) ?? undefined;
  }

  /** Nobody needs its text any more. */
  forget() {
    if (this.shelved) native.clearShelved(this.connection.line);
    this.shelved = false;
  }

  open() {
    if (this.retired) return this.connection.latest.seen;
    const session = this.released?.deref();
    if (session === undefined) {
      this.unshelve();
      return super.open();
    }
    this.forget();
    this.opened = true;
    this.session = session;
    return session;
  }
}

/**
 * Whether a session is another than it was loaded, or last saved.
 *
 * @param {import('../session/snapshot.js').Origin} origin
 * @param {any} session
 */
function isChanged(origin, session) {
  try {
    return origin.stored === null || origin.isChanged(origin.spell(session));
  } catch {
    return true;
  }
}

module.exports.LastingEvent = LastingEvent;
