import { KeyHasher, seededRandom } from '@lsm/core';
import { describe, expect, it } from 'vitest';

function hashOf(hasher: KeyHasher, key: Uint8Array): [number, number] {
  const memory = new Uint8Array((key.length + 7) & ~3).fill(0x5a);
  memory.set(key);
  hasher.hash(new Int32Array(memory.buffer), 0, key.length);
  return [hasher.low >>> 0, hasher.high >>> 0];
}

describe('KeyHasher', () => {
  it('keeps its values for ever (tables on disk depend on them)', () => {
    const hasher = new KeyHasher([1, 2]);
    const text = (s: string): Uint8Array => new TextEncoder().encode(s);
    expect([
      hashOf(hasher, text('')),
      hashOf(hasher, text('a')),
      hashOf(hasher, text('abcd')),
    ]).toMatchInlineSnapshot(`
      [
        [
          3419083801,
          1912408180,
        ],
        [
          3886849008,
          402425590,
        ],
        [
          3439046571,
          1572350644,
        ],
      ]
    `);
    expect(hashOf(hasher, text('the quick brown fox'))).toMatchInlineSnapshot(`
      [
        1830017641,
        295518398,
      ]
    `);
  });

  it('does not depend on what follows the key, but on length and seed', () => {
    const a = new KeyHasher([1, 2]);
    const b = new KeyHasher([1, 3]);
    const key = Uint8Array.of(1, 2, 3, 4, 5);
    const memory = new Uint8Array(12).fill(0xff);
    memory.set(key);
    a.hash(new Int32Array(memory.buffer), 0, 5);
    expect([a.low >>> 0, a.high >>> 0]).toEqual(hashOf(a, key));
    expect(hashOf(a, key)).not.toEqual(hashOf(b, key));
    expect(hashOf(a, new Uint8Array(3))).not.toEqual(hashOf(a, new Uint8Array(4)));
  });

  it('flips about half of each lane for every flipped input bit', () => {
    const hasher = new KeyHasher([7, 8]);
    const random = seededRandom(1);
    const rounds = 200;
    for (const length of [4, 7, 16]) {
      for (let bit = 0; bit < length * 8; bit++) {
        let low = 0;
        let high = 0;
        for (let i = 0; i < rounds; i++) {
          const key = Uint8Array.from({ length }, () => random.next() & 255);
          const before = hashOf(hasher, key);
          key[bit >> 3]! ^= 1 << (bit & 7);
          const after = hashOf(hasher, key);
          low += popcount(before[0] ^ after[0]);
          high += popcount(before[1] ^ after[1]);
        }
        expect(low / rounds).toBeGreaterThan(14);
        expect(low / rounds).toBeLessThan(18);
        expect(high / rounds).toBeGreaterThan(14);
        expect(high / rounds).toBeLessThan(18);
      }
    }
  });

  it('spreads sequential keys evenly and without 64-bit collisions', () => {
    const hasher = new KeyHasher([9, 10]);
    const seen = new Set<string>();
    const buckets = new Uint32Array(256);
    const count = 100_000;
    for (let i = 0; i < count; i++) {
      const [low, high] = hashOf(hasher, new TextEncoder().encode(`user:${i}`));
      seen.add(`${low}.${high}`);
      buckets[high >>> 24]!++;
    }
    expect(seen.size).toBe(count);
    let chi = 0;
    const expected = count / 256;
    for (const n of buckets) chi += (n - expected) ** 2 / expected;
    expect(chi).toBeLessThan(360);
  });
});

function popcount(value: number): number {
  let bits = value >>> 0;
  let count = 0;
  while (bits !== 0) {
    bits &= bits - 1;
    count++;
  }
  return count;
}
