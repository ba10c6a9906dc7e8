/**
 * The suite for strategies finds what it is for: a sound strategy passes it, and each of these breaks one property and
 * is found by the tests that have its number. P2 is not a property of strategies: packages/compaction/test/mutants.ts.
 */
import type { CompactionStrategy, CompactionTask, Health, RunInfo, TreeSnapshot } from '@lsm/core';
import { compactionStrategyConformance, type StrategyExpectations } from '@lsm/testkit';
import { expect, it } from 'vitest';
import { failuresOf } from './failures-of.ts';

type Plan = (snapshot: TreeSnapshot) => readonly CompactionTask[];

const fullRuns = ({ runs }: TreeSnapshot): RunInfo[] => runs.filter((run) => run.tables.length > 0);

function mergeOf(
  { limits }: TreeSnapshot,
  runs: readonly RunInfo[],
  to: (CompactionTask & { kind: 'merge' })['to'],
): CompactionTask {
  const inputs = runs.flatMap(({ tables }) => tables.map(({ id }) => id));
  const shape = { tableBytes: limits.tableBytes };
  return { kind: 'merge', inputs, to, shape, reason: 'many runs', score: 1 };
}

/** All runs become one when there are `most` and nothing is running. */
function mergeAll(most: number): Plan {
  return (snapshot) => {
    const runs = fullRuns(snapshot);
    if (runs.length < most || snapshot.inProgress.length > 0) return [];
    const { level } = snapshot.runs.at(-1)!;
    return [mergeOf(snapshot, runs, { newRun: { level, before: null } })];
  };
}

/** A strategy whose judgement follows its plan. */
function strategyOf(plan: Plan, more: Partial<CompactionStrategy> = {}): CompactionStrategy {
  return {
    name: 'test',
    formatVersion: 1,
    settings: {},
    plan: (snapshot) => ({ tasks: plan(snapshot) }),
    assess: (snapshot) => judge(snapshot, plan),
    ...more,
  };
}

function judge(snapshot: TreeSnapshot, plan: Plan): Health {
  const runs = fullRuns(snapshot).length;
  const quiescent = snapshot.inProgress.length === 0 && plan(snapshot).length === 0;
  return { debtBytes: 0, pressure: runs / 4, delay: runs > 20 ? 'stop' : 'none', quiescent };
}

/** Keeps all properties: with `most` runs, all become one, which is written every `most` − 1 flushes. */
function sound(most = 4, more: Partial<CompactionStrategy> = {}): CompactionStrategy {
  return strategyOf(mergeAll(most), {
    bounds: ({ dataBytes, flushBytes }) => ({
      maxRuns: most - 1,
      maxSpaceAmplification: 1 + (most * flushBytes) / dataBytes,
    }),
    predict: ({ dataBytes, flushBytes }) => ({
      writeAmplification: 1 + dataBytes / flushBytes / (most - 1),
      runs: most / 2,
      spaceAmplification: 1.1,
    }),
    ...more,
  });
}

const ratio = { make: sound, writes: 'fall' } as const;

interface Broken {
  readonly property: string;
  readonly how: string;
  readonly make: () => CompactionStrategy;
  readonly expectations?: StrategyExpectations;
}

const broken = (property: string, how: string, make: Broken['make']): Broken => ({
  property,
  how,
  make,
});
const planning = (property: string, how: string, plan: Plan): Broken =>
  broken(property, how, () => strategyOf(plan));

/** As the sound plan, but what a fault says goes before. */
const before =
  (fault: (snapshot: TreeSnapshot, runs: RunInfo[]) => readonly CompactionTask[] | null): Plan =>
  (snapshot) =>
    fault(snapshot, fullRuns(snapshot)) ?? mergeAll(4)(snapshot);

/** Runs of level 0 become one of level 1, and only when there are none the others become one. */
const level0First: Plan = (snapshot) => {
  const runs = fullRuns(snapshot);
  if (snapshot.inProgress.length > 0) return [];
  const level0 = runs.filter(({ level }) => level === 0);
  if (level0.length === 0) return mergeAll(4)(snapshot);
  const older = runs[level0.length];
  const to = { newRun: { level: Math.min(1, older?.level ?? 1), before: older?.id ?? null } };
  return [mergeOf(snapshot, level0, to)];
};

