'use strict';
const Module = require('node:module');
const fs = require('node:fs');
const path = require('node:path');
const lib = path.join(__dirname, '..', 'lib');
const only = process.env.FIX ? process.env.FIX.split(',') : null;
const R = {};
const fix = (n, file, ...pairs) => {
  if (only && !only.includes(String(n))) return;
  (R[path.join(lib, file)] ??= []).push(...pairs);
};
fix(10, 'sockets/connection.js', [
  `    if (oldest?.newer?.newer !== undefined && session.order - oldest.order > MOST_OBJECTS)
      oldest.newer = oldest.newer.newer;`,
  `    if (oldest === undefined) return;
    const pinned = new Set(this.running.map((event) => event.first));
    for (let at = oldest; at.newer?.newer && session.order - at.newer.order >= MOST_OBJECTS; ) {
      if (pinned.has(at.newer)) at = at.newer; else at.newer = at.newer.newer;
    }`,
]);
fix(11, 'sockets/shared-connection.js', [
  `    if (nsp.listenerCount(name) > 0) new SharedEvent(this, nsp, [name, socket]).start();
    if (name`,
  `    if (nsp.listenerCount(name) > 0) {
      const ev = new SharedEvent(this, nsp, [name, socket]);
      if (this.waiting === 0 && (this.storedId === undefined || this.adopted.isAtHand())) ev.startNow();
      else {
        ${process.env.NOHOLD ? '' : 'const h = (this.held ??= []);'}
        const st = ev.start;
        ev.start = () => { const r = st.call(ev); if (name === 'connection') { const held = this.held ?? []; this.held = undefined; for (const p of held) deliver(socket, p); } return r; };
        ev.dispatch();
      }
    }
    if (name`,
]);
fix(11, 'sockets/middleware.js', [
  `else if (connection.held === undefined) connection.welcome(event);`,
  `else if (connection.held === undefined || connection.isWelcome) connection.welcome(event);`,
]);
fix(
  12,
  'sockets/connection.js',
  [
    `    return telling + running.length > 0 && running.every((event) => event instanceof ChangeEvent);`,
    `    return this.committing instanceof ChangeEvent;`,
  ],
  [
    `  commit(event, done) {`,
    `  commit(event, done) { this.committing = event; try { this.commit2(event, done); } finally { this.committing = undefined; } }
  commit2(event, done) {`,
  ],
);
fix(13, 'http/responses.js', [
  `    const { session } = req;
`,
  `    const { session } = req;
    const { reload } = session;
    Object.defineProperty(session, 'reload', { configurable: true, writable: true, value: (cb) => reload.call(session, (e) => { if (!e) this.follow(req, res); cb(e); }) });
`,
]);
fix(14, 'sockets/watch/session-rooms.js', [
  `    if (rooms.has(room) || isInRoom(socket, room)) continue;`,
  `    if (isInRoom(socket, room)) continue;`,
]);
fix(15, 'sockets/socket-io.js', [
  `return socket._anyListeners ?? NONE;`,
  `return socket._anyListeners?.slice() ?? NONE;`,
]);
fix(
  16,
  'sockets/socket-io.js',
  [
    `  return () => delete namespace[method];`,
    `  const ours = namespace[method];
  const had = OWN.has(namespace) ;
  return () => { off = true; if (namespace[method] !== ours) return; if (own) namespace[method] = tell; else delete namespace[method]; };`,
  ],
  [
    `  const tell = namespace[method];
  put(`,
    `  const own = Object.hasOwn(namespace, method);
  let off = false;
  const tell = namespace[method];
  put(`,
  ],
  [`    if (!CONNECTING.has(event) ||`, `    if (off || !CONNECTING.has(event) ||`],
  [`  const had = OWN.has(namespace) ;\n`, ``],
  [
    `  put(socket, FOLLOWER, follower);`,
    `  put(socket, FOLLOWER, follower);
  put(socket, Symbol.for('prev'), Object.fromEntries(['onevent', 'dispatch', 'ack', '_cleanup', teller(socket)].filter((n) => Object.hasOwn(socket, n)).map((n) => [n, socket[n]])));`,
  ],
  [
    `  for (const name of ['onevent', 'dispatch', 'ack', '_cleanup', 'emitReserved', 'emit']) delete socket[name];`,
    `  const prev = socket[Symbol.for('prev')];
  const ours = new Set([...Object.values(METHODS), socket[ONEVENT]]);
  for (const name of ['onevent', 'dispatch', 'ack', '_cleanup', teller(socket)]) {
    if (!ours.has(socket[name])) continue;
    delete socket[name];
    if (prev[name]) socket[name] = prev[name];
  }
  socket[FOLLOWER].off = true;`,
  ],
  [
    `    if (!LEAVING.has(event)) return inherited(this, teller(this)).call(this, event, ...args);`,
    `    if (this[FOLLOWER].off || !LEAVING.has(event)) return own(this, teller(this)).call(this, event, ...args);
    if (this[Symbol.for('prev')][teller(this)]) { const ls = this.rawListeners(event); this.removeAllListeners(event); own(this, teller(this)).call(this, event, ...args); for (const l of ls) this.on(event, l); }`,
  ],
  [`    inherited(this, '_cleanup').call(this);`, `    own(this, '_cleanup').call(this);`],
  [`  return inherited(socket, 'ack').call(socket, id);`, `  return own(socket, 'ack').call(socket, id);`],
  [
    `/** @param {any} object @param {PropertyKey} name @param`,
    `function own(s, n) { return s[Symbol.for('prev')]?.[n] ?? inherited(s, n); }
/** @param {any} object @param {PropertyKey} name @param`,
  ],
);
fix('a', 'session/methods.js', [
  `    promise.catch((error) => req.report?.(error));
    return promise;`,
  `    if (method.name !== 'reload') { promise.catch((error) => req.report?.(error)); return promise; }
    let awaited = false;
    promise.catch((error) => awaited || req.report?.(error));
    const then = promise.then; promise.constructor = undefined;
    promise.then = function (...args) { awaited = true; return then.apply(this, args); };
    return promise;`,
]);
fix('d', 'http/session-key.js', [
  `  if (lookForMistakes(sharing, request)) throw`,
  `  if (typeof session?.save !== 'function' || lookForMistakes(sharing, request)) throw`,
]);
fix('c', 'http/middleware.js', [
  `    const [path] = req.url.split('?', 1);`,
  `    const [path] = req.url.replace(/^https?:\\/\\/[^/]*/, '').split('?', 1);`,
]);
fix(
  'c',
  'support/options.js',
  [
    `typeof value === 'string' && native.isChannel(value),`,
    `typeof value === 'string' && !/^\\.\\.?$/.test(value) && native.isChannel(value),`,
  ],
  [
    "typeof value === 'string' && /^(?:\\/[\\w.~-]+)+$/.test(value);",
    "typeof value === 'string' && /^(?:\\/(?!\\.\\.?(?:\\/|$))[\\w.~-]+)+$/.test(value);",
  ],
);
const load = Module._extensions['.js'];
Module._extensions['.js'] = (module, filename) => {
  const pairs = R[filename];
  if (!pairs) return load(module, filename);
  let text = fs.readFileSync(filename, 'utf8');
  for (const [from, to] of pairs) {
    if (!text.includes(from)) throw new Error(`${filename}: ${from}`);
    text = text.replace(from, () => to);
  }
  module._compile(text, filename);
};
