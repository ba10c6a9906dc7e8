import { Simulator } from '@lsm/compaction';
import {
  fanOutOf,
  formatScaling,
  levelOf,
  parseScaling,
  shardCount,
  thresholdOf,
  type UnifiedSettings,
  unified,
} from '@lsm/compaction-unified';
import { seededRandom } from '@lsm/core';
import { describe, expect, test } from 'vitest';

const KEYS = 6000;

function load(settings: Partial<UnifiedSettings>, maxTaskEntries = Number.POSITIVE_INFINITY) {
  const simulator = new Simulator(unified(settings), {
    keyCount: KEYS,
    flushEntries: 60,
    tableEntries: 15,
    maxTaskEntries,
  });
  const random = seededRandom(9);
  const newest = new Map<number, number>();
  let space = 0;
  let runs = 0;
  for (let i = 1; i <= 36_000; i++) {
    const key = random.next() % KEYS;
    simulator.put(key);
    newest.set(key, i);
    if (i <= 12_000 || i % 60 !== 0) continue;
    space += simulator.stats.treeBytes / KEYS / 400;
    runs += simulator.stats.runs / 400;
  }
  for (const [key, value] of newest) {
    if (key % 5 === 0) expect(simulator.get(key)).toBe(value);
  }
  return { simulator, writes: simulator.stats.writeAmplification, space, runs };
}

describe('scaling parameters', () => {
  test.each([
    ['L10', -8, 10, 2],
    ['T4', 2, 4, 4],
    ['N', 0, 2, 2],
    ['T10', 8, 10, 10],
    ['L4', -2, 4, 2],
  ])('%s is w = %d: fan-out %d, threshold %d', (text, w, fanOut, threshold) => {
    expect(parseScaling(text)).toBe(w);
    expect(parseScaling(w)).toBe(w);
    expect(formatScaling(w)).toBe(text);
    expect([fanOutOf(w), thresholdOf(w)]).toEqual([fanOut, threshold]);
  });

  test('L2 and T2 are N; anything else is refused', () => {
    expect([parseScaling('L2'), parseScaling('T2')]).toEqual([0, 0]);
    for (const bad of ['T1', 'L0', 'Q4', '', 'T', 'l4', 1.5, 200, null, ['T4']]) {
      expect(() => parseScaling(bad)).toThrow(/scaling/);
    }
    expect(() => unified({ scaling: [] })).toThrow(/scaling/);
    expect(() => unified({ scaling: ['T4', 'X'] })).toThrow(/scaling/);
  });

  test('levels end at products of the fan-outs', () => {
    const scaling = [2, 0, -8];
    const limits = [4, 8, 80, 800];
    for (const [level, limit] of limits.entries()) {
      expect(levelOf(limit * 100 - 1, 100, scaling)).toBe(level);
      expect(levelOf(limit * 100, 100, scaling)).toBe(level + 1);
    }
  });
});

describe('shardCount', () => {
  const MiB = 2 ** 20;
  const sharding = { targetBytes: 100 * MiB, baseShards: 4, growth: 0 };

  test('gives the worked examples: a flush in 4 shards of 50 MiB, a merge of a quarter in 4 of 16', () => {
    expect(shardCount(200 * MiB, sharding)).toBe(4);
    // Six tables of 50 MiB in a quarter of the keys: density 1,200 MiB.
    expect(shardCount(1200 * MiB, sharding)).toBe(16);
    expect((6 * 50) / (16 / 4)).toBe(75);
  });

  test('lets tables grow with the data: about 160 of about 64 GiB instead of 10,240 of 1 GiB', () => {
    const large = { targetBytes: 1024 * MiB, baseShards: 4 };
    const data = 10 * 1024 * 1024 * MiB;
    expect(shardCount(data, { ...large, growth: 0 })).toBe(8192);
    expect(shardCount(data, { ...large, growth: 1 })).toBe(4);
    // Powers of two on either side of the published figure.
    const shards = shardCount(data, { ...large, growth: 0.5 });
    expect(shards).toBeGreaterThanOrEqual(128);
    expect(shards).toBeLessThanOrEqual(256);
  });

  test('makes tables of 0.7 to 1.4 times the target', () => {
    for (let bytes = 400 * MiB; bytes < 1e13; bytes *= 1.3) {
      const ratio = bytes / shardCount(bytes, sharding) / sharding.targetBytes;
      expect(ratio).toBeGreaterThan(0.7);
      expect(ratio).toBeLessThan(1.42);
    }
  });

  test('cuts small data into fewer shards rather than into tiny tables', () => {
    const small = { ...sharding, minBytes: 50 * MiB };
    expect([40, 99, 100, 199, 200].map((mib) => shardCount(mib * MiB, small))).toEqual([
      1, 1, 2, 2, 4,
    ]);
  });
});

describe('unified', () => {
  const leveled = load({ scaling: 'L6' });
  const between = load({ scaling: 'N' });
  const tiered = load({ scaling: 'T6' });

  test('writes less and keeps more runs and space the higher the parameter', () => {
    expect(tiered.writes).toBeLessThan(0.7 * between.writes);
    expect(tiered.writes).toBeLessThan(0.7 * leveled.writes);
    expect(tiered.runs).toBeGreaterThan(2 * leveled.runs);
    expect(tiered.space).toBeGreaterThan(1.3 * leveled.space);
  });

  test('can tier the newest levels and level the others', () => {
    const mixed = load({ scaling: ['T6', 'L6'] });
    expect(mixed.writes).toBeLessThan(leveled.writes);
    expect(mixed.writes).toBeGreaterThan(tiered.writes);
    expect(mixed.space).toBeLessThan(tiered.space);
  });

  test.each(['T4', 'N', 'L4'])('merges %s in pieces where the runs exceed a task', (scaling) => {
    const whole = load({ scaling });
    const pieces = load({ scaling }, 900);
    expect(whole.simulator.stats.largestTaskBytes).toBeGreaterThan(6000);
    expect(pieces.simulator.stats.largestTaskBytes).toBeLessThanOrEqual(900);
    expect(pieces.simulator.stats.rejections).toBe(0);
    expect(pieces.writes).toBeLessThan(1.3 * whole.writes);
  });

  test.each(['L10', 'L4', 'N'])('keeps its bounds with %s in pieces', (scaling) => {
    const strategy = unified({ scaling });
    const sizes = { keyCount: 6000, flushEntries: 50, tableEntries: 25, maxTaskEntries: 750 };
    const simulator = new Simulator(strategy, sizes);
    const random = seededRandom(1);
    for (let flush = 0; flush < 720; flush++) {
      for (let i = 0; i < 50; i++) simulator.put(random.next() % 6000);
      const { runs, treeBytes } = simulator.stats;
      const { maxRuns } = strategy.bounds!({ dataBytes: treeBytes, flushBytes: 50 });
      expect(runs).toBeLessThanOrEqual(maxRuns);
    }
    expect(simulator.stats.largestTaskBytes).toBeLessThanOrEqual(750);
  });

  test('can be had with other settings, and changed on a live tree', () => {
    const strategy = unified({ scaling: 'L10' });
    const other = strategy.withSettings?.({ scaling: 'T4' });
    expect(other?.settings).toMatchObject({ scaling: 'T4', baseShards: 4 });
    const { simulator } = leveled;
    const runs = simulator.runs.length;
    simulator.setStrategy(unified({ scaling: 'T10' }));
    for (let key = 0; key < 2400; key++) simulator.put(key);
    expect(simulator.runs.length).toBeGreaterThan(runs);
    expect(simulator.get(2399)).toBe(simulator.sequence);
  });
});
