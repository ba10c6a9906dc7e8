// The packages as users get them: packed, installed by npm into an empty folder outside of the repository, and run
// with plain Node.
//
// 1. `pnpm pack` makes one tarball of each package; a build has to be there.
// 2. For each package a folder: npm installs its tarball, those of the packages that it depends on and that its
//    example names, and nothing else of ours. Packages from elsewhere come from the workspace's node_modules, so that
//    no network is needed. There the example of its README has to run and to print something.
// 3. A strategy and a filter allocator of a third party (third-party/) are compiled against the published types and
//    run under the published engine.

import { spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDERS_AT_ONCE = 2;
const TIME_MS_MAX = 60_000;
const THIRD_PARTY_OUTPUT = 'one-run | 1 | 0 | third party | value 7 of round 2';

const root = fileURLToPath(new URL('..', import.meta.url));
const home = mkdtempSync(join(tmpdir(), 'lsm-packs-'));
const tarballs = join(home, 'tarballs');
const packages = readdirSync(join(root, 'packages'))
  .filter((name) => existsSync(join(root, 'packages', name, 'package.json')))
  .toSorted();
const failures = [];
/** Tarballs of packages from elsewhere: file name → promise. */
const foreign = new Map();

const manifestAt = (folder) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
const folderOf = (name) => join(root, 'packages', name);
const isOurs = (name) => name.startsWith('@lsm/');

function run(command, args, cwd) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: TIME_MS_MAX,
      shell: process.platform === 'win32' && command !== process.execPath,
      env: { ...process.env, NODE_OPTIONS: '', NO_COLOR: '1', FORCE_COLOR: undefined },
    });
    let output = '';
    let errors = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (errors += chunk));
    child.on('error', (error) => resolve({ code: 1, output, errors: error.message }));
    child.on('close', (code) => resolve({ code: code ?? 1, output, errors }));
  });
}

/** Every package that `names` need, as npm writes dependencies on files. */
async function dependenciesOn(names) {
  const found = {};
  const queue = names.map((name) => ({ name: `@lsm/${name}`, from: root }));
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const { name, from } = next;
    if (name in found) continue;
    const folder = isOurs(name) ? folderOf(name.slice('@lsm/'.length)) : foreignFolder(name, from);
    const manifest = manifestAt(folder);
    const file = `${name.replace('@', '').replace('/', '-')}-${manifest.version}.tgz`;
    if (!isOurs(name)) await packForeign(folder, file);
    found[name] = `file:../tarballs/${file}`;
    for (const other of Object.keys(manifest.dependencies ?? {})) {
      queue.push({ name: other, from: folder });
    }
  }
  return found;
}

/** Packs an installed package again. `npm pack` can't be used: it looks for what only the sources have. */
function packForeign(folder, file) {
  if (!foreign.has(file)) foreign.set(file, makeTarball(folder, file));
  return foreign.get(file);
}

async function makeTarball(folder, file) {
  const copy = join(home, 'foreign', file);
  cpSync(folder, join(copy, 'package'), { recursive: true });
  const { code, errors } = await run('tar', ['-czf', `../../tarballs/${file}`, 'package'], copy);
  if (code !== 0) throw new Error(`tar failed: ${errors}`);
}

/** Where pnpm keeps a dependency of the package in a folder: in it, or beside it. */
function foreignFolder(name, from) {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    if (existsSync(candidate)) return realpathSync(candidate);
    if (dirname(folder) === folder)
      throw new Error(`${name} is not installed; run npm test -- install`);
  }
}

/** Makes an empty folder in which npm has installed some packages; null if that failed. */
async function install(title, names) {
  const folder = join(home, title);
  mkdirSync(folder);
  const manifest = { private: true, type: 'module', dependencies: await dependenciesOn(names) };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
  const flags = '--ignore-scripts --no-audit --no-fund --offline --loglevel=error';
  const result = await run('npm', ['install', ...flags.split(' ')], folder);
  if (result.code === 0) return folder;
  failures.push(`${title}: npm install failed\n${result.errors}${result.output}`);
  return null;
}

async function tryPackage(name) {
  const readme = readFileSync(join(folderOf(name), 'README.md'), 'utf8');
  const example = /^```ts\n([\s\S]*?)^```$/m.exec(readme)?.[1];
  if (example === undefined) {
    failures.push(`${name}: its README has no example`);
    return;
  }
  const named = [...example.matchAll(/from '@lsm\/([\w-]+)'/g)].map((match) => match[1]);
  const folder = await install(name, [...new Set([name, ...named])]);
  if (folder === null) return;
  writeFileSync(join(folder, 'example.ts'), example);
  const flags = ['--disable-warning=ExperimentalWarning'];
  const { code, output, errors } = await run(process.execPath, [...flags, 'example.ts'], folder);
  if (code !== 0 || errors !== '' || output.trim() === '') {
    failures.push(
      `${name}: the example of its README, installed alone, exit ${code}\n${output}${errors}`,
    );
  }
}

async function tryThirdParty() {
  const folder = await install('third-party', ['core', 'engine']);
  if (folder === null) return;
  cpSync(join(root, 'tooling/third-party'), join(folder, 'src'), { recursive: true });
  const compilerOptions = {
    target: 'es2023',
    lib: ['es2024', 'esnext.disposable', 'webworker'],
    module: 'nodenext',
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    types: [],
    rootDir: 'src',
    outDir: 'out',
  };
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions, include: ['src'] }),
  );
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  const compiled = await run(process.execPath, [compiler, '--project', '.'], folder);
  if (compiled.code !== 0) {
    failures.push(`third-party: does not compile against the published types\n${compiled.output}`);
    return;
  }
  const { code, output, errors } = await run(process.execPath, ['out/main.js'], folder);
  if (code !== 0 || errors !== '' || output.trim() !== THIRD_PARTY_OUTPUT) {
    failures.push(`third-party: exit ${code}, expected ${THIRD_PARTY_OUTPUT}\n${output}${errors}`);
  }
}

async function tryAll() {
  mkdirSync(tarballs);
  const flags = ['--recursive', '--filter', './packages/*', 'pack', '--pack-destination', tarballs];
  const packed = await run('pnpm', flags, root);
  if (packed.code !== 0) {
    failures.push(`pnpm pack failed\n${packed.errors}${packed.output}`);
    return;
  }
  const queue = [tryThirdParty, ...packages.map((name) => () => tryPackage(name))];
  const work = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await next();
  };
  await Promise.all(Array.from({ length: FOLDERS_AT_ONCE }, work));
}

try {
  await tryAll();
} finally {
  rmSync(home, { recursive: true, force: true, maxRetries: 5 });
}
for (const failure of failures) console.error(failure);
if (failures.length === 0)
  console.log(`${packages.length} packages and two plug-ins work as published.`);
process.exitCode = failures.length === 0 ? 0 : 1;
