// What `npm test` runs: every check of the repository, in order, none skipped because an earlier one
// failed; only without its dependencies installed is there nothing to check. `npm test -- lint layers`
// runs the named steps.
//
// A passing step prints one line; a failing one prints all of its output. Each step counts as one
// passed or failed item, except `tests`, whose items are counted one by one. The counts are kept in
// node_modules/.cache/lsm-check/counts.json, rewritten after each step; `complete` says that the run
// came to its end.

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HEARTBEAT_MS = 60_000;

const root = fileURLToPath(new URL('..', import.meta.url));
const cache = join(root, 'node_modules/.cache/lsm-check');
const countsFile = join(cache, 'counts.json');
const reportFile = join(cache, 'tests.json');

const passed = (note = '') => ({ passed: 1, failed: 0, skipped: 0, note });
const failed = (note = '') => ({ passed: 0, failed: 1, skipped: 0, note });
const skipped = (note) => ({ passed: 0, failed: 0, skipped: 1, note });

const steps = {
  // pnpm runs a script even if the installation before it failed, so ask again and believe the answer.
  install: () => runAll(['pnpm install --frozen-lockfile']),
  build: () => runAll(['turbo run build --output-logs=errors-only']),
  typecheck: () => runAll(['tsc --project tooling/tsconfig.json']),
  lint: () => runAll(['biome check .', 'oxlint --type-aware']),
  layers: () => runAll(['depcruise packages apps --config tooling/dependency-cruiser.cjs']),
  unused: () => runAll(['knip --no-progress']),
  packages: () => runAll(['turbo run pack:check --output-logs=errors-only']),
  packs: () => runAll(['node tooling/packs.mjs']),
  changesets: checkChangesets,
  tests: runTests,
};

/** Runs a command line in the root and resolves with its exit code and all that it printed. */
function run(commandLine) {
  const [command, ...args] = commandLine.split(' ');
  return new Promise((resolve) => {
    let output = '';
    const child = spawn(command, args, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: process.platform === 'win32',
      env: {
        ...process.env,
        PATH: `${join(root, 'node_modules/.bin')}${delimiter}${process.env.PATH}`,
        TURBO_TELEMETRY_DISABLED: '1',
        ...(process.stdout.isTTY
          ? { FORCE_COLOR: '1' }
          : { NO_COLOR: '1', FORCE_COLOR: undefined }),
      },
    });
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    child.on('error', (error) => resolve({ code: 1, output: `${output}${error.message}\n` }));
    child.on('close', (code, signal) => resolve({ code: code ?? 1, signal, output }));
  });
}

/** Runs every command line; one item, which fails if any of them does. */
async function runAll(commandLines) {
  let output = '';
  for (const commandLine of commandLines) {
    const result = await run(commandLine);
    if (result.code !== 0) output += `$ ${commandLine}\n${result.output}`;
  }
  return output === '' ? passed() : { ...failed(), output };
}

/** A change to a package needs a changeset; compared with the newest state that had been shared. */
async function checkChangesets() {
  const base = await changesetBase();
  if (base.commit === undefined) return skipped(base.reason);
  const result = await runAll([`changeset status --since=${base.commit}`]);
  return { ...result, note: `since ${base.name}` };
}

async function git(args) {
  const { code, output } = await run(`git ${args}`);
  return code === 0 ? output.trim() : undefined;
}

async function changesetBase() {
  if ((await git('rev-parse --verify HEAD')) === undefined) return { reason: 'no git history' };
  if ((await git('rev-parse --verify --quiet origin/main')) !== undefined) {
    const commit = await git('merge-base origin/main HEAD');
    if (commit !== undefined) return { commit, name: 'origin/main' };
    return { reason: 'the history is too shallow to reach origin/main' };
  }
  if ((await git('rev-parse --is-shallow-repository')) === 'true') {
    return { reason: 'shallow history without origin/main' };
  }
  const tag = await git('describe --tags --abbrev=0');
  if (tag !== undefined) return { commit: tag, name: tag };
  const commits = await git('rev-list --max-parents=0 HEAD');
  return { commit: commits.split('\n').at(-1), name: 'the first commit' };
}