/** Two merges of two runs each, side by side; not of those whose last table is among those given. */
function pairs(planned: readonly number[]): Plan {
  return (snapshot) => {
    const runs = fullRuns(snapshot);
    const isBusy = ({ tables }: RunInfo): boolean => tables.some(({ busyBy }) => busyBy !== null);
    return runs.slice(1).flatMap((older, row) => {
      const newer = runs[row]!;
      const isFree = !planned.includes(older.tables.at(-1)!.id) && !isBusy(older) && !isBusy(newer);
      if (row % 2 === 1 || runs.length < 4 || row > 2 || !isFree) return [];
      const next = snapshot.runs[snapshot.runs.indexOf(older) + 1];
      const to = { newRun: { level: older.level, before: next?.id ?? null } };
      return [mergeOf(snapshot, [newer, older], to)];
    });
  };
}

let calls = 0;

/** The number of times that a run was rewritten by the wasteful one is its level. */
const WASTE = 40;

const BROKEN: readonly Broken[] = [
  planning('P1', 'plans with tables that a task has', (snapshot) =>
    mergeAll(4)({ ...snapshot, inProgress: [] }),
  ),
  planning(
    'P3',
    'jumps over a run',
    before((snapshot, runs) =>
      runs.length < 4 ? null : [mergeOf(snapshot, [runs[0]!, runs[2]!], { into: runs[2]!.id })],
    ),
  ),
  broken('P3', 'gives a score that is no number', () =>
    strategyOf((snapshot) => mergeAll(4)(snapshot).map((task) => ({ ...task, score: Number.NaN }))),
  ),
  planning(
    'P4',
    'plans two tasks with the same run',
    before((snapshot, runs) => {
      if (runs.length < 4 || snapshot.inProgress.length > 0) return null;
      const pair = (at: number): CompactionTask =>
        mergeOf(snapshot, runs.slice(at, at + 2), { into: runs[at + 1]!.id });
      return [pair(0), pair(1)];
    }),
  ),
  planning('P5', 'never ends', mergeAll(1)),
  broken('P5', 'says that there is something to do and does nothing', () =>
    sound(4, { plan: () => ({ tasks: [] }) }),
  ),
  broken('P5', 'says that it is at rest while its tasks run', () =>
    sound(4, {
      assess: (snapshot) => ({
        ...judge(snapshot, mergeAll(4)),
        quiescent: mergeAll(4)(snapshot).length === 0,
      }),
    }),
  ),
  planning(
    'P5',
    'comes to rest after writing everything forty times',
    before((snapshot, runs) => {
      const level = (runs.at(-1)?.level ?? WASTE) + 1;
      if (level > WASTE || snapshot.inProgress.length > 0) return null;
      return [mergeOf(snapshot, runs, { newRun: { level, before: null } })];
    }),
  ),
  broken('P6', 'declares fewer runs than it keeps', () =>
    sound(4, { bounds: () => ({ maxRuns: 2, maxSpaceAmplification: 9 }) }),
  ),
  broken('P6', 'declares less space than it takes', () =>
    sound(4, { bounds: () => ({ maxRuns: 9, maxSpaceAmplification: 1 }) }),
  ),
  broken('P6', 'declares smaller tasks than it plans', () =>
    sound(4, { bounds: () => ({ maxRuns: 9, maxSpaceAmplification: 9, maxTaskShare: 1 }) }),
  ),
  broken('P7', 'feels less pressure the more runs there are', () =>
    sound(4, {
      assess: (snapshot) => ({
        ...judge(snapshot, mergeAll(4)),
        pressure: 1 / (1 + snapshot.runs.length),
      }),
    }),
  ),
  broken('P7', 'never gets to level 1 while flushes come', () =>
    strategyOf(level0First, {
      assess: (snapshot) => ({ ...judge(snapshot, level0First), delay: 'none' }),
    }),
  ),
  broken('P8', 'changes its mind', () =>
    strategyOf((snapshot) => (calls++ % 2 === 0 ? mergeAll(4)(snapshot) : [])),
  ),
  planning(
    'P8',
    'prefers runs with even numbers',
    before((snapshot, runs) => {
      const at = runs.findIndex(({ id }, row) => id % 2 === 0 && row + 1 < runs.length);
      if (runs.length < 4 || at < 0 || snapshot.inProgress.length > 0) return null;
      return [mergeOf(snapshot, runs.slice(at, at + 2), { into: runs[at + 1]!.id })];
    }),
  ),
  planning(
    'P8',
    'looks at what keys say',
    before((snapshot, runs) => {
      const isLow = (runs[0]?.tables[0]?.minKey[3] ?? 0) < 128;
      if (runs.length < 4 || isLow || snapshot.inProgress.length > 0) return null;
      return [mergeOf(snapshot, runs.slice(0, 2), { into: runs[1]!.id })];
    }),
  ),
  planning(
    'P9',
    'has no place for high levels',
    before((_, runs) => {
      const levels: RunInfo[][] = [[], [], [], [], [], [], []];
      for (const run of runs) levels[run.level]!.push(run);
      return null;
    }),
  ),
  planning(
    'P9',
    'takes it that every table ends',
    before((_, runs) => {
      for (const { tables } of runs) for (const { maxKey } of tables) maxKey!.at(0);
      return null;
    }),
  ),
  planning(
    'P9',
    'takes it that there is a run',
    before(({ runs }) => (runs[0]!.level > 1000 ? [] : null)),
  ),
  planning(
    'P10',
    'knows only what it makes itself',
    before((_, runs) => {
      if (runs.some(({ level }) => level > 0)) throw new Error('Who was here?');
      return null;
    }),
  ),
  planning(
    'P11',
    'merges the oldest runs and leaves tombstones that have nothing below them',
    (snapshot) => {
      const runs = fullRuns(snapshot);
      if (runs.length < 4 || snapshot.inProgress.length > 0) return [];
      return [mergeOf(snapshot, runs.slice(-2), { into: runs.at(-1)!.id })];
    },
  ),
  {
    ...broken('P11', 'does not come back for what a snapshot held', () => sound()),
    expectations: { outlivesSnapshots: true },
  },
  broken('P12', 'notes in its state what it has planned, and takes it for done', () =>
    strategyOf(pairs([]), {
      initialState: () => [],
      plan: (snapshot, state) => {
        const planned = state as readonly number[];
        const tasks = pairs(planned)(snapshot);
        return { tasks, state: [...planned, ...tasks.map(({ inputs }) => inputs.at(-1)!)] };
      },
    }),
  ),
  {
    ...broken('P13', 'goes against its ratio', () => sound()),
    expectations: { ratio: { make: sound, writes: 'rise' } },
  },
  broken('P14', 'predicts less than one write for each', () =>
    sound(4, { predict: () => ({ writeAmplification: 0.5, runs: 1, spaceAmplification: 1 }) }),
  ),
  {
    ...broken('P14', 'predicts that a ratio does the opposite', () => sound()),
    expectations: {
      ratio: {
        writes: 'fall',
        make: (most) =>
          sound(most, {
            predict: () => ({ writeAmplification: most, runs: 1, spaceAmplification: 1 }),
          }),
      },
    },
  },
];

it('the suite passes a sound strategy', async () => {
  const run = (tools: Parameters<typeof compactionStrategyConformance>[1]): void =>
    compactionStrategyConformance(() => sound(), tools, { ratio });
  expect(await failuresOf(run)).toEqual([]);
});

it.each(BROKEN)('a strategy that breaks $property is found: it $how', async (one) => {
  const failed = await failuresOf(
    (tools) => compactionStrategyConformance(one.make, tools, { effort: 0.5, ...one.expectations }),
    one.property,
  );
  expect(failed.length).toBeGreaterThan(0);
});

it('every property but the second has a strategy that breaks it', () => {
  const properties = new Set(BROKEN.map(({ property }) => Number(property.slice(1))));
  expect([...properties].toSorted((a, b) => a - b)).toEqual([
    1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
  ]);
});
