'use strict';

// `npm run pack:all`: what is published, as tarballs in dist/: the package, and the addon of each platform that is built here, in
// a package of its own. `--every-target`, for a release: a platform without it is an error.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { buildStaleAddon } = require('./addon');
const { installDependencies } = require('./dependencies');
const { ROOT, StepError, script, step } = require('./step');

const DIST = path.join(ROOT, 'dist');
const PLATFORMS = path.join(DIST, 'npm');
const MAIN = path.join(DIST, 'io-session');
const ADDON = require('../package.json').napi.binaryName;

/** @param {string} folder */
const manifestOf = (folder) => JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'));

/** @param {string} folder @param {object} manifest */
function writeManifest(folder, manifest) {
  fs.writeFileSync(path.join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

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

/** Gives a folder what is built for its platform. @param {string} folder @returns {boolean} whether all of it is here */
function stagePlatform(folder) {
  const manifest = manifestOf(folder);
  if (!fs.existsSync(path.join(ROOT, manifest.main))) return false;
  for (const name of [manifest.main, 'LICENSE'])
    fs.copyFileSync(path.join(ROOT, name), path.join(folder, name));
  return true;
}

/** A folder for each platform. @returns {string[]} those of the platforms that are built here */
function stagePlatforms() {
  step('platform packages', path.join(ROOT, 'node_modules', '.bin', 'napi'), [
    'create-npm-dirs',
    '--npm-dir',
    path.relative(ROOT, PLATFORMS),
  ]);
  return fs
    .readdirSync(PLATFORMS)
    .map((name) => path.join(PLATFORMS, name))
    .filter(stagePlatform);
}

/** The folder of the package itself: neither is in it, each platform's as an optional dependency, to the version. */
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
  writeManifest(MAIN, manifest);
}

/** npm's provenance wants each package to name the repository that it comes from. @param {string} folder */
function nameRepository(folder) {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository } = process.env;
  if (!server || !repository) return;
  const url = `git+${server}/${repository}.git`;
  writeManifest(folder, { ...manifestOf(folder), repository: { type: 'git', url } });
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
      `There is no addon for ${missing.join(', ')}: ${ADDON}.<platform>.node belongs in ${ROOT}.`,
    );
  }
  stageMain();
  const folders = [...built, MAIN];
  for (const folder of folders) nameRepository(folder);
  const relative = folders.map((folder) => `./${path.relative(ROOT, folder).replaceAll(path.sep, '/')}`);
  step('tarballs', 'npm', ['pack', '--silent', '--pack-destination', 'dist', ...relative]);
});
