import { type RunView, Simulator } from '@lsm/compaction';
import { leveled } from '@lsm/compaction-leveled';
import {
  type CompactionTask,
  type RunInfo,
  SEQUENCE_MAX,
  seededRandom,
  type TableInfo,
  type TreeSnapshot,
} from '@lsm/core';
import { treeTable as table } from '@lsm/testkit';
import { describe, expect, test } from 'vitest';

function run(id: number, level: number, ...tables: TableInfo[]): RunInfo {
  return { id, level, tables, bytes: 100 * tables.length, entries: 10 * tables.length };
}

function tree(runs: readonly RunInfo[], more: Partial<TreeSnapshot> = {}): TreeSnapshot {
  return {
    version: 1,
    now: 0,
    runs,
    inProgress: [],
    oldestReaderSequence: SEQUENCE_MAX,
    flushBytes: 100,
    limits: { maxTasks: 4, maxTaskBytes: 1600, tableBytes: 100, freeDiskBytes: 1e12 },
    ...more,
  };
}

/** Level 0 of `count` runs over the same range. */
const level0 = (count: number, range = 'a-q'): RunInfo[] =>
  Array.from({ length: count }, (_, i) => run(100 + i, 0, table(200 + i, range)));

const plan = (snapshot: TreeSnapshot, settings = {}): readonly CompactionTask[] =>
  leveled(settings).plan(snapshot, {}).tasks;

function tagsOf(runs: readonly RunView[]): number[] {
  return runs.map((one) => one.level);
}