/** One run of all tests; the numbers come from Vitest's own report. */
async function runTests() {
  rmSync(reportFile, { force: true });
  const outputFile = 'node_modules/.cache/lsm-check/tests.json';
  const result = await run(
    `vitest run --reporter=default --reporter=json --outputFile.json=${outputFile}`,
  );
  const counts = countTests();
  // A file that doesn't load, or an error outside of any test, fails the run without a failed test.
  if (result.code !== 0 && counts.failed === 0) counts.failed = 1;
  return { ...counts, output: counts.failed > 0 ? result.output : '' };
}

function countTests() {
  if (!existsSync(reportFile)) return { passed: 0, failed: 0, skipped: 0 };
  const report = JSON.parse(readFileSync(reportFile, 'utf8'));
  const unloaded = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((t) => t.status === 'failed'),
  );
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + unloaded.length,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;
const colored = (code, text) => (process.stdout.isTTY ? `\u001B[${code}m${text}\u001B[0m` : text);

function markOf(result) {
  if (result.failed > 0) return colored(31, '✖');
  return result.passed > 0 ? colored(32, '✔') : colored(33, '○');
}

function describe(result) {
  const counts = ['passed', 'failed', 'skipped'].filter((kind) => result[kind] > 0);
  const single = result.passed + result.failed + result.skipped === 1;
  const text = counts.map((kind) => (single ? kind : `${result[kind]} ${kind}`)).join(', ');
  return result.note ? `${text} (${result.note})` : text;
}

function printStep(name, result) {
  const line = `${markOf(result)} ${name.padEnd(12)}${seconds(result.durationMs).padStart(8)}`;
  console.log(`${line}  ${describe(result)}`);
  if (result.failed > 0) console.log(`\n${result.output.trimEnd()}\n`);
}

function printTable(results, totals) {
  const rule = '─'.repeat(60);
  console.log(`\n${rule}`);
  for (const [name, result] of results) {
    const time = seconds(result.durationMs).padStart(9);
    console.log(`${markOf(result)} ${name.padEnd(12)}${time}  ${describe(result)}`);
  }
  const totalMs = results.reduce((sum, [, { durationMs }]) => sum + durationMs, 0);
  console.log(`${rule}\n  ${'all'.padEnd(12)}${seconds(totalMs).padStart(9)}  ${describe(totals)}`);
}

function totalsOf(results) {
  const sum = (kind) => results.reduce((count, [, result]) => count + result[kind], 0);
  return { passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped') };
}

function keepCounts(results, complete) {
  const outcome = ([name, { durationMs, ...result }]) => ({
    name,
    passed: result.passed,
    failed: result.failed,
    skipped: result.skipped,
    durationMs: Math.round(durationMs),
  });
  const counts = { ...totalsOf(results), complete, steps: results.map(outcome) };
  writeFileSync(countsFile, `${JSON.stringify(counts, null, 2)}\n`);
}

async function runStep(name) {
  const start = performance.now();
  const heartbeat = setInterval(() => {
    console.log(`… ${name} is still running (${seconds(performance.now() - start)})`);
  }, HEARTBEAT_MS);
  const result = await steps[name]().catch((error) => ({ ...failed(), output: error.stack }));
  clearInterval(heartbeat);
  return { ...result, durationMs: performance.now() - start };
}

const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(steps);
const unknown = names.filter((name) => !Object.hasOwn(steps, name));
if (unknown.length > 0) {
  console.error(`No such step: ${unknown.join(', ')}. Steps: ${Object.keys(steps).join(', ')}.`);
  process.exit(1);
}

mkdirSync(cache, { recursive: true });
console.log(`Node ${process.versions.node}, ${process.platform} ${process.arch}\n`);
const results = [];
keepCounts(results, false);
for (const name of names) {
  const result = await runStep(name);
  results.push([name, result]);
  printStep(name, result);
  keepCounts(results, false);
  if (name === 'install' && result.failed > 0) break;
}
keepCounts(results, true);
const totals = totalsOf(results);
if (results.length > 1) printTable(results, totals);
process.exitCode = totals.failed > 0 ? 1 : 0;
