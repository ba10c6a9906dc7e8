import { compareBytes } from '@lsm/core';
import { treeTable as table } from '@lsm/testkit';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { rangesOverlap } from '../src/key-range.ts';
import { overlapClusters } from '../src/overlap-clusters.ts';

const letter = (at: number): string => String.fromCodePoint(97 + at);

test('clusters lie apart, in key order, and each hangs together', () => {
  const ranges = fc.array(fc.tuple(fc.nat(25), fc.nat(5)), { maxLength: 30 });
  fc.assert(
    fc.property(ranges, (drawn) => {
      const tables = drawn.map(([from, length], i) =>
        table(i, `${letter(from)}-${letter(Math.min(25, from + length))}`),
      );
      const clusters = overlapClusters(tables);
      expect(clusters.flat().length).toBe(tables.length);
      for (const [i, cluster] of clusters.entries()) {
        for (const other of clusters.slice(i + 1).flat()) {
          expect(cluster.some((one) => rangesOverlap(one, other))).toBe(false);
          expect(compareBytes(cluster[0]!.minKey, other.minKey)).toBeLessThan(0);
        }
        for (const [at, one] of cluster.entries()) {
          expect(at === 0 || cluster.slice(0, at).some((two) => rangesOverlap(two, one))).toBe(
            true,
          );
        }
      }
    }),
  );
});

test('a table without upper end takes in all that follows', () => {
  const open = table(2, 'c-d', { maxKey: null });
  const clusters = overlapClusters([table(3, 'x-z'), open, table(1, 'a-b')]);
  expect(clusters.map((cluster) => cluster.map(({ id }) => id))).toEqual([[1], [2, 3]]);
});
