/** P6, P7, P13 and P14: what a strategy costs, beside what it declares and what its load asks for. */

import type { Simulator } from '@lsm/compaction';
import { seededRandom } from '@lsm/core';
import { newestPair, overwrite } from './strategy-load.ts';
import {
  bytesOf,
  flushRandom,
  type MakeStrategy,
  mean,
  Planner,
  SIZES,
  settle,
  startOrThrow,
  TASKS_MAX,
} from './strategy-planner.ts';
import { ENTRY_BYTES, makeForeignTree, StrategyTree } from './strategy-tree.ts';
import type { TestTools } from './test-tools.ts';

/** P13: the strategy with another size ratio, and whether a higher ratio means more or less writing. */
export interface RatioExpectation {
  readonly make: (ratio: number) => ReturnType<MakeStrategy>;
  readonly writes: 'rise' | 'fall';
}

/** Sizes of data over which P13 averages: the last level is filled differently in each. */
const KEY_COUNTS = [700, 1300, 2400];

/** Defines the tests. */
export function defineFigureTests(
  make: MakeStrategy,
  tools: TestTools,
  effort: number,
  { ratio, predicts = true }: { readonly ratio?: RatioExpectation; readonly predicts?: boolean },
): void {
  definePressureTests(make, tools, effort);
  if (make().bounds !== undefined) defineBoundsTests(make, tools, effort);
  if (make().predict !== undefined && predicts) definePredictTests(make, tools);
  if (ratio !== undefined) defineRatioTests(ratio, tools);
}

