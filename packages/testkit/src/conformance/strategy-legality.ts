/** P3, P4, P5, P8 and P9: what a strategy plans on any legal tree. */

import { admit } from '@lsm/compaction';
import { type Random, seededRandom, type TreeSnapshot } from '@lsm/core';
import {
  comparable,
  makeOdd,
  renameKeys,
  renumber,
  renumberTask,
  shuffledNumbers,
} from './strategy-disguise.ts';
import {
  bytesOf,
  contentOf,
  type MakeStrategy,
  Planner,
  SIZES,
  settle,
  startOrThrow,
  TASKS_MAX,
} from './strategy-planner.ts';
import { ENTRY_BYTES, makeForeignTree, StrategyTree } from './strategy-tree.ts';
import type { TestTools } from './test-tools.ts';

/**
 * Bytes that bringing a tree to rest may read, as a multiple of the tree and of its runs, each of which may be a level.
 * No built-in strategy exceeds 1 on these trees; the most that one reads of a tree is 4.9 times, at 12 runs.
 */
const PRICE_PER_RUN = 1.5;
/** The same for trees of few runs. */
const PRICE_LEAST = 4;

/** Defines the tests; `times` scales how many trees are drawn. */
export function defineLegalityTests(make: MakeStrategy, tools: TestTools, effort: number): void {
  const times = (trees: number): number => Math.ceil(trees * effort);
  definePurityTests(make, tools, times);
  defineAdmissionTests(make, tools, times);
  defineRestTests(make, tools, times);
}

/** A foreign tree with some tasks of the strategy running, or none. */
function foreignSnapshot(make: MakeStrategy, random: Random): TreeSnapshot {
  const planner = new Planner(make);
  const tree = makeForeignTree(SIZES, planner.lossy, random);
  if (random.next() % 2 === 0) {
    for (const task of planner.plan(tree.snapshot(2)).tasks) startOrThrow(tree, task);
  }
  return tree.snapshot(TASKS_MAX, randomLimits(tree, random));
}

/** Limits of all sizes; a disk that is full, half full, or without end. */
function randomLimits(tree: StrategyTree, random: Random): Partial<TreeSnapshot['limits']> {
  const pick = (values: readonly number[]): number => values[random.next() % values.length]!;
  const tableBytes = SIZES.tableEntries * ENTRY_BYTES;
  return {
    maxTaskBytes: pick([Number.POSITIVE_INFINITY, 24 * tableBytes, 3 * tableBytes]),
    freeDiskBytes: pick([Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, bytesOf(tree) / 2, 0]),
  };
}

function definePurityTests(
  make: MakeStrategy,
  { it, expect }: TestTools,
  times: (trees: number) => number,
): void {
  it('has a name, a version and settings that pass through JSON', () => {
    const { name, formatVersion, settings } = make();
    expect(name.length > 0).toBe(true);
    expect(Number.isInteger(formatVersion) && formatVersion >= 0).toBe(true);
    expect(JSON.parse(JSON.stringify(settings))).toEqual(settings);
  });

  it('P8 plans and assesses the same for the same frozen tree, however often and in which instance', () => {
    const random = seededRandom(1);
    const used = make();
    for (let n = times(60); n > 0; n--) {
      const snapshot = foreignSnapshot(make, random);
      const state = used.initialState?.() ?? null;
      const first = used.plan(snapshot, state);
      expect(used.plan(snapshot, state)).toEqual(first);
      expect(make().plan(snapshot, state)).toEqual(first);
      expect(make().assess(snapshot)).toEqual(used.assess(snapshot));
    }
  });

  it('P8 does not care for the numbers of tables, runs and versions, nor for what keys say beside their order', () => {
    const random = seededRandom(2);
    for (let n = times(60); n > 0; n--) {
      const strategy = make();
      const snapshot = foreignSnapshot(make, random);
      const state = strategy.initialState?.() ?? null;
      const tasks = strategy.plan(snapshot, state).tasks.map(comparable);
      const numbering = shuffledNumbers(snapshot, random);
      const renumbered = strategy.plan(renumber(snapshot, numbering), state);
      expect(
        renumbered.tasks.map((task) => comparable(renumberTask(task, numbering.back))),
      ).toEqual(tasks);
      const renamed = strategy.plan(renameKeys(snapshot, random), state);
      expect(renamed.tasks.map(comparable)).toEqual(tasks);
    }
  });

  it('P5 judges with finite numbers, and calls a tree at rest exactly when it has nothing to do', () => {
    const random = seededRandom(3);
    for (let n = times(100); n > 0; n--) {
      const snapshot = foreignSnapshot(make, random);
      const { debtBytes, pressure, delay } = make().assess(snapshot);
      expect(Number.isFinite(debtBytes) && debtBytes >= 0).toBe(true);
      expect(Number.isFinite(pressure) && pressure >= 0).toBe(true);
      expect(['none', 'slow', 'stop'].includes(delay)).toBe(true);
      new Planner(make).planAndJudge(snapshot);
    }
  });
}

