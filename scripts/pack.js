'use strict';

// `npm run pack:all`: what is published, as tarballs in dist/: the package, and the addon of each platform that is built here, in
// a package of its own. `--every-target`, for a release: a platform without an addon is an error.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { buildStaleAddon } = require('./addon');
const { installDependencies } = require('./dependencies');
const { ROOT, StepError, script, step } = require('./step');

const DIST = path.join(ROOT, 'dist');
const PLATFORMS = path.join(DIST, 'npm');
const MAIN = path.join(DIST, 'io-session');

/** @param {string} folder */
const manifestOf = (folder) => JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'));

/** The files of the package, by npm's own account. @returns {string[]} */
function publishedFiles() {
  const args = ['pack', '--dry-run', '--json', '--ignore-scripts'];
  const { status, stdout, stderr } = spawnSync('npm', args, {
    cwd: ROOT,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  if (status !== 0) throw new StepError(`npm ${args.join(' ')}: ${stderr}`);
  const [{ files }] = Object.values(JSON.parse(stdout));
  return files.map((/** @type {{ path: string }} */ file) => file.path);
}

/** A folder for each platform, with its addon if it is here. @returns {string[]} those that have one */
function stagePlatforms() {
  step('platform packages', path.join(ROOT, 'node_modules', '.bin', 'napi'), [
    'create-npm-dirs',
    '--npm-dir',
    path.relative(ROOT, PLATFORMS),
  ]);
  const folders = fs.readdirSync(PLATFORMS).map((name) => path.join(PLATFORMS, name));
  return folders.filter((folder) => {
    const { main } = manifestOf(folder);
    const built = path.join(ROOT, main);
    if (!fs.existsSync(built)) return false;
    fs.copyFileSync(built, path.join(folder, main));
    fs.copyFileSync(path.join(ROOT, 'LICENSE'), path.join(folder, 'LICENSE'));
    return true;
  });
}

/** The folder of the package itself: no addon in it, each platform's as an optional dependency, to the version. */
function stageMain() {
  for (const file of publishedFiles().filter((name) => !name.endsWith('.node'))) {
    const copy = path.join(MAIN, file);
    fs.mkdirSync(path.dirname(copy), { recursive: true });
    fs.copyFileSync(path.join(ROOT, file), copy);
  }
  // Only a checkout has a use for these. `private` keeps it from being published itself.
  const {
    private: _,
    devDependencies: _tools,
    scripts: _scripts,
    napi: _targets,
    ...manifest
  } = manifestOf(MAIN);
  const platforms = fs.readdirSync(PLATFORMS).map((name) => manifestOf(path.join(PLATFORMS, name)));
  manifest.optionalDependencies = Object.fromEntries(platforms.map(({ name, version }) => [name, version]));
  fs.writeFileSync(path.join(MAIN, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** npm's provenance wants each package to name the repository that it comes from. @param {string} folder */
function nameRepository(folder) {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository } = process.env;
  if (!server || !repository) return;
  const manifest = {
    ...manifestOf(folder),
    repository: { type: 'git', url: `git+${server}/${repository}.git` },
  };
  fs.writeFileSync(path.join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

script(() => {
  const all = process.argv.includes('--every-target');
  installDependencies();
  if (!all) buildStaleAddon();
  for (const folder of [PLATFORMS, MAIN]) fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(PLATFORMS, { recursive: true });
  for (const name of fs.readdirSync(DIST)) if (name.endsWith('.tgz')) fs.rmSync(path.join(DIST, name));

  const built = stagePlatforms();
  const missing = fs.readdirSync(PLATFORMS).filter((name) => !built.includes(path.join(PLATFORMS, name)));
  if (built.length === 0 || (all && missing.length > 0)) {
    throw new StepError(
      `There is no addon for ${missing.join(', ')}: io-session.<platform>.node belongs in ${ROOT}.`,
    );
  }
  stageMain();
  const folders = [...built, MAIN];
  for (const folder of folders) nameRepository(folder);
  const relative = folders.map((folder) => `./${path.relative(ROOT, folder).replaceAll(path.sep, '/')}`);
  step('tarballs', 'npm', ['pack', '--silent', '--pack-destination', 'dist', ...relative]);
});
