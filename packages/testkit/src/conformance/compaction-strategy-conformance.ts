/**
 * What every {@link CompactionStrategy} has to do: pure, total, legal, convergent, within its declared bounds, and never
 * in the way of a right read, whatever order its tasks finish in. The properties are numbered:
 *
 * P1 reads stay right at every snapshot · P2 the rules themselves hold: the fuzz of `@lsm/compaction` · P3 plans are
 * admitted · P4 tasks of a plan are disjoint · P5 comes to rest · P6 keeps its declared bounds · P7 starves no level,
 * pressure rises with load · P8 deterministic, blind to numbers and to what keys say beside their order · P9 takes any
 * legal tree · P10 can be switched to and from · P11 leaves no tombstone behind · P12 survives crashes · P13 follows its
 * ratio · P14 predicts in the right order.
 */

import { admit, isRejection } from '@lsm/compaction';
import type { CompactionTask, Random, TreeSnapshot } from '@lsm/core';
import { type CompactionPlan, type CompactionStrategy, type Json, seededRandom } from '@lsm/core';
import { loadAndCheck, newestPair, overwrite } from './strategy-load.ts';
import { ENTRY_BYTES, makeForeignTree, StrategyTree, type TreeSizes } from './strategy-tree.ts';
import type { TestTools } from './test-tools.ts';

const SIZES: TreeSizes = { flushEntries: 40, tableEntries: 40 };
const KEYS = 3000;
const TASKS_MAX = 4;
/** Bytes that bringing a tree to rest may read, as a multiple of the tree. */
const PRICE_MAX = 25;
/** Rounds of planning after which a tree without writes has to be at rest. */
const ROUNDS_MAX = 2000;

/** Makes the strategy under test; a new one for each use, so that hidden state shows. */
export type MakeStrategy = () => CompactionStrategy;

/** What the suite can't find out by itself. */
export interface StrategyExpectations {
  /** P13: the strategy with another size ratio, and whether a higher ratio means more or less writing. */
  readonly ratio?: {
    readonly make: (ratio: number) => CompactionStrategy;
    readonly writes: 'rise' | 'fall';
  };
}

/**
 * Defines the suite.
 *
 * @param make - gives a new instance each time
 * @param tools - of the test runner
 * @param expectations - what the suite can't find out by itself; properties without one are left out
 */
export function compactionStrategyConformance(
  make: MakeStrategy,
  tools: TestTools,
  expectations: StrategyExpectations = {},
): void {
  tools.describe(`CompactionStrategy conformance: ${make().name}`, () => {
    definePurityTests(make, tools);
    defineLegalityTests(make, tools);
    defineLoadTests(make, tools);
    definePressureTests(make, tools);
    defineBoundsTests(make, tools);
    if (make().lossy !== true) defineReadTests(make, tools);
    if (make().predict !== undefined) definePredictTests(make, tools);
    if (expectations.ratio !== undefined) defineRatioTests(expectations.ratio, tools);
  });
}

/** A strategy with the state that the manifest would keep for it, which passes through JSON each time. */
class Planner {
  readonly strategy: CompactionStrategy;
  #state: string;

  constructor(make: MakeStrategy) {
    this.strategy = make();
    this.#state = JSON.stringify(this.strategy.initialState?.() ?? null);
  }

  get lossy(): boolean {
    return this.strategy.lossy === true;
  }

