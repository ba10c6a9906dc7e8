import {
  falsePositiveRate,
  filterRates,
  type ReplayResult,
  ratesMonkey,
  replayScript,
  TraceKind,
  type WhatIfOptions,
  whatIf,
} from '@lsm/compaction';
import type { CompactionStrategy } from '@lsm/core';
import { IDLE_STRATEGY as IDLE } from '@lsm/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { universal } from '../universal-strategy.ts';
import { EAGER, puts, type Step, traceOf } from './small-traces.ts';

/** A put of these traces has 10 bytes, and 34 in a table. */
const PUT_BYTES = 10;
const ENTRY_BYTES = 34;

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

function replay(
  trace: ReturnType<typeof traceOf>,
  strategy: CompactionStrategy,
  options: WhatIfOptions = {},
) {
  const [row] = whatIf(trace, [{ name: 'x', strategy, setting: null }], options);
  expect(row!.failure).toBeNull();
  return row!.result!;
}

/** Entries that tables were written with for each that a caller wrote. */
function entriesWritten({ writeAmplification }: ReplayResult): number {
  return (writeAmplification * PUT_BYTES) / ENTRY_BYTES;
}

describe('filterRates', () => {
  test('are those of Monkey for a full leveled tree', () => {
    const shape = { ratio: 10, levels: 5, upperRuns: 1, lastRuns: 1 };
    const rates = filterRates([1, 10, 100, 1000, 10_000], 'monkey', 10);
    // The closed form takes the tree as infinitely deep.
    for (const [i, rate] of ratesMonkey(shape, 10).entries()) {
      expect(rates[i]! / rate).toBeCloseTo(1, 1);
    }
  });

  test('take the memory that is given, whatever the runs', () => {
    const runs = fc.array(fc.integer({ min: 1, max: 1e7 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(runs, fc.double({ min: 0.5, max: 20, noNaN: true }), (entries, bitsPerKey) => {
        const rates = filterRates(entries, 'monkey', bitsPerKey);
        let bits = 0;
        for (const [i, rate] of rates.entries()) {
          expect(rate).toBeGreaterThan(0);
          expect(rate).toBeLessThanOrEqual(1);
          bits += (entries[i]! * Math.log(1 / rate)) / Math.LN2 ** 2;
        }
        const all = entries.reduce((sum, count) => sum + count, 0);
        expect(bits / (all * bitsPerKey)).toBeCloseTo(1, 6);
      }),
    );
  });

  test('are equal if dealt uniformly, and 1 without filters', () => {
    const rate = falsePositiveRate(10);
    expect(filterRates([5, 500], 'uniform', 10)).toEqual([rate, rate]);
    expect(filterRates([5, 500], 'none', 10)).toEqual([1, 1]);
  });
});

describe('replayScript', () => {
  test('puts keys in their order', () => {
    const script = replayScript(traceOf(puts([7, 3, 5, 3, 9])));
    expect([script.keyCount, ...script.keys]).toEqual([4, 2, 0, 1, 0, 3]);
  });

  test('knows keys by identity, and orders them by the longest sketch', () => {
    const trace = traceOf([
      [TraceKind.put, 'ab'],
      [TraceKind.put, 'aa'],
    ]);
    const identities = Uint32Array.of(5, 6, 5, 6);
    const sketches = ['a', 'aa', 'ab', 'a'];
    const kinds = Uint8Array.of(1, 1, 1, 1);
    const columns = { kinds, identities, sketches, sizes: Float64Array.of(1, 1, 1, 1) };
    const times = Float64Array.of(0, 1, 2, 3);
    const script = replayScript({ ...trace, operations: { ...columns, times } });
    expect([...script.keys]).toEqual([1, 0, 1, 0]);
  });

  test('takes for there before what is found, and what is written within the old keys', () => {
    const steps: Step[] = [
      [TraceKind.getHit, '5'],
      [TraceKind.getMiss, '6'],
      [TraceKind.put, '2'],
      [TraceKind.put, '9'],
    ];
    const tree = { runs: [{ level: 1, entries: 2, bytes: 200 }], largestKey: '37' };
    const script = replayScript(traceOf(steps, tree));
    // Keys in order: 2 5 6 9.
    expect([script.keyCount, ...script.existing.toSorted()]).toEqual([4, 0, 1]);
  });

  test('fills the tree with keys that nobody asked for, between those that were', () => {
    const tree = { runs: [{ level: 1, entries: 100, bytes: 1000 }], largestKey: '30303130' };
    const script = replayScript(traceOf(puts(range(20)), tree));
    expect([script.keyCount, script.existing.length]).toEqual([109, 100]);
    const old = script.keys.filter((key) => script.existing.includes(key));
    expect(old.length).toBe(11);
    expect([...script.keys]).toEqual([...script.keys].toSorted((a, b) => a - b));
    expect([...script.keys].slice(11)).toEqual(range(9).map((i) => 100 + i));
  });

  test('samples by key: with a key go all its operations, and memtables shrink alike', () => {
    const keys = range(40_000).map((i) => (i * 7919) % 8000);
    const trace = traceOf(puts(keys), {}, 20);
    const script = replayScript(trace, { maxOperations: 10_000 });
    expect(script.sample).toBe(0.25);
    expect(script.keys.length / 10_000).toBeCloseTo(1, 1);
    expect(script.keys.length).toBe(5 * script.keyCount);
    expect(script.flushEntries).toBe(Math.round((40_000 / 20.5) * 0.25));
    // Bytes stay real: fewer keys are larger.
    expect(script.entryBytes).toBe((10 + 24) / 0.25);
  });

  test('does without order if the trace has none', () => {
    const steps: Step[] = [
      ...range(50).map((): Step => [TraceKind.put, '']),
      [TraceKind.rangeDelete, ''],
      [TraceKind.rangeEnd, ''],
    ];
    const trace = traceOf(steps, { sketchBytes: 0 });
    const identities = Uint32Array.from(steps, (_, i) => i);
    const script = replayScript({ ...trace, operations: { ...trace.operations, identities } });
    expect([script.keyCount, script.kinds.length]).toEqual([50, 50]);
  });

  test('passes over a range delete whose end was cut off', () => {
    const script = replayScript(traceOf([...puts([1]), [TraceKind.rangeDelete, '0001']]));
    expect([...script.kinds]).toEqual([TraceKind.put]);
  });

  test('refuses impossible limits', () => {
    expect(() => replayScript(traceOf([]), { maxKeys: 0 })).toThrow(/maxKeys/);
  });
});

describe('whatIf', () => {
  // The published results of the mini-lsm book, by way of a trace.
  test.each([
    [50, ['space'], 8, 82],
    [200, ['space', 'ratio', 'count'], 8, 742],
  ] as const)(
    'writes as published: %d flushes, %j, %d tiers',
    (flushes, triggers, runs, written) => {
      const strategy = universal({
        runs,
        maxSizeAmplificationPercent: 200,
        sizeRatioPercent: 1,
        minMergeWidth: 2,
        triggers,
      });
      const trace = traceOf(puts(range(flushes)), {}, flushes);
      const result = replay(trace, strategy, { bytesPerMs: Number.POSITIVE_INFINITY });
      expect(result).toMatchObject({ flushes, stallMs: 0, debtMs: 0 });
      expect(entriesWritten(result)).toBeCloseTo(written / flushes, 9);
    },
  );

  test('measures space against what is alive', () => {
    const trace = traceOf(puts(range(400).map((i) => i % 10)), {}, 40);
    const { spaceAmplification, peakSpaceAmplification, meanRuns } = replay(trace, IDLE);
    expect(meanRuns).toBeCloseTo(20.5, 9);
    expect(spaceAmplification).toBeCloseTo(20.5, 9);
    expect(peakSpaceAmplification).toBeCloseTo(40, 9);
    expect(replay(trace, EAGER).spaceAmplification).toBeLessThan(2.1);
  });

  test('asks filters by their rates', () => {
    const lookups: Step[] = [
      ...range(10).map((key): Step => [TraceKind.getHit, String(key).padStart(4, '0')]),
      ...range(10).map((key): Step => [TraceKind.getMiss, `000${key}-`]),
    ];
    // Ten runs that all span the keys 0 … 9; the odd memtable holds both ends, and only the first all keys.
    const writes = [...range(10), ...range(90).map((i) => (i % 10 < 5 ? 0 : 9))];
    const trace = traceOf([...puts(writes), ...lookups], {}, 10);
    const without = replay(trace, IDLE, { filter: 'none' });
    // Of the misses, `0009-` lies behind every table.
    expect(without.tablesPerMiss).toBeCloseTo((9 * 10) / 10, 9);
    expect(without.tablesPerHit).toBeCloseTo((2 + 8 * 10) / 10, 9);
    const uniform = replay(trace, IDLE, { filter: 'uniform', bitsPerKey: 10 });
    expect(uniform.tablesPerMiss).toBeCloseTo(9 * Math.exp(-10 * Math.LN2 ** 2), 9);
    const monkey = replay(trace, IDLE, { filter: 'monkey', bitsPerKey: 10 });
    expect(monkey.tablesPerMiss).toBeLessThan(uniform.tablesPerMiss!);
  });

  test('counts the runs and entries that scans pass', () => {
    const steps: Step[] = [...puts(range(40).map((i) => i % 10)), [TraceKind.scan, '0002', 4]];
    const { runsPerScan, entriesPerScanned } = replay(traceOf(steps, {}, 4), IDLE);
    expect([runsPerScan, entriesPerScanned]).toEqual([4, 4]);
    steps.push([TraceKind.scanReverse, '0009', 4]);
    expect(replay(traceOf(steps, {}, 4), IDLE).runsPerScan).toBe(4);
  });

  test('lets writers wait for flushes that the device can not do in time', () => {
    // A memtable of ten entries, 34 bytes each, every 10 ms; its flush takes 34 ms at 10 bytes per ms.
    const trace = traceOf(puts(range(1000)), {}, 100);
    const { stallMs, flushes } = replay(trace, IDLE, { bytesPerMs: 10 });
    expect(flushes).toBe(100);
    // Two may wait; each further one waits for the difference.
    expect(stallMs).toBeGreaterThan(95 * 24);
    expect(stallMs).toBeLessThan(100 * 24);
    expect(replay(trace, IDLE, { bytesPerMs: 100 }).stallMs).toBe(0);
  });

  test('lets writers wait while the strategy wants it, and works off the rest at the end', () => {
    const trace = traceOf(puts(range(1000)), {}, 100);
    const fast = replay(trace, EAGER, { bytesPerMs: 100_000 });
    const slow = replay(trace, EAGER, { bytesPerMs: 1000 });
    expect([fast.stallMs, fast.slowShare]).toEqual([0, 0]);
    expect(slow.stallMs).toBeGreaterThan(100);
    expect(slow.slowShare).toBeGreaterThan(0.2);
    expect(slow.writeAmplification).toBeLessThan(fast.writeAmplification);
    expect(slow.debtMs).toBeGreaterThan(0);
    expect(slow.largestTaskBytes).toBeGreaterThan(900 * ENTRY_BYTES);
  });

  test('writes what was there before, and does not count it', () => {
    const tree = { runs: [{ level: 1, entries: 100, bytes: 1800 }], largestKey: '30303939' };
    const trace = traceOf(puts(range(100)), tree, 10);
    const result = replay(trace, EAGER);
    expect(result.flushes).toBe(10);
    // Ten flushes of 10 entries, each merged with the 100 that are alive throughout.
    expect(entriesWritten(result)).toBeCloseTo(11, 9);
    expect(result.meanRuns).toBe(2);
  });

  test('deletes ranges of keys, and forgets those that hold none', () => {
    const steps: Step[] = [
      ...puts(range(20)),
      [TraceKind.rangeDelete, '0000'],
      [TraceKind.rangeUpper, '0005'],
      [TraceKind.rangeDelete, '0007a'],
      [TraceKind.rangeUpper, '0007b'],
      [TraceKind.rangeDelete, '0015'],
      [TraceKind.rangeEnd, ''],
      ...puts(range(27).map(() => 7)),
    ];
    // Memtables of eleven: 11 puts; 9 of which 5 are covered at once, and two range
    // tombstones, one over nothing older; 7 alone; again.
    const { flushes, spaceAmplification } = replay(traceOf(steps, {}, 4), IDLE);
    expect(flushes).toBe(4);
    // 0 … 4 and 15 … 19 are deleted, so ten keys are alive.
    expect(spaceAmplification).toBeCloseTo((11 / 11 + 16 / 10 + 17 / 10 + 18 / 10) / 4, 9);
  });

  test('says of a strategy that fails why, and goes on', () => {
    const broken: CompactionStrategy = {
      ...IDLE,
      plan: () => {
        throw new Error('no idea');
      },
    };
    const candidates = [
      { name: 'broken', strategy: broken, setting: 'broken' },
      { name: 'idle', strategy: IDLE, setting: 'idle' },
    ];
    const rows = whatIf(traceOf(puts(range(100)), {}, 10), candidates);
    expect(rows[0]).toEqual({
      name: 'broken',
      setting: 'broken',
      result: null,
      failure: 'no idea',
    });
    expect(entriesWritten(rows[1]!.result!)).toBeCloseTo(1, 9);
  });

  test('gives the same rows for the same trace', () => {
    const trace = traceOf(puts(range(3000).map((i) => (i * i) % 700)), {}, 60);
    const once = (): unknown => whatIf(trace, [{ name: 'x', strategy: EAGER, setting: 1 }]);
    expect(once()).toEqual(once());
  });
});
