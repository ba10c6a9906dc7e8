import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { main } from '../src/cli.ts';
import { parseResultsCsv } from '../src/report/results-csv.ts';
import type { BenchResults, RunResult } from '../src/results.ts';

const folder = mkdtempSync(join(tmpdir(), 'lsm-bench-test-'));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => vi.restoreAllMocks());

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly errors: string;
}

async function bench(...args: string[]): Promise<Outcome> {
  let out = '';
  let errors = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    errors += String(text);
    return true;
  });
  const code = await main(args);
  return { code, out, errors };
}

const small = [
  '--operations=1000',
  '--repeats=1',
  '--no-warm-up',
  '--memtable-bytes=32768',
  '--cache-bytes=65536',
  '--table-bytes=65536',
];

describe('compare', () => {
  test('runs strategies and filters on the engine and leaves report, JSON and CSV', async () => {
    const output = join(folder, 'compare');
    const directory = join(folder, 'databases');
    const words = ['--entries=4000', `--output=${output}`, `--directory=${directory}`, ...small];
    const { code, out, errors } = await bench('compare', ...words);
    expect({ code, errors: code === 0 ? '' : errors }).toEqual({ code: 0, errors: '' });
    expect(out).toContain(`Report: ${join(output, 'report.html')}`);
    expect(out).toMatch(/real \(durability os\)/);

    const results = JSON.parse(readFileSync(join(output, 'results.json'), 'utf8')) as BenchResults;
    expect(results.experiments.map(({ runs }) => runs.length)).toEqual([3, 4]);
    for (const run of results.experiments.flatMap(({ runs }) => runs)) expectCounted(run);
    const rows = parseResultsCsv(readFileSync(join(output, 'results.csv'), 'utf8'));
    expect(new Set(rows.map((row) => row['variant'])).size).toBe(7);
    expect(readFileSync(join(output, 'report.html'), 'utf8')).toContain('Filter settings');
    expect(readdirSync(directory)).toEqual([]);
  });

  test('takes data of the user’s own and names its malformed lines', async () => {
    const input = join(folder, 'input.tsv');
    const lines = Array.from({ length: 3000 }, (_, i) => `user:${i % 50}:${i}\t${'x'.repeat(60)}`);
    lines[41] = 'broken';
    writeFileSync(input, lines.join('\n'));
    const flags = [`--input=${input}`, `--output=${folder}`, '--strategies=tiered', '--filters='];
    const { code, out, errors } = await bench(...flags, ...small);
    expect(code, errors).toBe(0);
    expect(errors).toContain(`${input}:42: it has no tab between key and value`);
    expect(out).toContain('2999 entries of a file (1 malformed lines skipped, 0 keys repeated)');
    const strict = await bench(...flags, '--strict');
    expect(strict.code).toBe(2);
    expect(strict.errors).toContain(`${input}:42`);
  });

  test('refuses figures of a store that never left its memory', async () => {
    const words = ['--entries=500', '--no-warm-up', '--repeats=1', `--output=${folder}`];
    const { code, errors } = await bench('workload', 'readrandom', ...words);
    expect(code).toBe(1);
    expect(errors).toMatch(/hardly left the memtable.*--entries/s);
  });
});

describe('--max-seconds', () => {
  test('leaves out repeats, but never the first', async () => {
    const output = join(folder, 'limited');
    const words = ['--entries=2000', '--strategies=hybrid', '--filters=', '--max-seconds=1'];
    const { code, errors } = await bench(...words, `--output=${output}`, ...small, '--repeats=99');
    expect(code, errors).toBe(0);
    expect(errors).toMatch(/real: \d+ of 99 repeats, more would take longer than --max-seconds/);
    const rows = parseResultsCsv(readFileSync(join(output, 'results.csv'), 'utf8'));
    expect(rows[0]!['repeat']).toBe('1');
    expect(Number(rows.at(-1)!['repeat'])).toBeLessThan(99);
  });
});

describe('workload', () => {
  test('runs YCSB and db_bench workloads by name', async () => {
    const output = join(folder, 'workload');
    const names = ['fillbatch', 'readmissing', 'scanreverse', 'ycsb-d', 'ycsb-e'];
    const words = ['--entries=4000', '--strategies=hybrid', `--output=${output}`, ...small];
    const { code, errors } = await bench('workload', ...names, ...words);
    expect(code, errors).toBe(0);
    const { experiments } = JSON.parse(
      readFileSync(join(output, 'results.json'), 'utf8'),
    ) as BenchResults;
    expect(experiments.map(({ runs }) => runs.map(({ workload }) => workload))).toEqual([names]);
  });
});

describe('mistakes', () => {
  test.each([
    [['--repeets=3'], /unknown option '--repeets=3'[\s\S]*--repeats/],
    [['--entries=many'], /"many" is not a whole number/],
    [['--durability=always'], /Allowed choices are memory, os, fsync/],
    [['--strategies=levelled'], /did you mean "leveled"/],
    [['--filters=uniform'], /use monkey, uniform:BITS/],
    [['--strategies=tiered:ratios=4'], /did you mean "ratio"/],
    [['--config=/nowhere.json'], /config file \/nowhere.json can't be used/],
    [['workload', 'readrandm'], /did you mean "readrandom"/],
    [['compare', 'more'], /too many arguments/],
  ])('%j end with a message and exit code 2', async (args, message) => {
    const { code, errors } = await bench(...args);
    expect(errors).toMatch(message);
    expect(errors).not.toMatch(/ {4}at /);
    expect(code).toBe(2);
  });

  test('a config file with an unknown setting is refused', async () => {
    const config = join(folder, 'config.json');
    writeFileSync(config, '{"strategys": ["leveled"]}');
    const { code, errors } = await bench(`--config=${config}`);
    expect(errors).toContain('did you mean "strategies"');
    expect(code).toBe(2);
    expect(existsSync(join(folder, 'reports'))).toBe(false);
  });
});

function expectCounted(run: RunResult): void {
  expect(run.checks.length).toBeGreaterThanOrEqual(4);
  expect(run.amplification!.write).toBeGreaterThan(1);
  expect(run.amplification!.runsPerLookup).toBeGreaterThan(0);
  expect(run.filters!.bytes).toBeGreaterThan(0);
  expect(run.directoryBytes).toBeGreaterThan(0);
  expect(run.samples.length).toBeGreaterThan(1);
}
