import { Simulator, withDeadline, withMaxTaskBytes, withPicker } from '@lsm/compaction';
import { fifo } from '@lsm/compaction-fifo';
import { hybrid } from '@lsm/compaction-hybrid';
import { leveled } from '@lsm/compaction-leveled';
import { tiered } from '@lsm/compaction-tiered';
import { type CompactionStrategy, seededRandom, type TreeSnapshot } from '@lsm/core';
import {
  compactionStrategyConformance,
  IDLE_STRATEGY as IDLE,
  treeRun as run,
  treeSnapshot as snapshot,
  treeTable as table,
} from '@lsm/testkit';
import { describe, expect, it, test } from 'vitest';

const tools = { describe, it, expect };
compactionStrategyConformance(() => withDeadline(hybrid(), 60_000), tools);
compactionStrategyConformance(() => withMaxTaskBytes(tiered(), 20_000), tools);
compactionStrategyConformance(
  () => withDeadline(withMaxTaskBytes(withPicker(leveled(), 'oldest'), 20_000), 90_000),
  tools,
);

const KEYS = 3000;

/** Writes everything, deletes a third, then writes other keys; a flush takes a second. */
function load(strategy: CompactionStrategy, onFlush: (simulator: Simulator) => void): Simulator {
  const simulator = new Simulator(strategy, {
    keyCount: KEYS,
    flushEntries: 50,
    tableEntries: 25,
    flushMs: 1000,
  });
  const random = seededRandom(4);
  let flushes = 0;
  for (let i = 0; i < 20_000; i++) {
    const key = random.next() % KEYS;
    if (i % 3 === 0 && i > 6000) simulator.del(key);
    else simulator.put(key);
    if (simulator.now / 1000 > flushes) {
      flushes = simulator.now / 1000;
      onFlush(simulator);
    }
  }
  return simulator;
}

const oldestTombstone = ({ runs, now }: Simulator): number =>
  Math.max(
    0,
    ...runs.flatMap(({ tables }) => tables.map((t) => now - (t.oldestTombstoneAt ?? now))),
  );

describe('withDeadline', () => {
  test.each([
    ['hybrid', hybrid, 8000],
    ['tiered', tiered, 60_000],
    ['leveled', leveled, 60_000],
  ] as const)('keeps no tombstone longer than its time under %s', (_, make, deadlineMs) => {
    let worst = 0;
    let worstWithout = 0;
    const kept = load(withDeadline(make(), deadlineMs), (simulator) => {
      worst = Math.max(worst, oldestTombstone(simulator));
    });
    const free = load(make(), (simulator) => {
      worstWithout = Math.max(worstWithout, oldestTombstone(simulator));
    });
    expect(worst).toBeLessThanOrEqual(deadlineMs);
    expect(worstWithout).toBeGreaterThan(deadlineMs);
    expect(kept.stats.writeAmplification).toBeGreaterThan(free.stats.writeAmplification);
    expect(kept.stats.rejections).toBe(0);
  });

  test('waits for snapshots, and goes on when they are gone', () => {
    const simulator = new Simulator(withDeadline(hybrid(), 5000), {
      keyCount: 100,
      flushEntries: 10,
      flushMs: 1000,
    });
    for (let key = 0; key < 10; key++) simulator.put(key);
    const pinned = simulator.snapshot();
    for (let key = 0; key < 10; key++) simulator.del(key);
    for (let key = 10; key < 100; key++) simulator.put(key);
    simulator.advance(60_000);
    simulator.settle();
    expect(simulator.get(3, pinned)).toBe(4);
    simulator.release(pinned);
    simulator.settle();
    expect(oldestTombstone(simulator)).toBe(0);
    expect(simulator.entries).toBe(90);
  });
});

describe('withMaxTaskBytes', () => {
  test.each([
    ['hybrid', hybrid],
    ['tiered', tiered],
  ])('bounds the tasks of %s where the engine does not', (_, make) => {
    const cap = 500;
    const { stats } = load(withMaxTaskBytes(make(), cap), () => {});
    expect(stats.largestTaskBytes).toBeLessThanOrEqual(1.5 * cap);
    expect(load(make(), () => {}).stats.largestTaskBytes).toBeGreaterThan(2 * cap);
  });

  test('splits what a strategy lumps together, where tables lie apart', () => {
    const tree = snapshot([
      run(1, 0, [table(1, 'a-c'), table(2, 'd-f'), table(3, 'g-i')]),
      run(2, 1, [table(4, 'a-b'), table(5, 'd-e'), table(6, 'f-h')]),
    ]);
    const all: CompactionStrategy = {
      ...IDLE,
      plan: ({ runs }: TreeSnapshot) => ({
        tasks: [
          {
            kind: 'merge',
            inputs: runs.flatMap((one) => one.tables.map(({ id }) => id)),
            to: { into: 2 },
            shape: { tableBytes: 100 },
            reason: 'all',
            score: 1,
          },
        ],
      }),
    };
    const inputsFor = (maxTaskBytes: number): unknown =>
      withMaxTaskBytes(all, maxTaskBytes)
        .plan(tree, null)
        .tasks.map((task) => task.inputs.toSorted((a, b) => a - b));
    expect(inputsFor(600)).toEqual([[1, 2, 3, 4, 5, 6]]);
    expect(inputsFor(400)).toEqual([
      [1, 4],
      [2, 3, 5, 6],
    ]);
  });
});

describe('wrappers', () => {
  test('withPicker is the strategy with that picker, also through other wrappers', () => {
    expect(withPicker(leveled(), 'oldest').settings).toEqual(
      leveled({ picker: 'oldest' }).settings,
    );
    const wrapped = withPicker(withDeadline(leveled(), 1000), 'round-robin');
    expect(wrapped.name).toBe('deadline(leveled)');
    expect(wrapped.settings).toMatchObject({ deadlineMs: 1000, inner: { picker: 'round-robin' } });
    expect(() => withPicker(hybrid(), 'oldest')).toThrow(/picker/);
    expect(() => withPicker(IDLE, 'oldest')).toThrow(/idle/);
  });

  test('keep what the inner strategy is', () => {
    expect(withDeadline(fifo(), 1000).lossy).toBe(true);
    expect(withMaxTaskBytes(hybrid(), 1000).lossy).toBe(false);
    const workload = { dataBytes: 1e6, flushBytes: 1e4 };
    expect(withDeadline(hybrid(), 1000).predict?.(workload)).toEqual(hybrid().predict?.(workload));
    for (const bad of [0, -1, Number.NaN]) {
      expect(() => withDeadline(hybrid(), bad)).toThrow(/deadlineMs/);
      expect(() => withMaxTaskBytes(hybrid(), bad)).toThrow(/maxTaskBytes/);
    }
  });
});
