import { Simulator, type SimulatorOptions } from '@lsm/compaction';
import { FLUID_PRESETS, fluidPreset, type HybridSettings, hybrid } from '@lsm/compaction-hybrid';
import { leveled } from '@lsm/compaction-leveled';
import { tiered } from '@lsm/compaction-tiered';
import { type CompactionStrategy, seededRandom, type TableInfo } from '@lsm/core';
import { treeRun, treeSnapshot, treeTable } from '@lsm/testkit';
import { describe, expect, test } from 'vitest';

const KEYS = 12_000;
const SIZES: SimulatorOptions = {
  keyCount: KEYS,
  flushEntries: 100,
  tableEntries: 25,
  maxTaskEntries: 1200,
  maxTasks: 1,
};

/** Random overwrites; counts only what came after the tree was full. */
function load(
  strategy: CompactionStrategy,
  puts = 5 * KEYS,
): { readonly simulator: Simulator; readonly writes: number; readonly space: number } {
  const simulator = new Simulator(strategy, SIZES);
  const random = seededRandom(7);
  let before = simulator.stats;
  let space = 0;
  let samples = 0;
  for (let i = 0; i < puts; i++) {
    simulator.put(random.next() % KEYS);
    if (i === 2 * KEYS) before = simulator.stats;
    if (i > 2 * KEYS && i % 500 === 0) {
      space += simulator.stats.treeBytes / KEYS;
      samples++;
    }
  }
  const after = simulator.stats;
  const writes =
    (after.writtenBytes - before.writtenBytes) / (after.flushedBytes - before.flushedBytes);
  return { simulator, writes, space: space / samples };
}

function runsByLevel(simulator: Simulator): number[] {
  const counts: number[] = [];
  for (const { level } of simulator.runs) counts[level] = (counts[level] ?? 0) + 1;
  return Array.from(counts, (count) => count ?? 0);
}