describe('leveled', { timeout: 60_000 }, () => {
  test('merges all of L0 with every table below that shares even a border key', () => {
    const base = run(1, 6, table(1, 'a-h'), table(2, 'i-p'), table(3, 'q-z'));
    const [task] = plan(tree([...level0(4), base]));
    expect(task).toMatchObject({ kind: 'merge', to: { into: 1 }, reason: 'L0' });
    expect(task?.inputs.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 200, 201, 202, 203]);
  });

  test('rests while L0 is below its trigger', () => {
    const snapshot = tree([...level0(3), run(1, 6, table(1, 'a-h'))]);
    expect(plan(snapshot)).toEqual([]);
    expect(leveled().assess(snapshot)).toMatchObject({ delay: 'none', quiescent: true });
    expect(plan(snapshot, { level0Runs: 3 }).length).toBe(1);
  });

  test('merges L0 within itself while the level below is at work', () => {
    const busy = run(1, 6, table(1, 'a-z', { busyBy: 9 }));
    const inProgress = [
      { id: 9, kind: 'rewrite' as const, inputs: [1], target: 1, inputBytes: 100 },
    ];
    const [task] = plan(tree([...level0(5), busy], { inProgress }));
    expect(task).toMatchObject({ kind: 'merge', to: { newRun: { level: 0, before: 1 } } });
    expect(task?.inputs.length).toBe(5);
  });

  test('moves what overlaps nothing', () => {
    const apart = Array.from({ length: 4 }, (_, i) => run(9 - i, 0, table(9 - i, `x${i}-x${i}`)));
    const [task] = plan(tree([...apart, run(1, 6, table(1, 'a-h'))]));
    expect(task).toMatchObject({ kind: 'move', inputs: [6, 7, 8, 9], to: { into: 1 } });
  });

  test('does not move tombstones to where a merge would drop them', () => {
    const pointTombstones = 1;
    const apart = Array.from({ length: 4 }, (_, i) =>
      run(9 - i, 0, table(9 - i, `x${i}-x${i}`, { pointTombstones })),
    );
    const [task] = plan(tree([...apart, run(1, 6, table(1, 'a-h'))]));
    expect(task).toMatchObject({ kind: 'merge' });
  });

  test('runs several disjoint tasks at once, by least overlap', () => {
    const upper = run(1, 5, ...['a', 'c', 'e', 'g'].map((from, i) => table(i, `${from}-${from}z`)));
    const widths = ['a-az', 'b-cz', 'd-d', 'e-e', 'ez-f', 'g-g'];
    const lower = run(2, 6, ...widths.map((range, i) => table(10 + i, range)));
    const tasks = plan(tree([upper, lower]), { baseBytes: 1 });
    const first = tasks.map((task) => task.inputs[0]);
    expect(tasks.length).toBe(4);
    expect(new Set(first)).toEqual(new Set([0, 1, 2, 3]));
    expect(tasks.at(-1)?.inputs).toEqual([2, 13, 14]);
  });

  test('drains a second run of a level table by table, not whole', () => {
    const letters = ['a', 'c', 'e', 'g', 'i', 'k'];
    const extra = run(1, 6, ...letters.map((from, i) => table(i, `${from}-${from}z`)));
    const level = run(2, 6, ...letters.map((from, i) => table(10 + i, `${from}-${from}y`)));
    const tasks = plan(tree([extra, level]));
    expect(tasks.length).toBe(4);
    for (const task of tasks) {
      expect(task.inputs.length).toBe(2);
      expect(task).toMatchObject({ kind: 'merge', to: { into: 2 } });
    }
  });

  test('goes on where the last pick of a level ended', () => {
    const upper = run(1, 5, table(1, 'a-b'), table(2, 'c-d'), table(3, 'e-f'));
    const lower = run(2, 6, table(11, 'a-b'), table(12, 'c-d'), table(13, 'e-f'));
    const strategy = leveled({ picker: 'round-robin', baseBytes: 1 });
    const one = tree([upper, lower], {
      limits: { maxTasks: 1, maxTaskBytes: 200, tableBytes: 100, freeDiskBytes: 1e12 },
    });
    const picked: (number | undefined)[] = [];
    let state = strategy.initialState!();
    for (let i = 0; i < 4; i++) {
      const next = strategy.plan(one, state);
      picked.push(next.tasks[0]?.inputs[0]);
      state = next.state!;
    }
    expect(picked).toEqual([1, 2, 3, 1]);
    const odd = { 5: 'not hexadecimal' };
    expect(strategy.plan(one, odd).tasks.length).toBe(1);
  });

  test('slows writers down, then stops them, by the runs of L0', () => {
    const delay = (count: number): string => leveled().assess(tree(level0(count))).delay;
    expect([11, 12, 23, 24].map(delay)).toEqual(['none', 'slow', 'slow', 'stop']);
  });

  test.each([
    [{ ratio: 1 }, /ratio has to be a number from 2 to 100/],
    [{ picker: 'min-overlapp' }, /did you mean "min-overlap"/],
    [{ levl0Runs: 4 }, /did you mean "level0Runs"/],
    [{ stopRuns: 12 }, /stopRuns has to be above/],
  ])('refuses the settings %j', (settings, message) => {
    expect(() => leveled(settings as object)).toThrow(message);
  });

  test('keeps one run a level, and upper levels small, under random overwrites', () => {
    const keyCount = 8000;
    const simulator = new Simulator(leveled({ ratio: 4 }), {
      keyCount,
      flushEntries: 100,
      tableEntries: 50,
      maxTasks: 3,
    });
    const random = seededRandom(1);
    for (let i = 0; i < 40_000; i++) simulator.put(random.next() % keyCount);
    const tags = tagsOf(simulator.runs).filter((level) => level > 0);
    expect(new Set(tags).size).toBe(tags.length);
    expect(simulator.stats.treeBytes / keyCount).toBeLessThan(1.45);
    expect(simulator.stats.largestTaskBytes).toBeLessThan(0.3 * keyCount);
  });

  test('never rewrites keys that are written in order', () => {
    const simulator = new Simulator(leveled(), { keyCount: 10_000, flushEntries: 100 });
    for (let key = 0; key < 10_000; key++) simulator.put(key);
    expect(simulator.stats.writeAmplification).toBe(1);
    expect(simulator.runs.length).toBeLessThan(5);
  });

  test('leaves no tombstone in the oldest run, once no snapshot needs it', () => {
    const simulator = new Simulator(leveled(), {
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

  test('writes more with a higher ratio, over several sizes', () => {
    const cost = (ratio: number): number => {
      let sum = 0;
      for (const keyCount of [1500, 3000, 5000]) {
        const simulator = new Simulator(leveled({ ratio }), {
          keyCount,
          flushEntries: 60,
          tableEntries: 30,
        });
        const random = seededRandom(9);
        for (let i = 0; i < 3 * keyCount; i++) simulator.put(random.next() % keyCount);
        sum += simulator.stats.writeAmplification;
      }
      return sum;
    };
    expect(cost(20)).toBeGreaterThan(1.1 * cost(4));
  });

  test('predicts more writing than it promises space', () => {
    const { writeAmplification, runs } = leveled().predict!({ dataBytes: 1e11, flushBytes: 64e6 });
    expect(writeAmplification).toBeGreaterThan(5);
    expect(runs).toBeLessThan(10);
    const { maxRuns, maxSpaceAmplification } = leveled().bounds!({
      dataBytes: 1e11,
      flushBytes: 64e6,
    });
    expect(maxRuns).toBeLessThan(12);
    expect(maxSpaceAmplification).toBeLessThan(1.3);
  });

  test('can be had with other settings', () => {
    expect(leveled({ ratio: 6 }).withSettings?.({ picker: 'oldest' }).settings).toMatchObject({
      ratio: 6,
      picker: 'oldest',
    });
    expect(() => leveled().withSettings?.({ picker: 'newest' })).toThrow(/picker/);
  });
});
