/**
 * The three strategies side by side in the simulator: random overwrites of one size, the shape to know them by.
 *
 *     node --conditions=@lsm/source bench/strategies.bench.ts [keys] [puts] [passes] [memtable] [--quick]
 *
 * Default 60,000 keys, 300,000 puts, memtables of 500 entries. First what was counted, after the first third of the puts:
 * deterministic. Then what a plan costs, for trees that the simulator really showed to the strategy. Last what it costs
 * that merges are done in pieces: writes and space with tasks of 12 memtables at most, or as large as they like; means
 * over ten passes after the first one, at four sizes: 60, 85, 120 and 170 memtables of 500 entries.
 */
import { Simulator } from '@lsm/compaction';
import { hybrid } from '@lsm/compaction-hybrid';
import { leveled } from '@lsm/compaction-leveled';
import { tiered } from '@lsm/compaction-tiered';
import { unified } from '@lsm/compaction-unified';
import { type CompactionStrategy, type Json, seededRandom, type TreeSnapshot } from '@lsm/core';
import { type BenchTask, finish, measure, numberArgument, prove } from '../../../tooling/bench.ts';

const keyCount = numberArgument(0, 60_000, 3000);
const puts = numberArgument(1, 300_000, 15_000);
const flushEntries = 500;

const strategies: readonly (readonly [string, CompactionStrategy])[] = [
  ['leveled', leveled()],
  ['leveled, ratio 4', leveled({ ratio: 4 })],
  ['leveled, ratio 4, round-robin', leveled({ ratio: 4, picker: 'round-robin' })],
  ['tiered', tiered()],
  ['tiered, ratio 8', tiered({ ratio: 8, maxSpaceAmplification: 8 })],
  ['hybrid', hybrid()],
  ['hybrid, ratio 8', hybrid({ ratio: 8 })],
  ['hybrid, upperRuns 1', hybrid({ upperRuns: 1 })],
];

/** What merging in pieces costs: passes over the data, entries of a memtable, and of a task, whole or in pieces. */
const passes = numberArgument(2, 10, 1);
const pieceFlush = numberArgument(3, 500, 50);
const limits = [Number.POSITIVE_INFINITY, 12 * pieceFlush];

/** Plans that are kept of each strategy, evenly over the run. */
const KEPT_PLANS = 256;

interface Shown {
  readonly tree: TreeSnapshot;
  readonly state: Json;
  readonly tasks: number;
}

/** The same strategy; hands every tree that it is asked about to `keep`. */
function watched(strategy: CompactionStrategy, keep: (shown: Shown) => void): CompactionStrategy {
  const plan: CompactionStrategy['plan'] = (tree, state) => {
    const result = strategy.plan(tree, state);
    keep({ tree, state, tasks: result.tasks.length });
    return result;
  };
  return Object.create(strategy, { plan: { value: plan } }) as CompactionStrategy;
}

interface Row {
  readonly writes: number;
  readonly runs: number;
  readonly runsMax: number;
  readonly space: number;
  readonly spaceMax: number;
  readonly largestTask: number;
}

function simulate(strategy: CompactionStrategy): Row {
  const simulator = new Simulator(strategy, {
    keyCount,
    flushEntries,
    tableEntries: flushEntries / 4,
    maxTaskEntries: 12 * flushEntries,
  });
  const random = seededRandom(7);
  const start = Math.floor(puts / 3);
  let before = simulator.stats;
  let samples = 0;
  const sum = { runs: 0, space: 0 };
  const max = { runs: 0, space: 0 };
  for (let i = 0; i < puts; i++) {
    simulator.put(random.next() % keyCount);
    if (i === start) before = simulator.stats;
    if (i <= start || (i + 1) % flushEntries !== 0) continue;
    const { runs, treeBytes } = simulator.stats;
    samples++;
    sum.runs += runs;
    sum.space += treeBytes / keyCount;
    max.runs = Math.max(max.runs, runs);
    max.space = Math.max(max.space, treeBytes / keyCount);
  }
  const after = simulator.stats;
  return {
    writes: (after.writtenBytes - before.writtenBytes) / (after.flushedBytes - before.flushedBytes),
    runs: sum.runs / samples,
    runsMax: max.runs,
    space: sum.space / samples,
    spaceMax: max.space,
    largestTask: after.largestTaskBytes / keyCount,
  };
}

