import { Simulator } from '@lsm/compaction';
import { type TieredSettings, tiered } from '@lsm/compaction-tiered';
import { type RunInfo, SEQUENCE_MAX, seededRandom, type TreeSnapshot } from '@lsm/core';
import { describe, expect, test } from 'vitest';

/** Runs of the given sizes in flushes, newest first, all over the same keys. */
function tree(sizes: readonly number[], more: Partial<TreeSnapshot> = {}): TreeSnapshot {
  const runs = sizes.map((size, i): RunInfo => {
    const bytes = size * 100;
    const table = {
      id: i,
      bytes,
      entries: bytes,
      minKey: Uint8Array.of(1),
      maxKey: Uint8Array.of(9),
      minSequence: 1,
      maxSequence: 1,
      pointTombstones: 0,
      rangeTombstones: 0,
      reclaimableBytes: 0,
      oldestTombstoneAt: null,
      oldestWriteAt: 0,
      newestWriteAt: 0,
      createdAt: 0,
      filterBitsPerKey: 10,
      busyBy: null,
    };
    return { id: 100 + i, level: 0, tables: [table], bytes, entries: bytes };
  });
  return {
    version: 1,
    now: 0,
    runs,
    inProgress: [],
    oldestReaderSequence: SEQUENCE_MAX,
    flushBytes: 100,
    limits: { maxTasks: 4, maxTaskBytes: 1e9, tableBytes: 100, freeDiskBytes: 1e12 },
    ...more,
  };
}

const inputs = (sizes: readonly number[], settings: Partial<TieredSettings> = {}): unknown =>
  tiered({ maxSpaceAmplification: 100, ...settings })
    .plan(tree(sizes), null)
    .tasks.map((task) => task.inputs);

/** Random overwrites; the simulator afterwards. */
function load(settings: Partial<TieredSettings>, keyCount: number, seed: number): Simulator {
  const simulator = new Simulator(tiered(settings), { keyCount, flushEntries: 50 });
  const random = seededRandom(seed);
  for (let i = 0; i < 5 * keyCount; i++) simulator.put(random.next() % keyCount);
  return simulator;
}

