import { describe, expect, test } from 'vitest';
import {
  chooserOf,
  type KeyChooser,
  latestChooser,
  scatteredZipfianChooser,
  uniformChooser,
  ZIPF_THETA,
  ZipfianChooser,
} from '../src/distributions.ts';
import { permutation, SeededDraws } from '../src/random.ts';

const DRAWS = 200_000;

function countsOf(chooser: KeyChooser, count: number): number[] {
  const counts = Array.from({ length: count }, () => 0);
  for (let i = 0; i < DRAWS; i++) counts[chooser.next()]!++;
  // An index out of range would have become NaN, or be missing from the sum.
  expect(counts.length).toBe(count);
  expect(counts.reduce((sum, one) => sum + one, 0)).toBe(DRAWS);
  return counts;
}

/** Within five standard deviations of a binomial count. */
function expectCount(count: number, probability: number): void {
  const deviation = Math.sqrt(DRAWS * probability * (1 - probability));
  expect(Math.abs(count - DRAWS * probability)).toBeLessThan(5 * deviation + 1);
}

function zeta(count: number): number {
  let sum = 0;
  for (let rank = 1; rank <= count; rank++) sum += rank ** -ZIPF_THETA;
  return sum;
}

describe('uniformChooser', () => {
  test('draws each index equally often', () => {
    const counts = countsOf(uniformChooser(50, new SeededDraws(1)), 50);
    for (const count of counts) expectCount(count, 1 / 50);
  });
});

describe('ZipfianChooser', () => {
  test('draws the first two ranks with their exact probabilities', () => {
    const counts = countsOf(new ZipfianChooser(1000, new SeededDraws(2)), 1000);
    expectCount(counts[0]!, 1 / zeta(1000));
    expectCount(counts[1]!, 2 ** -ZIPF_THETA / zeta(1000));
  });

  test('draws groups of further ranks about as often as the formula says', () => {
    const counts = countsOf(new ZipfianChooser(1000, new SeededDraws(3)), 1000);
    for (const [from, to] of [
      [2, 10],
      [10, 100],
      [100, 1000],
    ] as const) {
      let expected = 0;
      for (let rank = from; rank < to; rank++) expected += (rank + 1) ** -ZIPF_THETA / zeta(1000);
      const drawn = counts.slice(from, to).reduce((sum, count) => sum + count, 0) / DRAWS;
      // The method of Gray et al. is an approximation beyond the second rank.
      expect(Math.abs(drawn / expected - 1)).toBeLessThan(0.12);
    }
  });

  test('keeps to its ranks when there are one or two', () => {
    expect(countsOf(new ZipfianChooser(1, new SeededDraws(4)), 1)).toEqual([DRAWS]);
    expect(countsOf(new ZipfianChooser(2, new SeededDraws(4)), 2)[0]).toBeGreaterThan(DRAWS / 2);
  });

  test('is the same after growing as when made so large', () => {
    const grown = new ZipfianChooser(10, new SeededDraws(5));
    grown.grow(500);
    const made = new ZipfianChooser(500, new SeededDraws(5));
    for (let i = 0; i < 1000; i++) expect(grown.next()).toBe(made.next());
  });
});

describe('scatteredZipfianChooser', () => {
  test('has the frequencies of zipfian ranks at other places', () => {
    const counts = countsOf(scatteredZipfianChooser(1000, new SeededDraws(6)), 1000);
    const sorted = counts.toSorted((a, b) => b - a);
    expectCount(sorted[0]!, 1 / zeta(1000));
    expect(counts[0]).toBeLessThan(sorted[0]!);
  });
});

describe('latestChooser', () => {
  test('prefers the newest, also after inserts', () => {
    const chooser = latestChooser(100, new SeededDraws(7));
    const before = countsOf(chooser, 100);
    expectCount(before[99]!, 1 / zeta(100));
    chooser.grow(200);
    const after = countsOf(chooser, 200);
    expectCount(after[199]!, 1 / zeta(200));
  });
});

describe('chooserOf', () => {
  test.each(['uniform', 'zipfian', 'latest'] as const)(
    '%s repeats itself from its seed',
    (name) => {
      const a = chooserOf(name, 100, new SeededDraws(8));
      const b = chooserOf(name, 100, new SeededDraws(8));
      for (let i = 0; i < 1000; i++) expect(a.next()).toBe(b.next());
    },
  );
});

describe('permutation', () => {
  test('holds every number once, in another order', () => {
    const order = permutation(1000, new SeededDraws(9));
    expect([...order].toSorted((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    expect([...order.slice(0, 10)]).not.toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });
});