const inPieces: readonly (readonly [string, () => CompactionStrategy])[] = [
  ['tiered', () => tiered()],
  ['tiered, ratio 8', () => tiered({ ratio: 8, maxSpaceAmplification: 8 })],
  ['hybrid', () => hybrid()],
  ['hybrid, ratio 8', () => hybrid({ ratio: 8 })],
  ['hybrid, upperRuns 1', () => hybrid({ upperRuns: 1 })],
  ['unified, T4', () => unified({ scaling: 'T4' })],
  ['unified, L10', () => unified({ scaling: 'L10' })],
];

interface Cost {
  readonly writes: number;
  readonly space: number;
  readonly largestTask: number;
}

function costOf(make: () => CompactionStrategy, memtables: number, maxTaskEntries: number): Cost {
  const keys = memtables * pieceFlush;
  const tableEntries = pieceFlush / 4;
  const sizes = {
    keyCount: keys,
    flushEntries: pieceFlush,
    tableEntries,
    maxTaskEntries,
  };
  const simulator = new Simulator(make(), sizes);
  const random = seededRandom(1);
  for (let i = 0; i < keys; i++) simulator.put(random.next() % keys);
  const before = simulator.stats.writtenBytes;
  let space = 0;
  for (let flush = 0; flush < passes * memtables; flush++) {
    for (let i = 0; i < pieceFlush; i++) simulator.put(random.next() % keys);
    space += simulator.stats.treeBytes / keys;
  }
  const { writtenBytes, largestTaskBytes } = simulator.stats;
  return {
    writes: (writtenBytes - before) / (passes * keys),
    space: space / (passes * memtables),
    largestTask: largestTaskBytes,
  };
}

const planning: BenchTask[] = [];
console.log('| strategy | writes | runs | most runs | space | most space | largest task |');
console.log('|---|---|---|---|---|---|---|');
for (const [name, strategy] of strategies) {
  const all: Shown[] = [];
  const row = simulate(watched(strategy, (one) => all.push(one)));
  const { writes, runs, runsMax, space, spaceMax, largestTask } = row;
  const cells = [
    writes.toFixed(2),
    runs.toFixed(1),
    runsMax,
    space.toFixed(2),
    spaceMax.toFixed(2),
  ];
  console.log(`| ${name} | ${cells.join(' | ')} | ${(100 * largestTask).toFixed(0)} % |`);
  planning.push(planningTask(name, strategy, all));
}
prove(
  'every strategy was asked, and planned tasks',
  planning.every(({ expected }) => expected > 0),
);
await measure('Planning, per plan', planning);
console.log('');
console.log('| strategy | writes, whole | in pieces | space, whole | in pieces |');
console.log('|---|---|---|---|---|');
let isWithin = true;
for (const [name, make] of inPieces) {
  const means = limits.map((limit) => {
    const costs = [60, 85, 120, 170].map((memtables) => costOf(make, memtables, limit));
    isWithin &&= costs.every(({ largestTask }) => largestTask <= limit);
    const mean = (of: (cost: Cost) => number): string =>
      (costs.reduce((sum, cost) => sum + of(cost), 0) / costs.length).toFixed(2);
    return { writes: mean(({ writes }) => writes), space: mean(({ space }) => space) };
  });
  const cells = [...means.map(({ writes }) => writes), ...means.map(({ space }) => space)];
  console.log(`| ${name} | ${cells.join(' | ')} |`);
}
prove('no task was larger than its limit', isWithin);
finish();

function planningTask(
  name: string,
  strategy: CompactionStrategy,
  all: readonly Shown[],
): BenchTask {
  const step = Math.max(1, Math.floor(all.length / KEPT_PLANS));
  const shown = all.filter((_, i) => i % step === 0);
  const tables = shown.map(({ tree }) =>
    tree.runs.reduce((sum, run) => sum + run.tables.length, 0),
  );
  const mean = tables.reduce((sum, count) => sum + count, 0) / shown.length;
  return {
    name,
    operations: shown.length,
    expected: shown.reduce((sum, { tasks }) => sum + tasks, 0),
    run() {
      let tasks = 0;
      for (const { tree, state } of shown) tasks += strategy.plan(tree, state).tasks.length;
      return tasks;
    },
    note: () => `${mean.toFixed(0)} tables; ${all.length} plans`,
  };
}
