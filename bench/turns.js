'use strict';

// The rivals' servers, side by side: they take turns within every round, and everybody goes first in turn, so that
// whatever else the machine does falls on all of them.

const { Stage } = require('./stage.js');
const { median } = require('./statistics.js');

class Turns {
  constructor({ load, redis, rounds, profile, progress }) {
    Object.assign(this, { load, redis, rounds, profile, progress, stages: [], group: undefined });
  }

  // The stages of one group of scenarios serve all of it, and give way to the next.
  async prepare(group, { rivals, store, stack, bytes, size }, begin) {
    if (group === this.group) return;
    await this.close();
    for (const rival of rivals) {
      const { load, redis, profile } = this;
      const stage = await Stage.open({ load, redis, profile, rival, store, stack, bytes, size });
      await begin(stage);
      this.stages.push(stage);
    }
    this.group = group;
  }

  // `act(stage)` gives the CPU that it took of the server, in µs: user and system; all else it gives is kept beside.
  async take(act) {
    const taken = new Map(this.stages.map(({ rival }) => [rival, []]));
    for (let round = 0; round < this.rounds; round += 1) {
      this.progress(round);
      for (let turn = 0; turn < this.stages.length; turn += 1) {
        const stage = this.stages[(round + turn) % this.stages.length];
        const { user, system, ...beside } = await act(stage);
        taken.get(stage.rival).push({ cpu: user + system, user, system, ...beside });
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

module.exports = { Turns };
