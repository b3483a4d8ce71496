'use strict';

// The load generator, a process of its own: crowds of browsers, each crowd on one server.

const { answer } = require('./child.js');
const { Browser } = require('./browser.js');

const LANES = 25;
// How often `pace` sends, in ms.
const BEAT = 2;

const crowds = new Map();
// Those of a crowd that stay connected, whatever it does.
const residents = new Map();

// Runs `task` on every browser, some at a time.
async function each(browsers, task) {
  let position = 0;
  const lane = async () => {
    while (position < browsers.length) {
      await task(browsers[position++]);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

function drive(browser, { event, count, inFlight }) {
  return new Promise((resolve) => {
    let sent = 0;
    let answered = 0;
    const send = () => {
      sent += 1;
      browser.lastEvent = (browser.lastEvent ?? 0) + 1;
      browser.socket.emit(event, { number: browser.lastEvent }, () => {
        answered += 1;
        if (sent < count) {
          send();
        } else if (answered === count) {
          resolve();
        }
      });
    };
    for (let index = 0; index < Math.min(inFlight, count); index += 1) {
      send();
    }
  });
}

// Sends at a steady rate, whatever the answers take: every rival's server has the same load then, and wakes as often.
function pace(browsers, { event, count, rate }) {
  return new Promise((resolve) => {
    let sent = 0;
    let answered = 0;
    const started = performance.now();
    const beat = () => {
      const due = Math.min(count, Math.floor(((performance.now() - started) / 1000) * rate));
      while (sent < due) {
        const browser = browsers[sent % browsers.length];
        sent += 1;
        browser.lastEvent = (browser.lastEvent ?? 0) + 1;
        browser.socket.emit(event, { number: browser.lastEvent }, () => {
          answered += 1;
          if (answered === count) resolve();
        });
      }
      if (sent < count) setTimeout(beat, BEAT);
    };
    beat();
  });
}

answer({
  async login({ crowd, port, socketIo, size, bytes }) {
    const browsers = Array.from({ length: size }, (_, number) => new Browser({ port, number, socketIo }));
    crowds.set(crowd, browsers);
    await each(browsers, (browser) => browser.login(bytes));
  },

  // Everybody looks at a page, whose request reads the session.
  async visit({ crowd }) {
    await each(crowds.get(crowd), (browser) => browser.get('/last-event'));
  },

  async connect({ crowd, binding }) {
    await each(crowds.get(crowd), (browser) => browser.connectBound(binding));
  },

  // The first of a crowd connect, and leave it to itself.
  async stay({ crowd, binding, count }) {
    const staying = crowds.get(crowd).splice(0, count);
    residents.set(crowd, staying);
    await each(staying, (browser) => browser.connectBound(binding));
  },

  async checkBound({ crowd }) {
    await each(crowds.get(crowd), (browser) => browser.checkBound());
  },

  async fetchKeys({ crowd }) {
    await each(crowds.get(crowd), (browser) => browser.fetchKey());
  },

  disconnect({ crowd }) {
    for (const browser of crowds.get(crowd)) browser.close();
  },

  async bind({ crowd }) {
    await each(crowds.get(crowd), (browser) => browser.bind());
  },

  // Connected again without a new login: a reconnect, as the handshake sees it.
  async reconnect({ crowd }) {
    await each(crowds.get(crowd), async (browser) => {
      browser.close();
      await browser.connect();
    });
  },

  async run({ crowd, event, count, inFlight, rate }) {
    const browsers = crowds.get(crowd);
    const share = Math.ceil(count / browsers.length);
    const started = process.hrtime.bigint();
    if (rate) await pace(browsers, { event, count: share * browsers.length, rate });
    else await Promise.all(browsers.map((browser) => drive(browser, { event, count: share, inFlight })));
    return { events: share * browsers.length, wall: Number(process.hrtime.bigint() - started) / 1000 };
  },

  // After `write` events: what was written last is what HTTP reads.
  async checkSaved({ crowd }) {
    await each(crowds.get(crowd), async (browser) => {
      const { lastEvent } = await browser.get('/last-event');
      if (lastEvent !== browser.lastEvent) {
        throw new Error(`session ${browser.number} holds event ${lastEvent} instead of ${browser.lastEvent}`);
      }
    });
  },

  close({ crowd }) {
    for (const browser of [...crowds.get(crowd), ...(residents.get(crowd) ?? [])]) {
      browser.close();
    }
    crowds.delete(crowd);
    residents.delete(crowd);
  },
});
