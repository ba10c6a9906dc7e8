/**
 * What every {@link CompactionStrategy} has to do: pure, total, legal, convergent, within its declared bounds, and
 * never in the way of a right read, whatever order its tasks finish in.
 */

import { isRejection } from '@lsm/compaction';
import type { CompactionTask, Random, TreeSnapshot } from '@lsm/core';
import { type CompactionPlan, type CompactionStrategy, type Json, seededRandom } from '@lsm/core';
import { ENTRY_BYTES, makeForeignTree, StrategyTree, type TreeSizes } from './strategy-tree.ts';
import type { TestTools } from './test-tools.ts';

const SIZES: TreeSizes = { flushEntries: 40, tableEntries: 40 };
const KEYS = 3000;
const TASKS_MAX = 4;
/** Rounds of planning after which a tree without writes has to be at rest. */
const ROUNDS_MAX = 2000;

/** Makes the strategy under test; a new one for each use, so that hidden state shows. */
export type MakeStrategy = () => CompactionStrategy;

/** Defines the suite. */
export function compactionStrategyConformance(make: MakeStrategy, tools: TestTools): void {
  tools.describe(`CompactionStrategy conformance: ${make().name}`, () => {
    definePurityTests(make, tools);
    defineLegalityTests(make, tools);
    defineLoadTests(make, tools);
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

  it('plans and assesses the same for the same frozen tree, however often and in which instance', () => {
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

  it('does not care for the numbers of tables and runs', () => {
    const random = seededRandom(2);
    for (let n = 0; n < 40; n++) {
      const planner = new Planner(make);
      const snapshot = makeForeignTree(SIZES, planner.lossy, random).snapshot(TASKS_MAX);
      const state = planner.strategy.initialState?.() ?? null;
      const plan = planner.strategy.plan(snapshot, state);
      const renumbered = planner.strategy.plan(renumber(snapshot, 10_000), state);
      const tasks = renumbered.tasks.map((task) => renumberTask(task, -10_000));
      expect(tasks).toEqual([...plan.tasks]);
    }
  });

  it('judges with finite numbers, and calls a tree at rest exactly when it has nothing to do', () => {
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
  it('plans only tasks that are admitted, side by side, on trees that others left', () => {
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

  it('brings any legal tree to rest and keeps every read right', () => {
    const random = seededRandom(5);
    for (let n = 0; n < 60; n++) {
      const planner = new Planner(make);
      const tree = makeForeignTree(SIZES, planner.lossy, random);
      const before = contentOf(tree, 2000);
      settle(tree, planner, random);
      if (!planner.lossy) expect(contentOf(tree, 2000)).toBe(before);
      const snapshot = tree.snapshot(TASKS_MAX);
      expect(planner.plan(snapshot).tasks.length).toBe(0);
      expect(planner.strategy.assess(snapshot).quiescent).toBe(true);
    }
  });
}

function defineLoadTests(make: MakeStrategy, { it, expect }: TestTools): void {
  it('serves 150 flushes with tasks that end in any order, fail, and overlap in time', () => {
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

  it('stays within its declared bounds when it keeps up', () => {
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

  it('takes ascending and repeated keys, and deletions of everything', () => {
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
  });
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

/** Plans and ends tasks until there are none. */
function settle(tree: StrategyTree, planner: Planner, random: Random): void {
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const { tasks } = planner.plan(tree.snapshot(TASKS_MAX));
    for (const task of tasks) startOrThrow(tree, task);
    const { running } = tree;
    if (running.length === 0) return;
    tree.finish(running[random.next() % running.length]!.id);
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