function definePressureTests(make: MakeStrategy, { it, expect }: TestTools, effort: number): void {
  it('P7 feels no less pressure after a flush', () => {
    const random = seededRandom(50);
    for (let n = Math.ceil(40 * effort); n > 0; n--) {
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
    const bytes: number[] = [];
    for (let n = 0; n < 240; n++) {
      const { delay, pressure } = planner.strategy.assess(tree.snapshot(TASKS_MAX));
      pressures.push(pressure);
      runs.push(tree.runs.length);
      bytes.push(bytesOf(tree));
      // Writers wait when they are told to; else nothing could keep up.
      if (delay !== 'stop') flushRandom(tree, new Map(), random);
      for (const task of planner.plan(tree.snapshot(1)).tasks) startOrThrow(tree, task);
      const [first] = tree.running;
      if (first !== undefined) tree.finish(first.id);
    }
    // A tree that grows gets more levels; one that is starved grows with each flush.
    expect(mean(pressures.slice(180))).toBeLessThanOrEqual(2 + 2 * mean(pressures.slice(60, 120)));
    if (planner.lossy) return;
    expect(mean(runs.slice(180))).toBeLessThanOrEqual(6 + 2 * mean(runs.slice(60, 120)));
    // The same 3,000 keys again and again: obsolete versions have to go under load, too.
    expect(mean(bytes.slice(180))).toBeLessThanOrEqual(3 * mean(bytes.slice(60, 120)));
    const before = bytesOf(tree);
    expect(settle(tree, planner, random)).toBeLessThanOrEqual(25 * before);
  });
}

function defineBoundsTests(make: MakeStrategy, { it, expect }: TestTools, effort: number): void {
  it('P6 rests with no more runs than it declares', () => {
    const random = seededRandom(20);
    const planner = new Planner(make);
    const tree = new StrategyTree(SIZES, planner.lossy);
    for (let n = 0; n < 200; n++) {
      flushRandom(tree, new Map(), random);
      settle(tree, planner, random);
      const { maxRuns, maxSpaceAmplification } = planner.strategy.bounds!({
        dataBytes: bytesOf(tree),
        flushBytes: SIZES.flushEntries * ENTRY_BYTES,
      });
      expect(tree.runs.length).toBeLessThanOrEqual(maxRuns);
      expect(maxSpaceAmplification).toBeGreaterThanOrEqual(1);
    }
  });

  it('P6 keeps its declared runs and space under overwrites, and its share of a task', () => {
    for (const keyCount of effort < 1 ? [2500] : [600, 2500, 6000]) {
      for (const maxTaskEntries of [Number.POSITIVE_INFINITY, 750]) {
        const flushEntries = 50;
        const sizes = { keyCount, flushEntries, tableEntries: 25, maxTaskEntries };
        const simulator = overwrite(make(), { ...sizes, puts: 6 * keyCount });
        const random = seededRandom(60);
        for (let flush = 0; flush < 60; flush++) {
          for (let i = 0; i < flushEntries; i++) simulator.put(random.next() % keyCount);
          const broken = brokenBound(make, simulator, sizes);
          expect(broken).toBe(null);
        }
      }
    }
  });
}

/** Which declared bound a tree at rest exceeds, or has exceeded on the way; `null` if none. */
function brokenBound(
  make: MakeStrategy,
  { stats }: Simulator,
  sizes: {
    readonly keyCount: number;
    readonly flushEntries: number;
    readonly maxTaskEntries: number;
  },
): string | null {
  const { keyCount, flushEntries, maxTaskEntries } = sizes;
  const { treeBytes, peakBytes, runs, largestTaskBytes } = stats;
  const strategy = make();
  const bounds = strategy.bounds!({ dataBytes: keyCount, flushBytes: flushEntries });
  const grown = strategy.bounds!({ dataBytes: treeBytes, flushBytes: flushEntries });
  const { maxTaskShare = Number.POSITIVE_INFINITY, maxSpaceAmplification } = bounds;
  if (runs > grown.maxRuns) {
    return `${runs} runs, and ${grown.maxRuns} declared`;
  }
  if (treeBytes > maxSpaceAmplification * keyCount) {
    return `${treeBytes} bytes for ${keyCount}, and ${maxSpaceAmplification} times declared`;
  }
  // Beside what is declared for rest: the outputs of one task, and flushes that it had to wait for.
  const transient = largestTaskBytes + 2 * flushEntries;
  if (peakBytes > maxSpaceAmplification * keyCount + transient) {
    return `a peak of ${peakBytes} bytes with a largest task of ${largestTaskBytes}`;
  }
  if (largestTaskBytes > maxTaskShare * maxTaskEntries) {
    return `a task of ${largestTaskBytes} bytes, and ${maxTaskShare} times ${maxTaskEntries} declared`;
  }
  return null;
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

function defineRatioTests({ make, writes }: RatioExpectation, { it, expect }: TestTools): void {
  it('P13 writes as much more, or less, as its ratio says, on average over several sizes', () => {
    const [low, high] = [totalWrites(() => make(4)), totalWrites(() => make(10))];
    expect(writes === 'rise' ? low < high : high < low).toBe(true);
  });

  if (make(4).predict === undefined) return;

  it('P14 predicts that it writes more, or less, with a higher ratio, as it does', () => {
    const [low, high] = [predictedWrites(make(4)), predictedWrites(make(10))];
    expect(writes === 'rise' ? low < high : high < low).toBe(true);
  });
}

/** Write amplification under overwrites, summed over the sizes of data. */
function totalWrites(make: MakeStrategy): number {
  let sum = 0;
  for (const keyCount of KEY_COUNTS) {
    const sizes = { keyCount, flushEntries: 15, tableEntries: 15, maxTaskEntries: 900 };
    sum += overwrite(make(), { ...sizes, puts: 5 * keyCount }).stats.writeAmplification;
  }
  return sum;
}

/** The same by a strategy's own formula. */
function predictedWrites(strategy: ReturnType<MakeStrategy>): number {
  let sum = 0;
  for (const dataBytes of KEY_COUNTS) {
    sum += strategy.predict!({ dataBytes, flushBytes: 15 }).writeAmplification;
  }
  return sum;
}
