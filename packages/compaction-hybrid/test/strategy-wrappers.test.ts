import {
  Simulator,
  TABLE_PICKERS,
  withDeadline,
  withMaxTaskBytes,
  withPicker,
  withReadTriggers,
} from '@lsm/compaction';
import { fifo } from '@lsm/compaction-fifo';
import { hybrid } from '@lsm/compaction-hybrid';
import { leveled } from '@lsm/compaction-leveled';
import { tiered } from '@lsm/compaction-tiered';
import {
  type CompactionStrategy,
  type CompactionTask,
  seededRandom,
  type TableInfo,
  type TreeSnapshot,
} from '@lsm/core';
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

const isUnlucky = (t: TableInfo): boolean => Math.imul(t.maxSequence, 0x9e3779b1) >>> 28 === 0;

/** The strategy, to which a sixteenth of the tables looks as if reads passed through them in vain. */
function withWastedReads(inner: CompactionStrategy): CompactionStrategy {
  const shown = (tree: TreeSnapshot): TreeSnapshot => ({
    ...tree,
    runs: tree.runs.map((one) => ({
      ...one,
      tables: one.tables.map((t) => ({ ...t, wastedReads: isUnlucky(t) ? 500 : 0 })),
    })),
  });
  return {
    ...inner,
    plan: (tree, state) => inner.plan(shown(tree), state),
    assess: (tree) => inner.assess(shown(tree)),
  };
}
compactionStrategyConformance(() => withWastedReads(withReadTriggers(leveled())), tools);

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

  test('has a share for each run, however many there are', () => {
    const dated = (id: number) => table(id, 'a-c', { pointTombstones: 1, oldestTombstoneAt: 0 });
    const runs = Array.from({ length: 1200 }, (_, i) => run(i, 0, [dated(i)]));
    const strategy = withDeadline(IDLE, 1000);
    const { replanAt } = strategy.assess({ ...snapshot(runs), now: 0 });
    expect(replanAt).toBe(1);
    const [task] = strategy.plan({ ...snapshot(runs), now: 1000 }, null).tasks;
    expect(task).toMatchObject({ kind: 'merge', reason: 'tombstones past their deadline' });
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
    ['hybrid', hybrid, 500],
    ['tiered', tiered, 500],
    ['leveled', leveled, 350],
  ] as const)('bounds the tasks of %s where the engine does not', (_, make, cap) => {
    const { stats } = load(withMaxTaskBytes(make(), cap), () => {});
    expect(stats.largestTaskBytes).toBeLessThanOrEqual(cap);
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

describe('withMaxTaskBytes where tables of the target stand alone', () => {
  const hull = (tree: TreeSnapshot): CompactionStrategy => ({
    ...IDLE,
    plan: () => ({
      tasks: [
        {
          kind: 'merge',
          inputs: tree.runs.flatMap((one) => one.tables.map(({ id }) => id)),
          to: { into: 2 },
          shape: { tableBytes: 100 },
          reason: 'all',
          score: 1,
        },
      ],
    }),
  });
  const target = ['d', 'f', 'h'].map((letter, i) => table(10 + i, `${letter}-${letter}`));
  const tree = snapshot([
    run(1, 0, [table(1, 'a-b', { bytes: 1 }), table(2, 'y-z', { bytes: 1 })]),
    run(2, 1, target),
  ]);
  const inputs = (cap: number): unknown =>
    withMaxTaskBytes(hull(tree), cap)
      .plan(tree, null)
      .tasks.map((task) => task.inputs.toSorted((a, b) => a - b));

  test('leaves them out, and never joins what is on both sides of them', () => {
    expect(inputs(200)).toEqual([[1], [2]]);
    expect(inputs(400)).toEqual([[1, 2, 10, 11, 12]]);
  });
});

describe('withReadTriggers', () => {
  const reads = (wastedReads: number) => ({ wastedReads });
  const wasteful = snapshot([
    run(1, 0, [table(1, 'a-c', reads(99)), table(2, 'd-f', reads(100))]),
    run(2, 1, [table(3, 'a-b'), table(4, 'c-m', reads(300))]),
    run(3, 2, [table(5, 'a-e', reads(1e6)), table(6, 'f-z')]),
  ]);
  const tasksOf = (strategy: CompactionStrategy, tree: TreeSnapshot): readonly CompactionTask[] =>
    strategy.plan(tree, null).tasks;

  test('merges a table into what it overlaps once enough reads passed through it in vain', () => {
    const tasks = tasksOf(withReadTriggers(IDLE), wasteful);
    // The oldest run stays, whatever is looked for in it; table 2 waits for what table 4 does.
    expect(tasks.map(({ inputs }) => inputs)).toEqual([[4, 5, 6]]);
    expect(tasks[0]).toMatchObject({ kind: 'merge', to: { into: 3 } });
    const [task, none] = tasksOf(withReadTriggers(IDLE, { minReads: 301 }), wasteful);
    expect([task, none]).toEqual([undefined, undefined]);
    const calm = run(2, 1, [table(3, 'a-b'), table(4, 'c-m')]);
    const upper = snapshot([wasteful.runs[0]!, calm, wasteful.runs[2]!]);
    expect(tasksOf(withReadTriggers(IDLE), upper).map(({ inputs }) => inputs)).toEqual([[2, 4]]);
  });

  test('allows large tables more, and does no more than fits into a task', () => {
    const large = { bytes: 200 * 16_384, wastedReads: 199 };
    const tree = (more: object): TreeSnapshot => ({
      ...snapshot([
        run(1, 0, [table(1, 'a-c', { ...large, ...more })]),
        run(2, 1, [table(2, 'b-d')]),
      ]),
      limits: { maxTasks: 1, maxTaskBytes: 1e9, tableBytes: 1e6, freeDiskBytes: 1e12 },
    });
    expect(tasksOf(withReadTriggers(IDLE), tree({})).length).toBe(0);
    expect(tasksOf(withReadTriggers(IDLE), tree({ wastedReads: 200 })).length).toBe(1);
    const limits = { ...tree({}).limits, maxTaskBytes: large.bytes };
    const tight = { ...tree({ wastedReads: 200 }), limits };
    expect(tasksOf(withReadTriggers(IDLE), tight).length).toBe(0);
  });

  test('wants to be asked again while reads could find something, and says when nothing is to be done', () => {
    const strategy = withReadTriggers(IDLE, { checkMs: 500 });
    expect(strategy.assess(wasteful)).toMatchObject({ quiescent: false, replanAt: 500 });
    const single = snapshot([run(1, 0, [table(1, 'a-c', reads(1e6))])]);
    const health = strategy.assess(single);
    expect(health.quiescent).toBe(true);
    expect(health.replanAt).toBe(undefined);
    for (const bad of [{ minReads: 0 }, { checkMs: -1 }, { reads: 1 }]) {
      expect(() => withReadTriggers(IDLE, bad)).toThrow(/withReadTriggers/);
    }
  });
});

describe('wrappers', () => {
  test.each(TABLE_PICKERS)(
    'withPicker makes leveled compaction take the table that %s says',
    (picker) => {
      const upper = run(1, 5, [
        table(1, 'a-c', { maxSequence: 9 }),
        table(2, 'd-e', { maxSequence: 8 }),
        table(3, 'f-h', { maxSequence: 1 }),
        table(4, 'i-j', { maxSequence: 7, bytes: 150 }),
        table(5, 'k-m', { maxSequence: 6, pointTombstones: 9 }),
        table(6, 'n-p', { maxSequence: 5, wastedReads: 1000 }),
      ]);
      const letters = [...Array(16).keys()].map((i) => String.fromCodePoint(97 + i));
      // Two tables below the first, third, fifth and sixth, one below the second.
      const lower = letters
        .filter((c) => c !== 'e' && c !== 'b')
        .map((c, i) => table(20 + i, `${c}-${c}`));
      const tree = { ...snapshot([upper, run(2, 6, lower)]), flushBytes: 100 };
      const limits = { maxTasks: 1, maxTaskBytes: 400, tableBytes: 100, freeDiskBytes: 1e12 };
      const strategy = withPicker(leveled({ baseBytes: 1 }), picker);
      const { tasks } = strategy.plan({ ...tree, limits }, strategy.initialState!());
      const first = {
        'min-overlap': 2,
        'round-robin': 1,
        oldest: 3,
        largest: 4,
        'tombstone-density': 5,
        'wasted-reads': 6,
      }[picker];
      expect(tasks[0]!.inputs.filter((id) => id < 20)).toContain(first);
    },
  );

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
