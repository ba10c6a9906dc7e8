import { POINT_ABSENT, seededRandom } from '@lsm/core';
import { describe, expect, test } from 'vitest';
import { hashIndex } from '../src/index.ts';
import { candidates, encode, randomKeys } from './point-index-suite.ts';

describe('hash-index', () => {
  test('names block and slot', () => {
    const keys = randomKeys(3000, 31);
    const index = hashIndex.open(encode(hashIndex, keys));
    expect(index.slotBits).toBe(6);
    let single = 0;
    for (const { low, high, block, slot } of keys) {
      const found = candidates(index, low, high, 3000);
      expect(found.map((at) => [at >> 6, at & 63])).toContainEqual([block, slot]);
      if (found.length === 1) single++;
    }
    expect(single).toBeGreaterThan(2950);
  });

  test('gives what locations do not need to the fingerprint', () => {
    const encoding = (block: number, slot: number): Uint8Array =>
      encode(hashIndex, [{ low: 1, high: 2, block, slot }]);
    expect(encoding(0, 0).subarray(2, 4)).toEqual(new Uint8Array([1, 0]));
    expect(encoding(0, 1).subarray(2, 4)).toEqual(new Uint8Array([2, 1]));
    expect(encoding(4095, 33).subarray(2, 4)).toEqual(new Uint8Array([18, 6]));
    expect(encoding(4095, 63).subarray(2, 4)).toEqual(new Uint8Array([19, 6]));
  });

  test('gives up when fewer than 8 bits are left for the fingerprint', () => {
    const finish = (block: number, slot: number): Uint8Array | null => {
      const builder = hashIndex.builder(0);
      builder.add(1, 2, block, slot);
      return builder.finish();
    };
    expect(finish(2 ** 18 - 1, 62)).not.toBeNull();
    expect(finish(2 ** 18 - 1, 63)).toBeNull();
    expect(finish(2 ** 18, 62)).toBeNull();
    expect(finish(0xffff_ffff, 0)).toBeNull();
    expect(finish(0xffff_ffff, 0xffff_ffff)).toBeNull();
  });

  test('does not depend on the order of insertion', () => {
    const keys = randomKeys(2000, 32);
    const random = seededRandom(33);
    const shuffled = keys
      .map((key) => ({ key, rank: random.next() }))
      .toSorted((a, b) => a.rank - b.rank)
      .map(({ key }) => key);
    expect(encode(hashIndex, shuffled)).toEqual(encode(hashIndex, keys));
  });

  test('grows its tail when many keys have the last home', () => {
    const keys = randomKeys(500, 34).map((key) => ({ ...key, low: -1 }));
    const index = hashIndex.open(encode(hashIndex, keys));
    for (const { low, high, block, slot } of keys) {
      expect(candidates(index, low, high, 500)).toContain(block * 64 + slot);
    }
  });

  test('answers next with absent once a walk is over, however often', () => {
    const [key] = randomKeys(1, 35);
    const index = hashIndex.open(encode(hashIndex, [key!]));
    expect(index.next()).toBe(POINT_ABSENT);
    expect(index.first(key!.low, key!.high)).toBe(0);
    for (let i = 0; i < 5; i++) expect(index.next()).toBe(POINT_ABSENT);
    expect(index.first(key!.low, ~key!.high)).toBe(POINT_ABSENT);
    for (let i = 0; i < 5; i++) expect(index.next()).toBe(POINT_ABSENT);
  });
});
