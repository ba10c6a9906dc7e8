import { type RunView, Simulator } from '@lsm/compaction';
import { leveled } from '@lsm/compaction-leveled';
import {
  type CompactionTask,
  keySuccessor,
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
    limits: { maxTasks: 4, maxTaskBytes: 2400, tableBytes: 100, freeDiskBytes: 1e12 },
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

  test('moves all that overlaps nothing below in one task, and else what no running task is near', () => {
    const upper = run(1, 5, ...['b', 'd', 'f', 'h'].map((key, i) => table(1 + i, key)));
    const last = run(2, 6, table(9, 'c'), table(10, 'e'), table(11, 'i-z'));
    const runs = [upper, run(3, 5, table(8, 'a-z')), last];
    // Two runs of one level: all of the newer one has to go to the older one, which holds nothing there.
    const apart = run(3, 5, table(8, 'j-k'));
    const snapshot = tree([upper, apart, last]);
    const [move] = plan(snapshot);
    expect(move).toMatchObject({ kind: 'move', to: { into: 3 }, inputs: [1, 2, 3, 4] });
    expect(plan(tree(runs))[0]?.kind).toBe('merge');
    const busy = run(3, 5, table(8, 'e-k', { busyBy: 7 }));
    const inProgress = [
      { id: 7, kind: 'rewrite' as const, inputs: [8], target: 3, inputBytes: 100 },
    ];
    const beside = plan(tree([upper, busy, last], { inProgress }));
    expect(beside.flatMap(({ kind, inputs }) => (kind === 'move' ? inputs : []))).toEqual([1, 2]);
  });

  test('goes on beside what lies in a gap that a running task is about to fill', () => {
    const gap = [table(8, 'c', { busyBy: 7 }), table(9, 'p', { busyBy: 7 })];
    const inProgress = [
      { id: 7, kind: 'rewrite' as const, inputs: [8, 9], target: 2, inputBytes: 200 },
    ];
    const last = run(3, 6, table(12, 'a-z', { bytes: 1e4 }));
    const inputsOf = (upper: readonly TableInfo[], below: readonly TableInfo[]): unknown =>
      plan(tree([run(1, 5, ...upper), run(2, 5, ...gap, ...below), last], { inProgress })).map(
        ({ kind, inputs }) => [kind, inputs],
      );
    const merged = [table(2, 'q-r'), table(3, 'w-x')];
    expect(inputsOf([table(1, 'h'), ...merged], [table(10, 'q-r'), table(11, 'w-x')])).toEqual([
      ['merge', [2, 10]],
      ['merge', [3, 11]],
    ]);
    // One of five is in the gap: the other four are moved, together.
    const free = ['h', 'q', 'r', 's', 't'].map((key, i) => table(20 + i, key));
    expect(inputsOf(free, [])).toEqual([['move', [21, 22, 23, 24]]]);
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
      limits: { maxTasks: 1, maxTaskBytes: 300, tableBytes: 100, freeDiskBytes: 1e12 },
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

  describe('with more in L0 and the base level than one task may read', () => {
    const limits = { maxTasks: 4, maxTaskBytes: 600, tableBytes: 100, freeDiskBytes: 1e12 };
    const letters = 'acegikmo'.split('');
    const base = run(1, 6, ...letters.map((from, i) => table(i, `${from}-${from}z`)));
    const small = { bytes: 10 };
    const cutRuns = Array.from({ length: 4 }, (_, row) =>
      run(100 + row, 0, ...letters.map((c, i) => table(200 + 10 * row + i, `${c}a-${c}y`, small))),
    );
    const settings = { baseBytes: 10_000 };

    test('merges L0 piece by piece where its tables can be told apart', () => {
      const tasks = plan(tree([...cutRuns, base], { limits }), settings);
      expect(tasks.length).toBeGreaterThan(1);
      const seen = tasks.flatMap((task) => task.inputs);
      expect(new Set(seen).size).toBe(seen.length);
      for (const task of tasks) {
        expect(task).toMatchObject({ kind: 'merge', to: { into: 1 }, reason: 'L0' });
        const fromBase = task.inputs.filter((id) => id < 100).length;
        // Each column of L0 is four tables of 10 bytes over one of 100.
        expect(task.inputs.length).toBe(5 * fromBase);
        expect(140 * fromBase).toBeLessThanOrEqual(400);
      }
    });

    test('goes on beside a piece that is at work', () => {
      const inputs = [0, 200, 210, 220, 230];
      const busy = (id: number): boolean => inputs.includes(id);
      const marked = [...cutRuns, base].map((one) => ({
        ...one,
        tables: one.tables.map((t) => (busy(t.id) ? { ...t, busyBy: 9 } : t)),
      }));
      const inProgress = [{ id: 9, kind: 'merge' as const, inputs, target: 1, inputBytes: 140 }];
      const tasks = plan(tree(marked, { limits, inProgress }), settings);
      expect(tasks.length).toBeGreaterThan(1);
      expect(tasks.flatMap((task) => task.inputs).some(busy)).toBe(false);
      for (const task of tasks) expect(task).toMatchObject({ to: { into: 1 } });
    });

    test('takes only the deep part of L0, and gathers the rest in fewer runs', () => {
      const shallow = run(90, 0, table(300, 'aa-ay', small), table(301, 'ma-my', small));
      const rest = cutRuns.slice(1).map((one) => ({ ...one, tables: one.tables.slice(1, 2) }));
      const tasks = plan(tree([shallow, ...rest, base], { limits }), settings);
      expect(tasks.map((task) => task.kind)).toEqual(['move']);
      const below = { into: rest[0]!.id };
      expect(tasks[0]).toMatchObject({ kind: 'move', inputs: [300, 301], to: below });
      const deep = plan(tree([shallow, cutRuns[0]!, ...rest, base], { limits }), settings);
      for (const task of deep) expect(task.inputs).not.toContain(300);
      expect(deep[0]).toMatchObject({ kind: 'merge', to: { into: 1 } });
    });

    test('cuts a table that spans more than a task first', () => {
      const wide = level0(4, 'a-p');
      const tasks = plan(tree([...wide, base], { limits }), settings);
      expect(tasks.length).toBe(4);
      for (const task of tasks) {
        expect(task).toMatchObject({ kind: 'rewrite', reason: 'too wide for one task' });
        expect(task.inputs.length).toBe(1);
        expect('shape' in task && task.shape.cutKeys?.length).toBeGreaterThan(1);
      }
      // With a range tombstone there may be nothing on one side of a border: better one large task than none.
      const ranges = wide.map((one) => ({
        ...one,
        tables: one.tables.map((t) => ({ ...t, rangeTombstones: 1 })),
      }));
      const [whole] = plan(tree([...ranges, base], { limits }), settings);
      expect(whole).toMatchObject({ kind: 'merge', to: { into: 1 } });
    });

    test('asks flushes to be cut at borders of the base level, and no smaller tree', () => {
      const strategy = leveled(settings);
      const keys = strategy.flush!(tree([base], { limits })).splitKeys!;
      expect(keys.length).toBeGreaterThan(2);
      const ends = new Set(base.tables.map((t) => [...keySuccessor(t.maxKey!)!].join()));
      for (const cut of keys) expect(ends.has([...cut].join())).toBe(true);
      const roomy = { ...limits, maxTaskBytes: 10_000 };
      expect(strategy.flush!(tree([base], { limits: roomy })).splitKeys).toEqual([]);
      expect(strategy.flush!(tree([], { limits })).splitKeys).toEqual([]);
      // A base level that is yet to be made will be cut like the level below it.
      const newer = leveled({ baseBytes: 1, level0Runs: 5 });
      expect(newer.flush!(tree([base], { limits })).splitKeys).toEqual(keys);
    });

    test.each([
      ['cut as asked', true],
      ['left whole', false],
    ])('reads no more than the limit in a task when flushes are %s', (_, isCut) => {
      const keyCount = 8000;
      const uncut = { ...leveled(), flush: () => ({}) };
      const writes = [1200, Number.POSITIVE_INFINITY].map((maxTaskEntries) => {
        const simulator = new Simulator(isCut ? leveled() : uncut, {
          keyCount,
          flushEntries: 100,
          tableEntries: isCut ? 25 : 100,
          maxTaskEntries,
        });
        const random = seededRandom(5);
        for (let i = 0; i < 25_000; i++) simulator.put(random.next() % keyCount);
        const { largestTaskBytes, writeAmplification, rejections } = simulator.stats;
        expect(largestTaskBytes).toBeLessThanOrEqual(maxTaskEntries);
        if (maxTaskEntries > 1200) expect(largestTaskBytes).toBeGreaterThan(1200);
        expect(rejections).toBe(0);
        return writeAmplification;
      });
      // Tables that have to be cut first are written once more.
      expect(writes[0]).toBeLessThan(writes[1]! * (isCut ? 1.03 : 1.3));
    });
  });

  // Regression: pieces of L0 always went first, so that the base level grew and each piece cost more than the last.
  test('drains a base level that is worse off than L0, though L0 never gets below its trigger', () => {
    const keyCount = 12_000;
    const flushEntries = 100;
    const strategy = leveled();
    const simulator = new Simulator(strategy, {
      keyCount,
      flushEntries,
      tableEntries: 25,
      maxTaskEntries: 1200,
      settles: false,
    });
    const random = seededRandom(7);
    let paid = 0;
    let waits = 0;
    // Merges can read six times what is flushed, which is less than they need.
    const work = (): void => {
      for (paid += 6 * flushEntries; ; ) {
        simulator.plan();
        const [task] = simulator.running;
        if (task === undefined) paid = 0;
        if (task === undefined || task.inputBytes > paid) return;
        if (task.kind !== 'move') paid -= task.inputBytes;
        simulator.commit(task.id);
      }
    };
    for (let n = 0; n < 400; n++) {
      for (let i = 0; i < flushEntries; i++) simulator.put(random.next() % keyCount);
      work();
      while (strategy.assess(simulator.tree()).delay !== 'none' && waits++ < 2000) work();
    }
    expect(waits).toBeLessThan(60);
    expect(simulator.stats.writeAmplification).toBeLessThan(8);
    expect(simulator.stats.largestTaskBytes).toBeLessThanOrEqual(1200);
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
