import { Simulator } from '@lsm/compaction';
import { type CompactionStrategy, seededRandom } from '@lsm/core';
import { IDLE_STRATEGY as IDLE } from '@lsm/testkit';
import { describe, expect, test } from 'vitest';
import { type UniversalSettings, universal } from './universal-strategy.ts';

function shapeOf(simulator: Simulator): string {
  return simulator.runs.map((run) => run.tables[0]!.bytes).join(' ');
}

describe('the published simulator results of the mini-lsm book', () => {
  const ones = (count: number): string => '1 '.repeat(count).trim();
  type Triggers = UniversalSettings['triggers'];
  const cases: readonly (readonly [number, Triggers, number, number, number, number, string])[] = [
    [50, ['space'], 8, 82, 50, 27, `${ones(26)} 24`],
    [50, ['space', 'ratio'], 8, 119, 52, 7, '1 1 4 5 6 7 26'],
    [200, ['space', 'ratio'], 8, 537, 200, 38, `${ones(28)} 2 3 4 5 6 10 15 21 28 78`],
    [200, ['space', 'ratio', 'count'], 8, 742, 280, 7, '1 1 4 5 21 28 140'],
    [200, ['space', 'ratio', 'count'], 16, 607, 350, 12, `${ones(10)} 15 175`],
  ];

  test.each(cases)(
    'come out to the digit: %d flushes, %j, %d tiers',
    (flushes, triggers, tiers, written, peak, runs, shape) => {
      const strategy = universal({
        runs: tiers,
        maxSizeAmplificationPercent: 200,
        sizeRatioPercent: 1,
        minMergeWidth: 2,
        triggers,
      });
      const simulator = new Simulator(strategy, { keyCount: flushes, flushEntries: 1 });
      for (let key = 0; key < flushes; key++) simulator.put(key);
      expect(simulator.stats).toMatchObject({
        flushedBytes: flushes,
        writtenBytes: written,
        peakBytes: peak,
        runs,
      });
      expect(shapeOf(simulator)).toBe(shape);
    },
  );
});

describe('Simulator', () => {
  test('reads what was written, at each snapshot', () => {
    const simulator = new Simulator(IDLE, { keyCount: 10, flushEntries: 2 });
    simulator.put(3);
    const before = simulator.snapshot();
    simulator.del(3);
    simulator.put(4);
    expect([simulator.get(3, before), simulator.get(3), simulator.get(4)]).toEqual([1, -1, 3]);
    simulator.delRange(0, null);
    simulator.flush();
    expect([simulator.get(3, before), simulator.get(4)]).toEqual([1, -1]);
    simulator.release(before);
    expect(simulator.entries).toBe(2);
  });

  test('shows strategies a deeply frozen tree', () => {
    const simulator = new Simulator(IDLE, { keyCount: 4, flushEntries: 1 });
    simulator.put(1);
    const tree = simulator.tree();
    const parts = [tree, tree.runs, tree.runs[0], tree.runs[0]?.tables, tree.runs[0]?.tables[0]];
    expect(parts.every((part) => Object.isFrozen(part))).toBe(true);
  });

  test('names a strategy whose tasks are not admitted', () => {
    const jumper: CompactionStrategy = {
      ...IDLE,
      name: 'jumper',
      plan: ({ runs }) => ({
        tasks:
          runs.length < 3
            ? []
            : [
                {
                  kind: 'merge',
                  inputs: [runs[0]!.tables[0]!.id],
                  to: { into: runs[2]!.id },
                  shape: { tableBytes: 1 },
                  reason: 'stale reads, please',
                  score: 1,
                },
              ],
      }),
    };
    const simulator = new Simulator(jumper, { keyCount: 4, flushEntries: 1 });
    const write = (): void => {
      for (let i = 0; i < 3; i++) simulator.put(1);
    };
    expect(write).toThrow(/jumper.*A2/);
    expect(simulator.rejections[0]?.rule).toBe('A2');
  });

  test('cuts flushes where the strategy says', () => {
    const splitting: CompactionStrategy = {
      ...IDLE,
      flush: () => ({ splitKeys: [Uint8Array.of(0, 0, 0, 3), Uint8Array.of(0, 0, 0, 7)] }),
    };
    const simulator = new Simulator(splitting, { keyCount: 10, flushEntries: 10 });
    for (let key = 0; key < 10; key++) simulator.put(key);
    expect(simulator.runs[0]!.tables.map((table) => table.entries)).toEqual([3, 4, 3]);
  });

  test('moves its clock with flushes and by hand, and keeps the ages of what it merges', () => {
    const simulator = new Simulator(IDLE, { keyCount: 9, flushEntries: 1, flushMs: 10 });
    simulator.put(1);
    simulator.advance(100);
    simulator.del(1);
    const [newer, older] = simulator.runs;
    expect([older!.tables[0]!.newestWriteAt, newer!.tables[0]!.oldestTombstoneAt]).toEqual([
      10, 120,
    ]);
    simulator.put(2);
    simulator.advance(5);
    const snapshot = simulator.snapshot();
    const task = simulator.start({
      kind: 'merge',
      inputs: simulator.runs.slice(0, 2).map((run) => run.tables[0]!.id),
      to: { into: newer!.id },
      shape: { tableBytes: 100 },
      reason: 'test',
      score: 1,
    });
    if ('rule' in task) throw new Error(task.message);
    simulator.commit(task.id);
    simulator.release(snapshot);
    expect(simulator.runs[0]!.tables[0]).toMatchObject({
      oldestWriteAt: 120,
      newestWriteAt: 130,
      oldestTombstoneAt: 120,
      createdAt: simulator.now,
    });
  });

  test('forgets running tasks in a crash, and gives back the state of the last commit', () => {
    const seen: unknown[] = [];
    const counting: CompactionStrategy = {
      ...IDLE,
      initialState: () => 0,
      plan({ runs, inProgress }, state) {
        seen.push(state);
        if (runs.length < 2 || inProgress.length > 0) return { tasks: [] };
        const inputs = runs.flatMap((run) => run.tables.map((table) => table.id));
        return {
          tasks: [
            {
              kind: 'merge',
              inputs,
              to: { newRun: { level: 1, before: null } },
              shape: { tableBytes: 100 },
              reason: 'test',
              score: 1,
            },
          ],
          state: (state as number) + 1,
        };
      },
    };
    const simulator = new Simulator(counting, { keyCount: 9, flushEntries: 1, settles: false });
    simulator.put(1);
    simulator.put(2);
    simulator.plan();
    simulator.crash();
    expect([simulator.running.length, simulator.runs.length, simulator.get(1)]).toEqual([0, 2, 1]);
    simulator.plan();
    simulator.step();
    simulator.crash();
    simulator.plan();
    expect(seen).toEqual([0, 0, 1]);
    expect([simulator.runs.length, simulator.get(2)]).toEqual([1, 2]);
  });

  test('is deterministic', () => {
    const run = (): unknown => {
      const random = seededRandom(5);
      const strategy = universal({
        runs: 4,
        maxSizeAmplificationPercent: 200,
        sizeRatioPercent: 1,
        minMergeWidth: 2,
        triggers: ['space', 'ratio', 'count'],
      });
      const simulator = new Simulator(strategy, {
        keyCount: 500,
        flushEntries: 20,
        random,
        abortShare: 0.2,
      });
      for (let i = 0; i < 2000; i++) simulator.put(random.next() % 500);
      return simulator.stats;
    };
    expect(run()).toEqual(run());
  });
});
