import { cutOfWide, keysAfter } from '@lsm/compaction';
import { compareBytes } from '@lsm/core';
import { treeRun as run, treeTable as table, treeSnapshot } from '@lsm/testkit';
import { describe, expect, test } from 'vitest';

const letters = Array.from({ length: 16 }, (_, i) => String.fromCodePoint(97 + i));
const below = run(
  9,
  6,
  letters.map((letter, i) => table(10 + i, `${letter}1-${letter}8`)),
);

/** What would be cut of a table over sixteen tables of 100 bytes, if a task may read so much. */
function cutOf(maxTaskBytes: number, range: string, more: object = {}): readonly string[] | null {
  const wide = table(1, range, more);
  const snapshot = treeSnapshot([run(1, 0, [wide]), below]);
  const limits = { ...snapshot.limits, maxTaskBytes, tableBytes: 100 };
  const task = cutOfWide({ ...snapshot, limits }, wide, below.tables, 2);
  if (task === null) return null;
  expect(task).toMatchObject({ kind: 'rewrite', inputs: [1], score: 2 });
  const { cutKeys = [] } = task.kind === 'rewrite' ? task.shape : {};
  expect(cutKeys.every((key, i) => i === 0 || compareBytes(cutKeys[i - 1]!, key) < 0)).toBe(true);
  return cutKeys.map((key) => new TextDecoder().decode(key));
}

describe('a table too wide for a task', () => {
  test('is cut behind tables below it, into stretches of half of what tasks aim at', () => {
    const keys = cutOf(600, 'a-p')!;
    expect(keys.length).toBeGreaterThanOrEqual(7);
    expect(keys.every((key) => /^[a-o]8\0$/u.test(key))).toBe(true);
    const coarse = cutOf(1500, 'a-p')!;
    expect(coarse.length).toBeGreaterThan(0);
    expect(coarse.length).toBeLessThan(keys.length);
    expect(keys).toEqual(expect.arrayContaining(coarse as string[]));
  });

  test('is left alone if it fits, has range deletes, or nothing below it ends within it', () => {
    expect(cutOf(1700, 'a-p')).toBe(null);
    expect(cutOf(600, 'a-d')).toBe(null);
    expect(cutOf(600, 'a-p', { rangeTombstones: 1 })).toBe(null);
    expect(cutOf(150, 'c2-c7')).toBe(null);
  });

  test('has at most fifteen cuts, evenly', () => {
    const ends = Array.from({ length: 40 }, (_, i) => `k${10 + i}5`);
    const many = ends.map((end, i) => table(i, `k${10 + i}-${end}`));
    const keys = keysAfter(many).map((key) => new TextDecoder().decode(key));
    expect(keys).toEqual(ends.filter((_, i) => i % 3 === 2).map((end) => `${end}\0`));
    expect(keysAfter(many.slice(0, 15)).length).toBe(15);
  });
});
