import {
  balancedFanOuts,
  bitsForRate,
  type FluidShape,
  falsePositiveRate,
  levelCount,
  levelSteps,
  levelsForLeastWrites,
  missesMonkey,
  missesUniform,
  ratesMonkey,
  runCount,
  spaceAmplification,
  spaceAmplificationOf,
  writeAmplification,
  writeAmplificationEndure,
  writeAmplificationFanOut,
  writeAmplificationOfSteps,
} from '@lsm/compaction';
import { describe, expect, test } from 'vitest';

const shape = (ratio: number, levels: number, upperRuns: number, lastRuns: number): FluidShape => ({
  ratio,
  levels,
  upperRuns,
  lastRuns,
});

describe('cost model', () => {
  // Ratio, levels, K, Z; runs, writes by Dostoevsky and by Endure, misses uniform and Monkey at 10 bits, space.
  test.each([
    [10, 5, 1, 1, 5, 22.5, 25, 0.04096, 0.01176, 1.111],
    [10, 5, 9, 1, 37, 8.1, 9, 0.3031, 0.01465, 1.111],
    [10, 5, 9, 9, 45, 4.5, 5, 0.3687, 0.1058, 9.111],
    [4, 8, 1, 1, 8, 12, 16, 0.0655, 0.01734, 1.333],
    [4, 8, 3, 1, 22, 6.75, 9, 0.1802, 0.02282, 1.333],
    [4, 8, 3, 3, 24, 6, 8, 0.1966, 0.05202, 3.333],
  ])('gives the worked values of T=%d L=%d K=%d Z=%d', (t, l, k, z, ...expected) => {
    const tree = shape(t, l, k, z);
    const [runs, writes, endure, uniform, monkey, space] = expected;
    expect(runCount(tree)).toBe(runs);
    expect(writeAmplification(tree)).toBeCloseTo(writes, 6);
    expect(writeAmplificationEndure(tree)).toBeCloseTo(endure, 6);
    expect(Math.abs(missesUniform(tree, 10) / uniform - 1)).toBeLessThan(0.001);
    expect(Math.abs(missesMonkey(tree, 10) / monkey - 1)).toBeLessThan(0.001);
    expect(spaceAmplification(tree)).toBeCloseTo(space, 3);
  });

  test('gives the worked rates of each level', () => {
    const rates = ratesMonkey(shape(10, 5, 1, 1), 10);
    for (const [i, rate] of [1.058e-6, 1.058e-5, 1.058e-4, 1.058e-3, 1.058e-2].entries()) {
      expect(Math.abs(rates[i]! / rate - 1)).toBeLessThan(0.001);
    }
  });

  test.each([
    [2, 0.54891, 1.91],
    [5, 0.12987, 0.4526],
    [8, 0.03073, 0.1071],
    [16, 0.00066, 0.00229],
  ])('gives the worked misses of leveling at %d bits', (bits, monkey, uniform) => {
    const tree = shape(10, 5, 1, 1);
    expect(Math.abs(missesMonkey(tree, bits) / monkey - 1)).toBeLessThan(0.01);
    expect(Math.abs(missesUniform(tree, bits) / uniform - 1)).toBeLessThan(0.01);
  });

  test.each([
    [0.001, 14.378],
    [0.01, 9.585],
    [0.05, 6.235],
  ])('a rate of %d takes %d bits', (rate, bits) => {
    expect(bitsForRate(rate)).toBeCloseTo(bits, 3);
    expect(falsePositiveRate(bits)).toBeCloseTo(rate, 4);
  });

  test('the sum of the rates of all runs is the number of misses', () => {
    for (const tree of [shape(10, 9, 1, 1), shape(4, 14, 3, 1), shape(4, 14, 3, 3)]) {
      const rates = ratesMonkey(tree, 10);
      const sum = rates.reduce(
        (total, rate, i) =>
          total + rate * (i === rates.length - 1 ? tree.lastRuns : tree.upperRuns),
        0,
      );
      expect(Math.abs(sum / missesMonkey(tree, 10) - 1)).toBeLessThan(0.001);
    }
  });

  test('leveled writes rise with the ratio, tiered writes fall', () => {
    let leveled = 0;
    let tiered = Number.POSITIVE_INFINITY;
    for (const ratio of [4, 6, 8, 10, 20]) {
      const levels = Math.log(1e5) / Math.log(ratio);
      const nextLeveled = writeAmplification(shape(ratio, levels, 1, 1));
      const nextTiered = writeAmplification(shape(ratio, levels, ratio - 1, ratio - 1));
      expect(nextLeveled).toBeGreaterThan(leveled);
      expect(nextTiered).toBeLessThan(tiered);
      leveled = nextLeveled;
      tiered = nextTiered;
    }
  });

  test('counts levels from the buffer up', () => {
    expect(levelCount(1, 10, 10)).toBe(1);
    expect(levelCount(1000, 1, 10)).toBe(3);
    expect(levelCount(1120, 1, 10)).toBe(4);
  });

  test.each([
    [[1, 1, 1], [10, 10, 10], 30],
    [[1, 2, 2], [6.3, 12.6, 12.6], 18.9],
  ])('balances a fan-out of 1000 over levels below %j runs', (runs, fanOuts, writes) => {
    const levels = balancedFanOuts(1000, runs);
    expect(levels.map(({ fanOut }) => Math.round(fanOut * 10) / 10)).toEqual(fanOuts);
    expect(writeAmplificationFanOut(levels)).toBeCloseTo(writes, 1);
  });

  test('finds the number of leveled levels that writes least: ln t', () => {
    expect(levelsForLeastWrites(1024)).toBe(7);
    expect(7 * 1024 ** (1 / 7)).toBeCloseTo(18.84, 2);
    expect(Math.log(1024)).toBeCloseTo(6.93, 2);
    expect(levelsForLeastWrites(2)).toBe(1);
    for (const total of [3, 10, 64, 1e4, 1e6]) {
      const best = levelsForLeastWrites(total);
      const cost = (levels: number): number => levels * total ** (1 / levels);
      for (let levels = 1; levels < 20; levels++) {
        expect(cost(best)).toBeLessThanOrEqual(cost(levels));
      }
    }
  });

  test('says what fixed level targets cost: 1.555, and 1.111 if the last level is full', () => {
    expect(spaceAmplificationOf([1, 10, 100, 200])).toBe(1.555);
    expect(spaceAmplificationOf([0.1, 1, 10, 100, 1000])).toBeCloseTo(1.111, 3);
  });

  // An engine with fixed levels of 40 MB to 400 GB and memtables of 4 MB; log and flush write everything once each.
  test.each([
    [4, 6.64, 18.6, 35.2, 10.1, 8.6],
    [6, 5.14, 20.0, 38.0, 9.6, 7.1],
    [8, 4.43, 21.9, 41.9, 9.9, 6.4],
    [10, 4.0, 24.0, 46.0, 10.5, 6.0],
    [20, 3.07, 34.3, 66.6, 14.6, 5.1],
  ])('tells what a ratio of %d costs from 40 MB to 400 GB: %d steps', (ratio, ...expected) => {
    const steps = levelSteps(40e6, 400e9, ratio);
    const logAndFlush = 2;
    const writes = [
      writeAmplificationOfSteps(steps, steps, ratio),
      writeAmplificationOfSteps(steps, steps, ratio, true),
      writeAmplificationOfSteps(steps, 1, ratio),
      writeAmplificationOfSteps(steps, 0, ratio),
    ].map((merges) => logAndFlush + merges);
    for (const [i, value] of [steps, ...writes].entries()) {
      expect(Math.abs(value - expected[i]!)).toBeLessThanOrEqual(i === 0 ? 0.005 : 0.051);
    }
  });

  test('tells that a higher ratio makes leveling write more and tiering less, and what lowers both', () => {
    const of = (ratio: number, leveledSteps: number): number =>
      2 + writeAmplificationOfSteps(levelSteps(40e6, 400e9, ratio), leveledSteps, ratio);
    // "Above 50x, raise the ratio from 10 to 20" is the wrong way round for leveling: 43 % more.
    expect(of(20, 9) / of(10, 9)).toBeCloseTo(1.43, 2);
    expect(of(20, 0)).toBeLessThan(of(10, 0));
    expect(of(4, 9)).toBeLessThan(of(10, 9));
    expect(of(10, 1)).toBeLessThan(of(10, 9) / 2);
    // A database of 1 GB is only 1.4 steps deep.
    expect(levelSteps(40e6, 1e9, 10)).toBeCloseTo(1.4, 2);
    expect(2 + writeAmplificationOfSteps(levelSteps(40e6, 1e9, 10), 9, 10)).toBeCloseTo(9.7, 1);
  });

  test('tells what filters of 0.1, 1 and 5 % of such a tree cost in memory and in reads', () => {
    // Megabytes of L0, in four tables, and of the levels below.
    const entries = [40, 400, 4000, 40_000, 400_000];
    const rates = [0.001, 0.01, 0.05, 0.05, 0.05];
    const total = entries.reduce((sum, count) => sum + count, 0);
    const bits = entries.reduce((sum, count, i) => sum + count * bitsForRate(rates[i]!), 0);
    expect(bits / total).toBeCloseTo(6.239, 2);
    const misses = (level0Tables: number, of: readonly number[]): number =>
      of.reduce((sum, rate, i) => sum + (i === 0 ? level0Tables : 1) * rate, 0);
    expect(misses(4, rates)).toBeCloseTo(0.164, 6);
    expect(misses(10, rates)).toBeCloseTo(0.17, 6);
    const equal = entries.map(() => falsePositiveRate(bits / total));
    expect(misses(4, equal)).toBeCloseTo(0.399, 3);
    expect(misses(10, equal)).toBeCloseTo(0.699, 3);
    const onePercent = entries.map(() => 0.01);
    expect([misses(4, onePercent), misses(10, onePercent)]).toEqual([
      expect.closeTo(0.08, 6),
      expect.closeTo(0.14, 6),
    ]);
  });
});
