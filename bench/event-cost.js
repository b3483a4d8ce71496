'use strict';

// Server CPU per event, the rivals in turn within every round.

const { Stage } = require('./stage.js');
const { median } = require('./statistics.js');

const SOCKETS = 50;
const COMPILED_AFTER = 5000;

class EventCost {
  constructor({ load, redis, rivals, settings }) {
    Object.assign(this, { load, redis, rivals, settings, stages: [], group: undefined });
  }

  // The stages of one store and size serve all of its events, and give way to the next.
  async prepare({ store, size }) {
    const group = `${store}/${size.label}`;
    if (group === this.group) {
      return;
    }
    await this.close();
    for (const rival of this.rivals) {
      const { load, redis } = this;
      const stage = await Stage.open({ load, redis, rival, store, bytes: size.bytes, size: SOCKETS });
      await stage.connect();
      this.stages.push(stage);
    }
    this.group = group;
  }

  async measure(scenario, progress) {
    await this.prepare(scenario);
    const { rounds, events, warmUp, inFlight } = this.settings;
    const { event } = scenario;
    const rate = inFlight === 0 ? scenario.size.rate : undefined;
    const warming = { event, inFlight: Math.max(1, inFlight) };
    const taken = new Map(this.rivals.map((rival) => [rival, []]));

    // Until the code is compiled, nobody is measured.
    for (const stage of this.stages) {
      await stage.crowdDoes('run', { ...warming, count: Math.max(events, COMPILED_AFTER) });
    }
    for (let round = 0; round < rounds; round += 1) {
      progress(round);
      // Everybody goes first in turn.
      for (let turn = 0; turn < this.stages.length; turn += 1) {
        const stage = this.stages[(round + turn) % this.stages.length];
        await stage.crowdDoes('run', { ...warming, count: warmUp });
        await stage.server.ask('startCpu');
        const run = await stage.crowdDoes('run', { event, count: events, inFlight, rate });
        const { user, system } = await stage.server.ask('stopCpu');
        taken.get(stage.rival).push({
          cpu: (user + system) / run.events,
          user: user / run.events,
          system: system / run.events,
          eventsPerSecond: Math.round((run.events / run.wall) * 1e6),
        });
      }
    }
    if (event === 'write') {
      for (const stage of this.stages.filter(({ binds }) => binds)) {
        await stage.crowdDoes('run', { event, count: SOCKETS, inFlight: 1 });
        await stage.crowdDoes('checkSaved');
      }
    }

    return Object.fromEntries(
      [...taken].map(([rival, rows]) => [rival, { cpu: median(rows.map(({ cpu }) => cpu)), rounds: rows }]),
    );
  }

  async close() {
    for (const stage of this.stages) {
      await stage.close();
    }
    this.stages = [];
    this.group = undefined;
  }
}

module.exports = { EventCost };