describe('tiered', { timeout: 60_000 }, () => {
  test('merges a tier when it is full, and not before', () => {
    expect(inputs([1, 1, 1, 16])).toEqual([]);
    expect(inputs([1, 1, 1, 1, 16])).toEqual([[0, 1, 2, 3]]);
    expect(inputs([1, 1, 1, 1, 16], { minMergeWidth: 3 })).toEqual([[0, 1, 2, 3]]);
    expect(inputs([1, 1, 1, 1, 1, 1, 16], { maxMergeWidth: 4 })).toEqual([[2, 3, 4, 5]]);
  });

  test('merges several tiers at once', () => {
    expect(inputs([1, 1, 1, 1, 4, 4, 4, 4, 64])).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
    ]);
  });

  test('merges only neighbours in time: small runs behind a large one join its tier', () => {
    expect(inputs([16, 1, 1, 64])).toEqual([]);
    expect(inputs([16, 1, 1, 1, 64])).toEqual([[0, 1, 2, 3]]);
  });

  test('merges all when the newer runs are too much for the oldest', () => {
    expect(inputs([4, 4, 4, 5], { maxSpaceAmplification: 3, ratio: 8 })).toEqual([[0, 1, 2, 3]]);
    expect(inputs([4, 4, 9], { maxSpaceAmplification: 3, ratio: 8 })).toEqual([]);
    // Scylla's example for a goal of 1.25: a last tier of 1000 GB is merged when the second one has 250 GB.
    const goal = { maxSpaceAmplification: 1.25, ratio: 4 };
    expect(inputs([250, 1000], goal)).toEqual([]);
    expect(inputs([251, 1000], goal)).toEqual([[0, 1]]);
    expect(inputs([60, 80, 100, 1000], goal)).toEqual([]);
    expect(inputs([60, 80, 120, 1000], goal)).toEqual([[0, 1, 2, 3]]);
  });

  test('waits with the merge of all for running tasks instead of starting others', () => {
    const snapshot = tree([1, 1, 1, 1, 4, 4]);
    const inProgress = [
      { id: 9, kind: 'merge' as const, inputs: [4], target: 104, inputBytes: 400 },
    ];
    const strategy = tiered({ maxSpaceAmplification: 2 });
    expect(strategy.plan({ ...snapshot, inProgress }, null).tasks).toEqual([]);
  });

  test('keeps the number of runs down, by the cheapest neighbours', () => {
    const sizes = [256, 64, 16, 4, 1].toReversed();
    expect(inputs(sizes, { maxRuns: 5 })).toEqual([]);
    expect(inputs(sizes, { maxRuns: 4 })).toEqual([[0, 1]]);
    expect(inputs(sizes, { maxRuns: 3 })).toEqual([[0, 1, 2]]);
    expect(inputs([4, 4, 4, 64, 256], { maxRuns: 4, ratio: 8 })).toEqual([[0, 1, 2]]);
  });

  test('bounds runs and space under random overwrites', () => {
    for (const settings of [{}, { ratio: 2 }, { ratio: 8, maxSpaceAmplification: 2 }]) {
      const strategy = tiered(settings);
      const keyCount = 5000;
      const simulator = load(settings, keyCount, 1);
      const bounds = strategy.bounds!({ dataBytes: keyCount, flushBytes: 50 });
      expect(simulator.runs.length).toBeLessThanOrEqual(bounds.maxRuns);
      const space = simulator.stats.treeBytes / keyCount;
      expect(space).toBeLessThanOrEqual(bounds.maxSpaceAmplification);
    }
  });

  test('writes less with a higher ratio, over several sizes', () => {
    const cost = (ratio: number): number => {
      let sum = 0;
      for (const keyCount of [2000, 4000, 6000]) {
        sum += load({ ratio, maxSpaceAmplification: 100 }, keyCount, 2).stats.writeAmplification;
      }
      return sum;
    };
    expect(cost(10)).toBeLessThan(0.9 * cost(4));
  });

  test('never rewrites keys that are written in order, and still has few runs', () => {
    const simulator = new Simulator(tiered(), { keyCount: 10_000, flushEntries: 50 });
    for (let key = 0; key < 10_000; key++) simulator.put(key);
    expect(simulator.stats.writeAmplification).toBe(1);
    expect(simulator.runs.length).toBeLessThan(16);
  });

  test('leaves no tombstone in the oldest run, once no snapshot needs it', () => {
    const simulator = new Simulator(tiered(), { keyCount: 500, flushEntries: 20 });
    const random = seededRandom(3);
    for (let i = 0; i < 1000; i++) simulator.put(random.next() % 500);
    const held = simulator.snapshot();
    for (let key = 0; key < 400; key++) simulator.del(key);
    simulator.delRange(400, 450);
    simulator.flush();
    simulator.release(held);
    simulator.settle();
    for (const { pointTombstones, rangeTombstones } of simulator.runs.at(-1)!.tables) {
      expect(pointTombstones + rangeTombstones).toBe(0);
    }
  });

  test('slows writers down, then stops them, by the runs that are too many', () => {
    const delay = (count: number): string =>
      tiered().assess(tree(Array.from({ length: count }, () => 1))).delay;
    expect([10, 11, 22, 23].map(delay)).toEqual(['none', 'slow', 'slow', 'stop']);
  });

  test.each([
    [{ ratio: 1 }, /ratio has to be a number from 2 to 100/],
    [{ minMergeWidth: 1 }, /minMergeWidth has to be at least 2/],
    [{ minMergeWidth: 8, maxMergeWidth: 4 }, /maxMergeWidth has to be at least/],
    [{ maxRun: 4 }, /did you mean "maxRuns"/],
  ])('refuses the settings %j', (settings, message) => {
    expect(() => tiered(settings as object)).toThrow(message);
  });

  test('predicts less writing than leveling would do', () => {
    const cost = tiered().predict!({ dataBytes: 1e11, flushBytes: 64e6 });
    expect(cost.writeAmplification).toBeLessThan(7);
    expect(cost.spaceAmplification).toBeGreaterThan(2);
  });

  test('merges in pieces what is too large for one task, at the same cost', () => {
    const statsFor = (maxTaskEntries: number, settings?: Partial<TieredSettings>) => {
      const simulator = new Simulator(tiered(settings), {
        keyCount: 6000,
        flushEntries: 60,
        tableEntries: 15,
        maxTaskEntries,
      });
      const random = seededRandom(3);
      for (let i = 0; i < 40_000; i++) simulator.put(random.next() % 6000);
      return simulator.stats;
    };
    const whole = statsFor(Number.POSITIVE_INFINITY);
    const pieces = statsFor(900);
    expect(whole.largestTaskBytes).toBeGreaterThan(6000);
    expect(pieces.largestTaskBytes).toBeLessThanOrEqual(900);
    expect(pieces.rejections).toBe(0);
    expect(pieces.writeAmplification).toBeLessThan(1.15 * whole.writeAmplification);
    const tight = { maxSpaceAmplification: 1.5 };
    expect(statsFor(900, tight).peakBytes).toBeLessThan(0.8 * statsFor(60_000, tight).peakBytes);
  });

  test.each([Number.POSITIVE_INFINITY, 750])(
    'keeps to few runs without merging what is large at every flush, tasks up to %d',
    (maxTaskEntries) => {
      const sizes = { keyCount: 6000, flushEntries: 50, tableEntries: 25, maxTaskEntries };
      for (const [maxRuns, most] of [
        [5, 15],
        [8, 5],
      ] as const) {
        const simulator = new Simulator(tiered({ maxRuns }), sizes);
        const random = seededRandom(1);
        for (let i = 0; i < 40_000; i++) simulator.put(random.next() % 6000);
        expect(simulator.runs.length).toBeLessThanOrEqual(maxRuns);
        expect(simulator.stats.writeAmplification).toBeLessThan(most);
        expect(simulator.stats.largestTaskBytes).toBeLessThanOrEqual(maxTaskEntries);
      }
    },
  );

  test('can be had with other settings', () => {
    expect(tiered({ ratio: 6 }).withSettings?.({ maxRuns: 9 }).settings).toMatchObject({
      ratio: 6,
      maxRuns: 9,
    });
    expect(() => tiered().withSettings?.({ ratio: 1 })).toThrow(/ratio/);
  });
});