describe('hybrid', { timeout: 60_000 }, () => {
  test('is lazy leveling by default: several runs above, one last run that holds most', () => {
    const { simulator } = load(hybrid());
    const counts = runsByLevel(simulator);
    expect(counts.at(-1)).toBe(1);
    expect(Math.max(...counts.slice(1, -1))).toBeLessThanOrEqual(3);
    const last = simulator.runs.at(-1)!.tables.reduce((sum, table) => sum + table.entries, 0);
    expect(last).toBeGreaterThan(0.9 * KEYS);
  });

  test.each([
    ['hybrid, one run a level', hybrid({ upperRuns: 1 }), 1.15],
    ['hybrid', hybrid(), 1.05],
    ['tiered', tiered(), 1.05],
  ])('%s writes little more in pieces than it would in whole merges', (_, strategy, most) => {
    const keyCount = 8500;
    const written = (sizes: Partial<SimulatorOptions>): number => {
      const random = seededRandom(7);
      const simulator = new Simulator(strategy, { ...SIZES, ...sizes, keyCount });
      for (let i = 0; i < 8 * keyCount; i++) simulator.put(random.next() % keyCount);
      return simulator.stats.writeAmplification;
    };
    const whole = written({ maxTaskEntries: Number.POSITIVE_INFINITY });
    expect(written({}) / whole).toBeLessThan(most);
  });

  test('moves a large run that was left in L0 down instead of merging it with the others', () => {
    const wide = (id: number): TableInfo => treeTable(id, 'a-z');
    const keys = Array.from({ length: 26 }, (_, i) => String.fromCodePoint(97 + i));
    const large = keys.map((key, i) => treeTable(100 + i, key));
    const level0 = [0, 1, 2, 3].map((i) => treeRun(i, 0, [wide(i)]));
    const last = treeRun(9, 8, [treeTable(200, 'a-z', { bytes: 1e5 })]);
    const runs = [...level0, treeRun(5, 0, large), last];
    const [task, ...more] = hybrid().plan(treeSnapshot(runs), null).tasks;
    expect(task).toMatchObject({ kind: 'move', inputs: large.map(({ id }) => id) });
    expect(more).toEqual([]);
    const [merge] = hybrid().plan(treeSnapshot([...level0, last]), null).tasks;
    expect(merge).toMatchObject({ kind: 'merge', inputs: [3, 2, 1, 0] });
  });

  test.each([240, 400])(
    'writes no more with memtables of %d, a full L0 of which is more than a task',
    (flushEntries) => {
      const keyCount = 8000;
      const simulator = new Simulator(hybrid(), {
        keyCount,
        flushEntries,
        tableEntries: 50,
        maxTaskEntries: 1200,
      });
      const random = seededRandom(3);
      for (let i = 0; i < 5 * keyCount; i++) simulator.put(random.next() % keyCount);
      expect(simulator.stats.writeAmplification).toBeLessThan(5);
      expect(simulator.stats.largestTaskBytes).toBeLessThanOrEqual(1200);
    },
  );

  test('writes less than leveled and takes less space than tiered', () => {
    const lazy = load(hybrid());
    const level = load(leveled());
    const tier = load(tiered());
    expect(lazy.writes).toBeLessThan(0.8 * level.writes);
    expect(tier.writes).toBeLessThan(0.8 * level.writes);
    expect(lazy.space).toBeLessThan(0.9 * tier.space);
    expect(lazy.simulator.runs.length).toBeLessThanOrEqual(13);
  });

  test('bounds its tasks, however large the last level', () => {
    const { simulator } = load(hybrid());
    expect(simulator.stats.largestTaskBytes).toBeLessThan(0.2 * KEYS);
    const tieredTask = load(tiered()).simulator.stats.largestTaskBytes;
    expect(tieredTask).toBeLessThan(0.5 * KEYS);
  });

  test.each(FLUID_PRESETS)('bounds the tasks of %s', (preset) => {
    const cap = 600;
    const simulator = new Simulator(hybrid(fluidPreset(preset)), {
      keyCount: 4000,
      flushEntries: 40,
      tableEntries: 10,
      maxTaskEntries: cap,
    });
    const random = seededRandom(7);
    for (let i = 0; i < 20_000; i++) simulator.put(random.next() % 4000);
    const { largestTaskBytes, rejections } = simulator.stats;
    expect(rejections).toBe(0);
    expect(largestTaskBytes).toBeLessThanOrEqual(cap);
  });

  test('takes a list of ratios from the base level down', () => {
    expect(hybrid({ ratio: [8, 4, 2] }).settings).toMatchObject({
      ratio: [8, 4, 2],
      upperRuns: [7, 3, 1],
    });
    const one = load(hybrid({ ratio: [4] }));
    const same = load(hybrid({ ratio: 4, upperRuns: [3] }));
    expect(one.writes).toBe(same.writes);
    expect(() => hybrid({ ratio: [] })).toThrow(/ratio/);
    expect(() => hybrid({ ratio: [4, 1] })).toThrow(/ratio/);
  });

  test('can be had with other settings', () => {
    expect(hybrid({ ratio: 6 }).withSettings?.({ lastRuns: 2 }).settings).toMatchObject({
      ratio: 6,
      lastRuns: 2,
    });
    expect(() => hybrid().withSettings?.({ lastRun: 2 })).toThrow(/lastRuns/);
  });

  test.each([
    ['K = Z = 1, leveling by runs', { upperRuns: 1 }],
    ['Z = 3, tiering', { lastRuns: 3 }],
    ['K as a list', { upperRuns: [3, 1] }],
    ['T = 8', { ratio: 8 }],
    ['T = 2', { ratio: 2 }],
    ['no L0 to speak of', { level0Runs: 1 }],
  ] satisfies [string, Partial<HybridSettings>][])('keeps its bounds with %s', (_, settings) => {
    const strategy = hybrid(settings);
    const { simulator } = load(strategy, 3 * KEYS);
    const bounds = strategy.bounds!({ dataBytes: KEYS, flushBytes: 100 });
    expect(simulator.runs.length).toBeLessThanOrEqual(bounds.maxRuns);
    const space = simulator.stats.treeBytes / KEYS;
    expect(space).toBeLessThanOrEqual(bounds.maxSpaceAmplification);
    expect(strategy.assess(simulator.tree()).quiescent).toBe(true);
  });

  test('cuts the runs above the last one at common borders', () => {
    const { simulator } = load(hybrid({ ratio: 8 }));
    const upper = simulator.runs.filter(({ level }) => level === 7);
    expect(upper.length).toBeGreaterThan(1);
    for (const run of upper) expect(run.tables.length).toBeGreaterThan(4);
  });

  test('never rewrites keys that are written in order', () => {
    const simulator = new Simulator(hybrid(), { ...SIZES, settles: true });
    for (let key = 0; key < KEYS; key++) simulator.put(key);
    expect(simulator.stats.writeAmplification).toBe(1);
    expect(simulator.runs.length).toBeLessThan(8);
  });

  test('leaves no tombstone in the oldest run, once no snapshot needs it', () => {
    const simulator = new Simulator(hybrid(), {
      keyCount: 500,
      flushEntries: 20,
      tableEntries: 20,
    });
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

  test.each([
    [{ ratio: 1 }, /ratio has to be a number from 2 to 100/],
    [{ upperRuns: [] }, /upperRuns has to have an entry/],
    [{ upperRuns: [0] }, /integer from 1 to 100/],
    [{ stopRuns: 4 }, /stopRuns has to be above/],
    [{ lastLevels: 4 }, /did you mean "lastLevel"/],
  ])('refuses the settings %j', (settings, message) => {
    expect(() => hybrid(settings as object)).toThrow(message);
  });

  test('slows writers down, then stops them, by the runs of L0', () => {
    const simulator = new Simulator(hybrid(), { keyCount: 50, flushEntries: 1, settles: false });
    const delays: string[] = [];
    for (let key = 0; key < 24; key++) {
      simulator.put(key);
      delays.push(hybrid().assess(simulator.tree()).delay);
    }
    expect([delays[10], delays[11], delays[22], delays[23]]).toEqual([
      'none',
      'slow',
      'slow',
      'stop',
    ]);
  });

  test.each([
    ['leveled', leveled()],
    ['tiered', tiered()],
    ['hybrid', hybrid()],
  ])('%s keeps no queue large that is deleted by ranges', (_, strategy) => {
    const [live, count] = [1000, 6000];
    const sizes = { flushEntries: 50, tableEntries: 25, maxTaskEntries: 600 };
    const simulator = new Simulator(strategy, { keyCount: count, ...sizes });
    let worst = 0;
    for (let key = 0, oldest = 0; key < count; key++) {
      simulator.put(key);
      if (key - oldest < live + 25) continue;
      simulator.delRange(oldest, oldest + 25);
      oldest += 25;
      worst = Math.max(worst, simulator.stats.treeBytes);
    }
    expect(simulator.stats.coveredTables).toBeGreaterThan(0.8 * (count / 50 - live / 50));
    expect(worst).toBeLessThan(1.5 * live);
  });

  test('moves the newest entries of a queue down though its oldest are deleted by ranges beside them', () => {
    const [live, count] = [2000, 10_000];
    const simulator = new Simulator(hybrid(), {
      keyCount: count,
      flushEntries: 50,
      tableEntries: 25,
      maxTaskEntries: 600,
    });
    for (let key = 0, oldest = 0; key < count; key++) {
      simulator.put(key);
      if (key - oldest < live + 25) continue;
      simulator.delRange(oldest, oldest + 25);
      oldest += 25;
    }
    const { writeAmplification, treeBytes } = simulator.stats;
    // 8 to 50 times, growing with the queue, while one table held deletes of the oldest and the newest entries.
    expect(writeAmplification).toBeLessThan(2.5);
    expect(treeBytes).toBeLessThan(2 * live);
  });

  test('predicts what it costs between leveling and tiering', () => {
    const workload = { dataBytes: 1e11, flushBytes: 64e6 };
    const cost = hybrid().predict!(workload).writeAmplification;
    expect(cost).toBeLessThan(leveled().predict!(workload).writeAmplification);
    expect(cost).toBeGreaterThan(tiered().predict!(workload).writeAmplification);
  });
});
