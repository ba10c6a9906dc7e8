/** P1, P10, P11 and P12: what readers see, and what is left, whatever happens to a strategy's tasks. */

import { seededRandom } from '@lsm/core';
import { deleteAndCheck, loadAndCheck, newestPair, scatter } from './strategy-load.ts';
import {
  countWrongReads,
  flushRandom,
  type MakeStrategy,
  Planner,
  SIZES,
  settle,
  step,
} from './strategy-planner.ts';
import { StrategyTree } from './strategy-tree.ts';
import type { TestTools } from './test-tools.ts';

const LOAD = { keys: 400, flushes: 100, flushEntries: 16 };
/** Steps of a short load before each of which, in turn, the process crashes. */
const CRASH_STEPS = 48;

/** Defines the tests; `outlivesSnapshots` as in the suite's expectations. */
export function defineDurabilityTests(
  make: MakeStrategy,
  tools: TestTools,
  effort: number,
  outlivesSnapshots: boolean,
): void {
  defineTaskTests(make, tools, effort);
  defineTombstoneTests(make, tools, outlivesSnapshots);
  defineReadTests(make, tools, effort);
}

function defineTaskTests(make: MakeStrategy, { it, expect }: TestTools, effort: number): void {
  it('P1 serves 150 flushes with tasks that end in any order, fail, and overlap in time', () => {
    for (let seed = 10; seed < 10 + Math.ceil(3 * effort); seed++) {
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
}

function defineTombstoneTests(
  make: MakeStrategy,
  { it, expect }: TestTools,
  outlivesSnapshots: boolean,
): void {
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

  it('P11 leaves no tombstone in the oldest run when everything was deleted, by keys and by ranges', () => {
    for (const seed of [31, 32]) {
      expect(deleteAndCheck(make, { seed, isHeld: false })).toBe(null);
      if (outlivesSnapshots) expect(deleteAndCheck(make, { seed, isHeld: true })).toBe(null);
    }
  });
}

function defineReadTests(make: MakeStrategy, { it, expect }: TestTools, effort: number): void {
  const seeds = (first: number): number[] =>
    Array.from({ length: Math.ceil(3 * effort) }, (_, i) => first + i);

  it('P1 P4 reads right at every snapshot while tasks end in any order and fail', () => {
    for (const seed of seeds(70)) {
      expect(loadAndCheck(make, { seed, ...LOAD })).toBe(null);
      expect(loadAndCheck(make, { seed, ...LOAD, maxTaskEntries: 150 })).toBe(null);
    }
  });

  it('P12 reads right after crashes, and does what they left undone', () => {
    for (const seed of seeds(80)) {
      expect(loadAndCheck(make, { seed, ...LOAD, crashes: true })).toBe(null);
    }
  });

  it('P12 goes on after a crash before any single step', () => {
    const short = { keys: 120, flushes: 14, flushEntries: 16 };
    const stride = Math.max(1, Math.floor(1 / effort));
    for (let crashStep = 0; crashStep < CRASH_STEPS; crashStep += stride) {
      expect(loadAndCheck(make, { seed: 85, ...short, crashStep })).toBe(null);
    }
  });

  it('P10 reads right while strategies are switched, and comes to rest with what they left', () => {
    const others = [() => newestPair(3), scatter, () => newestPair(12)];
    for (const seed of seeds(90)) {
      expect(loadAndCheck(make, { seed, ...LOAD, others, maxTaskEntries: 225 })).toBe(null);
    }
  });
}
