'use strict';

// The places where the asynchronous code of an app goes on: libraries that run a job later, two at a time, and mostly in the
// async context of whoever came before. `PLACES[name](t, pool)` gives `run(socket, job)`; `pool` is one of `pg`.

const { EventEmitter, on } = require('node:events');
const { setImmediate: turn } = require('node:timers/promises');
const async = require('async');
const Bottleneck = require('bottleneck');
const genericPool = require('generic-pool');
const pLimit = require('p-limit');
const { default: PQueue } = require('p-queue');
const { Subject, concatMap } = require('rxjs');

const WORKERS = 2;

// As many database drivers do it: who gives a worker back runs the next callback.
function callbackPool() {
  const waiting = [];
  let idle = WORKERS;
  const next = () => {
    if (idle === 0 || waiting.length === 0) return;
    idle -= 1;
    const job = waiting.shift();
    setTimeout(() => {
      job();
      idle += 1;
      next();
    }, 1);
  };
  return (job) => {
    waiting.push(job);
    next();
  };
}

const PLACES = {
  "the callback of pg's pool.query": (_t, pool) => (_socket, job) => pool.query('SELECT 1', () => job()),

  'the callback of a pool': () => {
    const work = callbackPool();
    return (_socket, job) => work(job);
  },

  // The first answer runs all that wait, as the reader of a message queue does.
  'the listener of one emitter': () => {
    const replies = new EventEmitter();
    const waiting = [];
    replies.on('reply', () => {
      for (const job of waiting.splice(0)) job();
    });
    return (_socket, job) => {
      waiting.push(job);
      setImmediate(() => replies.emit('reply'));
    };
  },

  'p-queue': () => {
    const queue = new PQueue({ concurrency: WORKERS });
    return (_socket, job) => queue.add(() => turn().then(job));
  },

  'p-limit': () => {
    const limit = pLimit(WORKERS);
    return (_socket, job) => limit(() => turn().then(job));
  },

  bottleneck: () => {
    const limiter = new Bottleneck({ maxConcurrent: WORKERS });
    return (_socket, job) => limiter.schedule(() => turn().then(job));
  },

  "async's queue": () => {
    const queue = async.queue((job, done) => {
      setImmediate(() => {
        job();
        done();
      });
    }, WORKERS);
    return (_socket, job) => queue.push(job);
  },

  'generic-pool': () => {
    const resources = { create: async () => ({}), destroy: async () => {} };
    const pool = genericPool.createPool(resources, { max: WORKERS });
    return async (_socket, job) => {
      const resource = await pool.acquire();
      await turn();
      job();
      pool.release(resource);
    };
  },

  'concatMap of RxJS': (t) => {
    const jobs = new Subject();
    const running = jobs.pipe(concatMap((job) => turn().then(job))).subscribe();
    t.after(() => running.unsubscribe());
    return (_socket, job) => jobs.next(job);
  },

  'for await of events.on': (t) => {
    const emitter = new EventEmitter();
    const end = new AbortController();
    const working = (async () => {
      for await (const [job] of on(emitter, 'job', { signal: end.signal })) {
        await turn();
        job();
      }
    })();
    t.after(async () => {
      end.abort();
      await working.catch(() => {});
    });
    return (_socket, job) => emitter.emit('job', job);
  },

  'a timer': () => (_socket, job) => setTimeout(job, 1),

  // The client is asked back, and answers.
  'the callback of socket.emit': () => (socket, job) => socket.emit('question', () => job()),
};

module.exports = { PLACES, callbackPool };
