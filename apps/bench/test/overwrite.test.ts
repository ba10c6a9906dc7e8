import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { main } from '../src/cli.ts';
import { bestForWrites, checkOverwrite } from '../src/overwrite/overwrite-checks.ts';
import { OverwriteData } from '../src/overwrite/overwrite-data.ts';
import type { OverwriteResult } from '../src/overwrite/overwrite-run.ts';

const folder = mkdtempSync(join(tmpdir(), 'lsm-overwrite-test-'));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => vi.restoreAllMocks());

async function bench(...args: string[]): Promise<{ code: number; out: string; errors: string }> {
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
  return { code: await main(['overwrite', ...args]), out, errors };
}

describe('a small run', () => {
  let results: readonly OverwriteResult[];
  let outcome: Awaited<ReturnType<typeof bench>>;

  beforeAll(async () => {
    const output = join(folder, 'report');
    outcome = await bench(
      '--entries=6000',
      '--operations=9000',
      '--memtable-bytes=32768',
      '--table-bytes=16384',
      '--misses=20000',
      '--strategies=hybrid',
      `--directory=${join(folder, 'databases')}`,
      `--output=${output}`,
    );
    ({ results } = JSON.parse(readFileSync(join(output, 'overwrite.json'), 'utf8')));
  }, 60_000);

  test('compares the strategies, and ends by what the checks say', () => {
    expect(results.map(({ strategy }) => strategy)).toEqual(['leveled', 'hybrid']);
    const isBroken = outcome.out.includes('BROKEN');
    expect({ code: outcome.code, isFailing: outcome.errors.includes('Out of bounds') }).toEqual({
      code: isBroken ? 1 : 0,
      isFailing: isBroken,
    });
    expect(readdirSync(join(folder, 'databases'))).toEqual([]);
  });

  test('counts the same work for both, and less writing of hybrid', () => {
    const [leveled, hybrid] = results as [OverwriteResult, OverwriteResult];
    expect(leveled.flushes).toBeGreaterThan(40);
    expect(hybrid.flushes).toBe(leveled.flushes);
    expect(hybrid.userBytes).toBe(9000 * 116);
    expect(hybrid.compactedBytes / leveled.compactedBytes).toBeCloseTo(1, 1);
    expect(leveled.writeAmplification).toBeGreaterThan(hybrid.writeAmplification);
    for (const result of results) {
      expect(result.spaceAmplification).toBeGreaterThan(1);
      expect(result.spaceAmplificationMax).toBeLessThan(2);
      expect(result.misses).toBe(18_000);
      expect(result.runsAskedPerMiss).toBeGreaterThan(1);
      expect(result.blockReadsPerMiss).toBeGreaterThan(0);
      expect(result.blockReadsPerMiss).toBeLessThan(0.5);
    }
    expect(Math.abs(hybrid.filterBytes / leveled.filterBytes - 1)).toBeLessThan(0.2);
  });
});

describe('checks', () => {
  const leveled = {
    strategy: 'leveled',
    writeAmplification: 10,
    spaceAmplification: 1.1,
    filterBytes: 1000,
    blockReadsPerMiss: 0.05,
  } as OverwriteResult;
  const good = {
    ...leveled,
    strategy: 'hybrid',
    writeAmplification: 6,
    spaceAmplification: 1.35,
    filterBytes: 1000,
  };

  test('hold at their bounds', () => {
    expect(checkOverwrite(leveled, [good]).map(({ holds }) => holds)).toEqual(
      Array.from({ length: 4 }, () => true),
    );
  });

  test.each([
    [0, { writeAmplification: 6.01 }],
    [1, { spaceAmplification: 1.351 }],
    [2, { filterBytes: 1021 }],
    [3, { blockReadsPerMiss: 0.0501 }],
  ])('are broken one by one: %i by %o', (index, change) => {
    const checks = checkOverwrite(leveled, [{ ...good, ...change }]);
    expect(checks.findIndex(({ holds }) => !holds)).toBe(index);
    expect(checks.filter(({ holds }) => !holds).length).toBe(1);
  });

  test('ask of the best only strategies that keep the bound on space', () => {
    const wasteful = { ...good, writeAmplification: 3, spaceAmplification: 2 };
    expect(bestForWrites([wasteful, good])).toBe(good);
    expect(bestForWrites([wasteful])).toBe(wasteful);
  });
});

test('data tells a current value from an old one and from that of another key', () => {
  const data = new OverwriteData(10, 100);
  data.write(3);
  const key = Buffer.from(data.key);
  const first = Buffer.from(data.value);
  expect(data.isCurrent(key, first)).toBe(true);
  data.write(3);
  const second = Buffer.from(data.value);
  expect(data.isCurrent(key, first)).toBe(false);
  expect(data.isCurrent(key, second)).toBe(true);
  expect(data.isCurrent(Buffer.from(data.makeKey(4)), second)).toBe(false);
});

test.each([
  [['--strategies=levelled'], /did you mean "leveled"/],
  [['--filter-kind=fuse'], /use bloom or split-block/],
  [['--value-bytes=7'], /multiple of 4/],
])('%j ends with a message and exit code 2', async (args, message) => {
  const { code, errors } = await bench(...args);
  expect({ code, errors }).toEqual({ code: 2, errors: expect.stringMatching(message) });
});
