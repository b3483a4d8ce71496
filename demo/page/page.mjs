import { chart } from '/chart.mjs';
import { shareSession } from '/io-session/client.js';

const CELLS = 48;
/** How often the page looks at the session, in ms. */
const PULSE = 250;
/** How many lines of the log are kept: the page shall not grow for ever. */
const LINES = 60;

const at = (id) => document.getElementById(id);
const socket = io(at('sockets').dataset.origin, { reconnectionDelay: 250, reconnectionDelayMax: 1000 });
const draw = chart(at('chart'));

/** Ids and keys are secrets; their beginning is enough to tell them apart. */
const shorten = (text) => text.replace(/[\w-]{18,}/g, (id) => `${id.slice(0, 8)}…`);

function log(line) {
  const item = document.createElement('li');
  item.textContent = shorten(line);
  at('log').prepend(item);
  at('log').children[LINES]?.remove();
}

const notify = (text) => {
  at('notice').textContent = text;
};

function show(id, name) {
  at(id).textContent = name ?? 'a stranger';
  at(id).toggleAttribute('data-stranger', name === null);
  if (id === 'http') at('logout').disabled = name === null;
}

function showBinding(words, bound) {
  at('binding').textContent = words;
  at('binding').parentElement.toggleAttribute('data-bound', bound);
}

async function request(method, path, body) {
  log(`→ ${method} ${path}${body ? ` ${JSON.stringify(body)}` : ''}`);
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  const text = await response.text();
  log(`← ${response.status} ${text}`);
  if (!response.ok) throw new Error(`${method} ${path}: status ${response.status}`);
  return JSON.parse(text);
}

async function emit(event, ...args) {
  log(`→ ${[event, ...args.map((arg) => JSON.stringify(arg))].join(' ')}`);
  const answer = await socket.timeout(5000).emitWithAck(event, ...args);
  log(`← ack ${JSON.stringify(answer)}`);
  if (answer.error) throw new Error(answer.error);
  return answer;
}

// The cells are there once, and change their colour.
at('marks').append(...Array.from({ length: CELLS }, () => document.createElement('span')));

function showMarks(marks) {
  const cells = [...at('marks').children];
  for (const [index, cell] of cells.entries()) cell.className = marks[`m${index}`] ?? '';
  const kept = cells.filter((cell) => cell.className !== '').length;
  at('marks').setAttribute('aria-label', `${kept} of ${CELLS} fields are written`);
  return kept;
}

/** What the session holds, over HTTP. */
async function lookByHttp() {
  show('http', (await request('GET', '/me')).name);
}

/** The same, and how long it takes, over the socket. */
async function lookBySocket() {
  const begun = performance.now();
  const { cookie, left, marks, name, stats, tabs } = await socket.timeout(5000).emitWithAck('look');
  at('median').textContent = draw(performance.now() - begun);
  show('socket', name);
  at('cookie').textContent = cookie ? 'with the cookie' : 'no cookie came';
  at('left').textContent = left === null ? 'its own time' : `${Math.ceil(left / 1000)} s`;
  at('tabs').textContent = tabs;
  for (const id of ['events', 'loads', 'commits', 'merges']) at(id).textContent = stats[id];
  return showMarks(marks);
}

async function look() {
  await Promise.all([lookByHttp(), lookBySocket()]);
}

async function race() {
  await emit('clear');
  at('kept').textContent = '…';
  log(`→ ${CELLS / 2} requests and ${CELLS / 2} events at once`);
  const begun = performance.now();
  const writes = Array.from({ length: CELLS }, async (_, cell) => {
    if (cell % 2 === 1) return socket.timeout(5000).emitWithAck('mark', cell);
    const headers = { 'content-type': 'application/json' };
    return fetch('/mark', { method: 'POST', headers, body: JSON.stringify({ cell }) });
  });
  await Promise.all(writes);
  const ms = Math.round(performance.now() - begun);
  at('kept').textContent = `${await lookBySocket()} of ${CELLS} kept, in ${ms} ms`;
}

// A failed step is shown where people look.
const attempt = (action) => (event) => action(event).catch((error) => notify(error.message));
const press = (id, action) => at(id).addEventListener('click', attempt(action));
const submit = (id, action) =>
  at(id).addEventListener('submit', (event) => {
    event.preventDefault();
    attempt(() => action(new FormData(event.target).get('name')))();
  });

submit('login', async (name) => {
  show('http', (await request('POST', '/login', { name })).name);
  notify('Logged in over HTTP: the socket gets the new session, too.');
});
submit('rename', async (name) => {
  await emit('rename', name);
  await look();
  notify('Renamed over the socket. HTTP sees it, and so do all of your tabs.');
});
press('logout', async () => {
  show('http', (await request('POST', '/logout')).name);
});
press('race', race);
press('reconnect', async () => {
  socket.io.engine.close();
});

socket.on(
  'changed',
  attempt(async ({ name }) => {
    log(`← changed ${JSON.stringify({ name })}`);
    const isRenamed = name !== null && at('socket').textContent !== name;
    await look();
    if (isRenamed) notify(`Told without asking: you are ${name} now.`);
  }),
);
socket.on('session:end', ({ reason }) => {
  log(`← session:end ${JSON.stringify({ reason })}`);
  showBinding('unbound', false);
  if (reason === 'expire') notify('The session has expired: every tab has lost it.');
  if (reason === 'destroy') notify('Logged out: every tab has lost the session.');
});
socket.on('connect', () => log(`↔ connected as socket ${socket.id}`));
socket.on('disconnect', (reason) => {
  log(`✂ disconnected: ${reason}`);
  showBinding('cut', false);
});

setInterval(() => {
  if (socket.connected && !document.hidden) lookBySocket().catch(() => {});
}, PULSE);

at('pages').textContent = location.origin;
await shareSession(socket, {
  onBind: attempt(async () => {
    log('↔ the socket has presented its key, and is bound');
    showBinding('bound by key', true);
    await look();
  }),
  onError: (error) => notify(error.message),
}).catch((error) => notify(error.message));