  plan(snapshot: TreeSnapshot): CompactionPlan {
    const plan = this.strategy.plan(snapshot, JSON.parse(this.#state) as Json);
    if (plan.state !== undefined) this.#state = JSON.stringify(plan.state);
    return plan;
  }
}

function definePurityTests(make: MakeStrategy, { it, expect }: TestTools): void {
  it('has a name, a version and settings that pass through JSON', () => {
    const { name, formatVersion, settings } = make();
    expect(name.length > 0).toBe(true);
    expect(Number.isInteger(formatVersion) && formatVersion >= 0).toBe(true);
    expect(JSON.parse(JSON.stringify(settings))).toEqual(settings);
  });

  it('P8 plans and assesses the same for the same frozen tree, however often and in which instance', () => {
    const random = seededRandom(1);
    const used = make();
    for (let n = 0; n < 60; n++) {
      const lossy = used.lossy === true;
      const snapshot = makeForeignTree(SIZES, lossy, random).snapshot(TASKS_MAX);
      const state = used.initialState?.() ?? null;
      const first = used.plan(snapshot, state);
      expect(used.plan(snapshot, state)).toEqual(first);
      expect(make().plan(snapshot, state)).toEqual(first);
      expect(make().assess(snapshot)).toEqual(used.assess(snapshot));
    }
  });

  it('P8 does not care for the numbers of tables and runs, nor for what keys say beside their order', () => {
    const random = seededRandom(2);
    for (let n = 0; n < 40; n++) {
      const planner = new Planner(make);
      const snapshot = makeForeignTree(SIZES, planner.lossy, random).snapshot(TASKS_MAX);
      const state = planner.strategy.initialState?.() ?? null;
      const plan = planner.strategy.plan(snapshot, state);
      const renumbered = planner.strategy.plan(renumber(snapshot, 10_000), state);
      const tasks = renumbered.tasks.map((task) => renumberTask(task, -10_000));
      expect(tasks).toEqual([...plan.tasks]);
      const renamed = planner.strategy.plan(renameKeys(snapshot), state);
      expect(renamed.tasks.map(withoutKeys)).toEqual(plan.tasks.map(withoutKeys));
    }
  });

  it('P5 judges with finite numbers, and calls a tree at rest exactly when it has nothing to do', () => {
    const random = seededRandom(3);
    for (let n = 0; n < 100; n++) {
      const planner = new Planner(make);
      const snapshot = makeForeignTree(SIZES, planner.lossy, random).snapshot(TASKS_MAX);
      const { debtBytes, pressure, delay, quiescent } = planner.strategy.assess(snapshot);
      expect(Number.isFinite(debtBytes) && debtBytes >= 0).toBe(true);
      expect(Number.isFinite(pressure) && pressure >= 0).toBe(true);
      expect(['none', 'slow', 'stop'].includes(delay)).toBe(true);
      expect(quiescent).toBe(planner.plan(snapshot).tasks.length === 0);
    }
  });
}

function defineLegalityTests(make: MakeStrategy, { it, expect }: TestTools): void {
  it('P3 P4 P9 plans only tasks that are admitted, side by side, on trees that others left', () => {
    const random = seededRandom(4);
    for (let n = 0; n < 150; n++) {
      const planner = new Planner(make);
      const tree = makeForeignTree(SIZES, planner.lossy, random);
      for (const task of planner.plan(tree.snapshot(TASKS_MAX)).tasks) startOrThrow(tree, task);
      // And beside what is running already.
      for (const task of planner.plan(tree.snapshot(TASKS_MAX)).tasks) startOrThrow(tree, task);
      expect(tree.running.length).toBeLessThanOrEqual(TASKS_MAX);
    }
  });

  it('P5 P9 brings any legal tree to rest, at a bounded price, and keeps every read right', () => {
    const random = seededRandom(5);
    for (let n = 0; n < 60; n++) {
      const planner = new Planner(make);
      const tree = makeForeignTree(SIZES, planner.lossy, random);
      const before = contentOf(tree, 2000);
      const { bytes } = sizeOf(tree);
      const merged = settle(tree, planner, random);
      // Each byte goes down a level at a time, and each level is rewritten a few times on the way.
      expect(merged).toBeLessThanOrEqual(PRICE_MAX * bytes);
      if (!planner.lossy) expect(contentOf(tree, 2000)).toBe(before);
      const snapshot = tree.snapshot(TASKS_MAX);
      expect(planner.plan(snapshot).tasks.length).toBe(0);
      expect(planner.strategy.assess(snapshot).quiescent).toBe(true);
    }
  });
}

function defineLoadTests(make: MakeStrategy, { it, expect }: TestTools): void {
  it('P1 serves 150 flushes with tasks that end in any order, fail, and overlap in time', () => {
    for (let seed = 10; seed < 13; seed++) {
      const random = seededRandom(seed);
      const planner = new Planner(make);
      const tree = new StrategyTree(SIZES, planner.lossy);
      const newest = new Map<number, number>();
      for (let n = 0; n < 150; n++) {
        flushRandom(tree, newest, random);
        for (let i = random.next() % 4; i > 0; i--) step(tree, planner, random);
      }
      settle(tree, planner, random);
      if (!planner.lossy) expect(countWrongReads(tree, newest)).toBe(0);
    }
  });

  it('P6 rests with no more runs than it declares', () => {
    const random = seededRandom(20);
    const planner = new Planner(make);
    if (planner.strategy.bounds === undefined) return;
    const tree = new StrategyTree(SIZES, planner.lossy);
    for (let n = 0; n < 200; n++) {
      flushRandom(tree, new Map(), random);
      settle(tree, planner, random);
      const dataBytes = tree.runs.reduce((sum, run) => sum + run.bytes, 0);
      const flushBytes = SIZES.flushEntries * ENTRY_BYTES;
      const { maxRuns, maxSpaceAmplification } = planner.strategy.bounds({
        dataBytes,
        flushBytes,
      });
      expect(tree.runs.length).toBeLessThanOrEqual(maxRuns);
      expect(maxSpaceAmplification).toBeGreaterThanOrEqual(1);
    }
  });

  it('P11 takes ascending and repeated keys, and deletions of everything', () => {
    const random = seededRandom(30);
    const planner = new Planner(make);
    const tree = new StrategyTree(SIZES, planner.lossy);
    for (let n = 0; n < 40; n++) {
      tree.flush(Array.from({ length: SIZES.flushEntries }, (_, i) => 1 + n * 40 + i));
      settle(tree, planner, random);
    }
    for (let n = 0; n < 40; n++) {
      tree.flush([7]);
      settle(tree, planner, random);
    }
    for (let n = 0; n < 40; n++) {
      tree.flush(Array.from({ length: SIZES.flushEntries }, (_, i) => -(1 + n * 40 + i)));
      settle(tree, planner, random);
    }
    for (let key = 1; key <= 1600; key++) {
      const entry = tree.find(key);
      if (!planner.lossy) expect(entry === undefined || entry.deleted).toBe(true);
    }
    const oldest = tree.runs.at(-1)?.tables ?? [];
    expect(oldest.filter((table) => table.pointTombstones > 0).length).toBe(0);
  });

  it('P9 plans for tables without upper end and for runs without tables', () => {
    const random = seededRandom(40);
    for (let n = 0; n < 60; n++) {
      const planner = new Planner(make);
      const odd = makeOdd(makeForeignTree(SIZES, planner.lossy, random).snapshot(TASKS_MAX));
      for (const task of planner.plan(odd).tasks) {
        expect(admit(odd.runs, [], task, { lossy: planner.lossy })).toBe(null);
      }
      const { quiescent } = planner.strategy.assess(odd);
      expect(quiescent).toBe(planner.plan(odd).tasks.length === 0);
    }
  });
}

function definePressureTests(make: MakeStrategy, { it, expect }: TestTools): void {
  it('P7 feels no less pressure after a flush', () => {
    const random = seededRandom(50);
    for (let n = 0; n < 40; n++) {
      const planner = new Planner(make);
      const tree = makeForeignTree(SIZES, planner.lossy, random);
      let pressure = planner.strategy.assess(tree.snapshot(TASKS_MAX)).pressure;
      for (let flush = 0; flush < 12; flush++) {
        flushRandom(tree, new Map(), random);
        const next = planner.strategy.assess(tree.snapshot(TASKS_MAX)).pressure;
        expect(next).toBeGreaterThanOrEqual(pressure * 0.999);
        pressure = next;
      }
    }
  });

  it('P7 lets no level grow without end while flushes come faster than tasks end', () => {
    const random = seededRandom(51);
    const planner = new Planner(make);
    const tree = new StrategyTree(SIZES, planner.lossy);
    const pressures: number[] = [];
    const runs: number[] = [];
    for (let n = 0; n < 240; n++) {
      const { delay, pressure } = planner.strategy.assess(tree.snapshot(TASKS_MAX));
      pressures.push(pressure);
      runs.push(tree.runs.length);
      // Writers wait when they are told to; else nothing could keep up.
      if (delay !== 'stop') flushRandom(tree, new Map(), random);
      for (const task of planner.plan(tree.snapshot(1)).tasks) startOrThrow(tree, task);
      const [first] = tree.running;
      if (first !== undefined) tree.finish(first.id);
    }
    // A tree that grows gets more levels; one that is starved grows with each flush.
    expect(mean(pressures.slice(180))).toBeLessThanOrEqual(2 + 2 * mean(pressures.slice(60, 120)));
    if (!planner.lossy) {
      expect(mean(runs.slice(180))).toBeLessThanOrEqual(6 + 2 * mean(runs.slice(60, 120)));
    }
  });
}

function defineBoundsTests(make: MakeStrategy, { it, expect }: TestTools): void {
  if (make().bounds === undefined) return;

  it('P6 keeps its declared runs and space under overwrites, and its share of a task', () => {
    for (const maxTaskEntries of [Number.POSITIVE_INFINITY, 500]) {
      const keyCount = 2500;
      const flushEntries = 50;
      const strategy = make();
      const simulator = overwrite(strategy, {
        keyCount,
        flushEntries,
        tableEntries: 25,
        maxTaskEntries,
        puts: 6 * keyCount,
      });
      const random = seededRandom(60);
      for (let flush = 0; flush < 60; flush++) {
        for (let i = 0; i < flushEntries; i++) simulator.put(random.next() % keyCount);
        const { treeBytes, runs, largestTaskBytes } = simulator.stats;
        const bounds = strategy.bounds!({ dataBytes: keyCount, flushBytes: flushEntries });
        const { maxTaskShare = Number.POSITIVE_INFINITY } = bounds;
        if (maxTaskEntries === Number.POSITIVE_INFINITY) {
          const grown = strategy.bounds!({ dataBytes: treeBytes, flushBytes: flushEntries });
          expect(runs).toBeLessThanOrEqual(grown.maxRuns);
        }
        expect(treeBytes / keyCount).toBeLessThanOrEqual(bounds.maxSpaceAmplification);
        expect(largestTaskBytes).toBeLessThanOrEqual(maxTaskShare * maxTaskEntries);
      }
    }
  });
}

function defineReadTests(make: MakeStrategy, { it, expect }: TestTools): void {
  const sizes = { keys: 400, flushes: 100, flushEntries: 16 };

  it('P1 P4 reads right at every snapshot while tasks end in any order and fail', () => {
    for (const seed of [70, 71]) {
      expect(loadAndCheck(make, { seed, ...sizes })).toBe(null);
      expect(loadAndCheck(make, { seed, ...sizes, maxTaskEntries: 100 })).toBe(null);
    }
  });

  it('P12 reads right after crashes', () => {
    for (const seed of [80, 81]) {
      expect(loadAndCheck(make, { seed, ...sizes, crashes: true })).toBe(null);
    }
  });

  it('P10 reads right while strategies are switched', () => {
    const others = [() => newestPair(3), () => newestPair(12)];
    for (const seed of [90, 91]) {
      expect(loadAndCheck(make, { seed, ...sizes, others, maxTaskEntries: 150 })).toBe(null);
    }
  });
}

function definePredictTests(make: MakeStrategy, { it, expect }: TestTools): void {
  it('P14 predicts in the order in which the simulator finds: between no merging and merging always', () => {
    for (const keyCount of [1000, 3000]) {
      const flushEntries = 50;
      const sizes = { keyCount, flushEntries, tableEntries: 50, puts: 4 * keyCount };
      const { writeAmplification, runs, spaceAmplification } = make().predict!({
        dataBytes: keyCount,
        flushBytes: flushEntries,
      });
      const measured = overwrite(make(), sizes).stats;
      const always = overwrite(newestPair(1), sizes).stats.writeAmplification;
      const isBelowAlways = measured.writeAmplification < always;
      expect(writeAmplification < always).toBe(isBelowAlways);
      expect(writeAmplification).toBeGreaterThanOrEqual(1);
      // The closed forms know nothing of how full the last level is: nearly twofold errors are to be expected.
      expect(writeAmplification).toBeLessThanOrEqual(2.5 * measured.writeAmplification);
      expect(writeAmplification).toBeGreaterThanOrEqual(0.4 * measured.writeAmplification);
      expect(runs > 0 && spaceAmplification >= 1).toBe(true);
    }
  });
}

function defineRatioTests(
  { make, writes }: NonNullable<StrategyExpectations['ratio']>,
  { it, expect }: TestTools,
): void {
  it('P13 writes as much more, or less, as its ratio says, on average over several sizes', () => {
    const [low, high] = [totalWrites(() => make(4)), totalWrites(() => make(10))];
    expect(writes === 'rise' ? low < high : high < low).toBe(true);
  });
}

/** Write amplification under overwrites, summed over three sizes of data. */
function totalWrites(make: MakeStrategy): number {
  let sum = 0;
  for (const keyCount of [700, 1300, 2400]) {
    const sizes = { keyCount, flushEntries: 15, tableEntries: 15, maxTaskEntries: 600 };
    sum += overwrite(make(), { ...sizes, puts: 5 * keyCount }).stats.writeAmplification;
  }
  return sum;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function startOrThrow(tree: StrategyTree, task: CompactionTask): void {
  const answer = tree.start(task);
  if (!isRejection(answer)) return;
  const levels = tree.runs
    .map(({ id, level, tables }) => `${id}@${level}×${tables.length}`)
    .join(' ');
  throw new Error(
    `Rule ${answer.rule} rejects ${JSON.stringify(task)}: ${answer.message} Runs: ${levels}`,
  );
}

/** Either plans and starts, or ends one of the running tasks; sometimes with a failure. */
function step(tree: StrategyTree, planner: Planner, random: Random): void {
  const { running } = tree;
  const plans = running.length === 0 || random.next() % 2 === 0;
  if (plans && running.length < TASKS_MAX) {
    for (const task of planner.plan(tree.snapshot(TASKS_MAX)).tasks) startOrThrow(tree, task);
    return;
  }
  const { id } = running[random.next() % running.length]!;
  if (random.next() % 8 === 0) tree.abort(id);
  else tree.finish(id);
}

/** Plans and ends tasks until there are none; returns the bytes that they read. */
function settle(tree: StrategyTree, planner: Planner, random: Random): number {
  let read = 0;
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const { tasks } = planner.plan(tree.snapshot(TASKS_MAX));
    for (const task of tasks) startOrThrow(tree, task);
    const { running } = tree;
    if (running.length === 0) return read;
    const ending = running[random.next() % running.length]!;
    if (ending.kind === 'merge' || ending.kind === 'rewrite') read += ending.inputBytes;
    tree.finish(ending.id);
  }
  throw new Error(`The tree is not at rest after ${ROUNDS_MAX} rounds without writes.`);
}

function flushRandom(tree: StrategyTree, newest: Map<number, number>, random: Random): void {
  const keys = Array.from({ length: SIZES.flushEntries }, () => {
    const key = 1 + (random.next() % KEYS);
    return random.next() % 6 === 0 ? -key : key;
  });
  for (const [i, key] of keys.entries()) {
    const sequence = tree.sequence + i + 1;
    newest.set(Math.abs(key), key < 0 ? -sequence : sequence);
  }
  tree.flush(keys);
}

/** `newest`: the sequence of each key's last write, negative for a deletion. */
function countWrongReads(tree: StrategyTree, newest: ReadonlyMap<number, number>): number {
  let wrong = 0;
  for (const [key, sequence] of newest) {
    const entry = tree.find(key);
    if (sequence < 0 ? entry?.deleted === false : entry?.sequence !== sequence) wrong++;
  }
  return wrong;
}

/** What reads of the first keys see. */
function contentOf(tree: StrategyTree, keys: number): string {
  const seen: string[] = [];
  for (let key = 0; key < keys; key += 3) {
    const entry = tree.find(key);
    if (entry?.deleted === false) seen.push(`${key}:${entry.sequence}`);
  }
  return seen.join(' ');
}

/** The tree with the last table of some runs open-ended, and with runs that hold nothing between. */
function makeOdd(snapshot: TreeSnapshot): TreeSnapshot {
  const runs = snapshot.runs.flatMap((run, row) => {
    const last = run.tables.length - 1;
    const tables = run.tables.map((table, i) =>
      i === last && row % 2 === 0 ? { ...table, maxKey: null, rangeTombstones: 1 } : table,
    );
    const empty = { id: run.id + 50_000, level: run.level, tables: [], bytes: 0, entries: 0 };
    return row % 3 === 0 ? [empty, { ...run, tables }] : [{ ...run, tables }];
  });
  return { ...snapshot, runs };
}

function sizeOf(tree: StrategyTree): { readonly bytes: number } {
  return { bytes: tree.runs.reduce((sum, run) => sum + run.bytes, 0) };
}

/** Every key longer, in the same order. */
function renameKeys(snapshot: TreeSnapshot): TreeSnapshot {
  return {
    ...snapshot,
    runs: snapshot.runs.map((run) => ({
      ...run,
      tables: run.tables.map((table) => ({
        ...table,
        minKey: renameKey(table.minKey),
        maxKey: table.maxKey === null ? null : renameKey(table.maxKey),
      })),
    })),
  };
}

function renameKey(key: Uint8Array): Uint8Array {
  return Uint8Array.of(107, ...key, 0);
}

function withoutKeys(task: CompactionTask): CompactionTask {
  if (!('shape' in task)) return task;
  const { cutKeys: _, ...shape } = task.shape;
  return { ...task, shape };
}

function renumber(snapshot: TreeSnapshot, by: number): TreeSnapshot {
  return {
    ...snapshot,
    runs: snapshot.runs.map((run) => ({
      ...run,
      id: run.id + by,
      tables: run.tables.map((table) => ({ ...table, id: table.id + by })),
    })),
  };
}

function renumberTask(task: CompactionTask, by: number): CompactionTask {
  const inputs = task.inputs.map((id) => id + by);
  const renumbered = { ...task, inputs };
  if ('shape' in renumbered && renumbered.shape.cutNear !== undefined) {
    renumbered.shape = { ...renumbered.shape, cutNear: renumbered.shape.cutNear + by };
  }
  if (!('to' in renumbered)) return renumbered;
  const { to } = renumbered;
  if ('into' in to) return { ...renumbered, to: { into: to.into + by } };
  const { level, before } = to.newRun;
  const newRun = { level, before: before === null ? null : before + by };
  return { ...renumbered, to: { newRun } };
}