function defineAdmissionTests(
  make: MakeStrategy,
  { it, expect }: TestTools,
  times: (trees: number) => number,
): void {
  it('P3 P4 P9 plans only tasks that are admitted, side by side, on trees that others left', () => {
    const random = seededRandom(4);
    for (let n = times(200); n > 0; n--) {
      const planner = new Planner(make);
      const tree = makeForeignTree(SIZES, planner.lossy, random);
      const limits = randomLimits(tree, random);
      const maxTasks = [1, 2, TASKS_MAX, 16][random.next() % 4]!;
      // And beside what is running already; and again when something has ended.
      for (let round = 0; round < 3; round++) {
        for (const task of planner.plan(tree.snapshot(maxTasks, limits)).tasks) {
          startOrThrow(tree, task, limits.freeDiskBytes);
        }
        expect(tree.running.length).toBeLessThanOrEqual(maxTasks);
        const [ending] = tree.running;
        if (ending === undefined || round === 0) continue;
        if (random.next() % 4 === 0) tree.abort(ending.id);
        else tree.finish(ending.id);
      }
    }
  });

  it('P9 plans for tables without upper end, for runs without tables, and nothing for no tree', () => {
    const random = seededRandom(40);
    for (let n = times(60); n > 0; n--) {
      const planner = new Planner(make);
      const odd = makeOdd(makeForeignTree(SIZES, planner.lossy, random).snapshot(TASKS_MAX));
      for (const task of planner.planAndJudge(odd).tasks) {
        expect(admit(odd.runs, [], task, { lossy: planner.lossy })).toBe(null);
      }
    }
    const planner = new Planner(make);
    const nothing = new StrategyTree(SIZES, planner.lossy).snapshot(TASKS_MAX);
    expect(planner.planAndJudge(nothing).tasks.length).toBe(0);
    expect(planner.strategy.assess(nothing).delay).toBe('none');
  });
}

function defineRestTests(
  make: MakeStrategy,
  { it, expect }: TestTools,
  times: (trees: number) => number,
): void {
  it('P5 P9 brings any legal tree to rest, at a bounded price, and keeps every read right', () => {
    const random = seededRandom(5);
    for (let n = times(60); n > 0; n--) {
      const planner = new Planner(make);
      const tree = makeForeignTree(SIZES, planner.lossy, random);
      const before = contentOf(tree, 2000);
      const bytes = bytesOf(tree);
      const levels = tree.runs.length;
      const read = settle(tree, planner, random);
      expect(read).toBeLessThanOrEqual(Math.max(PRICE_LEAST, PRICE_PER_RUN * levels) * bytes);
      if (!planner.lossy) expect(contentOf(tree, 2000)).toBe(before);
      const snapshot = tree.snapshot(TASKS_MAX);
      expect(planner.planAndJudge(snapshot).tasks.length).toBe(0);
      // Rest is a matter of the tree: who has no memory of how it came about has nothing to do, either.
      expect(new Planner(make).planAndJudge(snapshot).tasks.length).toBe(0);
    }
  });
}
