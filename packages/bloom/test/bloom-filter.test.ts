import { KeyBuffer, KeyHasher, POINT_ABSENT } from '@lsm/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  BloomFilter,
  bloomBitsPerKey,
  bloomHashes,
  bloomRate,
  POINT_INDEX_KINDS,
  splitBlockRate,
} from '../src/index.ts';
import { encode, measureRate, randomKeys } from './point-index-suite.ts';

describe('Bloom formulas', () => {
  test.each([
    [0.001, 14.378],
    [0.0082, 10.0],
    [0.01, 9.585],
    [0.05, 6.235],
    [1, 0],
  ])('rate %d takes %d bits per key', (rate, bits) => {
    expect(bloomBitsPerKey(rate)).toBeCloseTo(bits, 2);
  });

  test('1,000 keys at 1 % take 9,585 bits and 7 hashes', () => {
    const filter = BloomFilter.create({ expectedKeys: 1000, falsePositiveRate: 0.01 });
    expect(filter.bits).toBe(9585);
    expect(filter.hashes).toBe(7);
    const kind = POINT_INDEX_KINDS[1]!;
    const encoding = encode(kind, randomKeys(1000, 1), bloomBitsPerKey(0.01));
    expect(new DataView(encoding.buffer).getUint32(8, true)).toBe(9585);
    expect(encoding[2]).toBe(7);
    expect(encoding.length).toBe(16 + 1200);
  });

  test('hashes follow k = b · ln 2 within 1 and 32', () => {
    expect([0.1, 1, 6.235, 10, 14.378, 24, 64].map(bloomHashes)).toEqual([1, 1, 4, 7, 10, 17, 32]);
  });

  test('rates fall with bits and are those known from measurements', () => {
    expect(bloomRate(0)).toBe(1);
    expect(splitBlockRate(0)).toBe(1);
    expect(bloomRate(10)).toBeCloseTo(0.0082, 4);
    expect(splitBlockRate(10)).toBeCloseTo(0.0126, 4);
    expect(splitBlockRate(12)).toBeCloseTo(0.0054, 4);
    expect(splitBlockRate(16)).toBeCloseTo(0.0013, 4);
    for (let bits = 0.5; bits < 24; bits += 0.5) {
      expect(bloomRate(bits)).toBeGreaterThan(bloomRate(bits + 0.5));
      expect(splitBlockRate(bits)).toBeGreaterThanOrEqual(splitBlockRate(bits + 0.5));
      expect(splitBlockRate(bits)).toBeGreaterThan(bloomRate(bits));
    }
  });
});

describe('BloomFilter', () => {
  test('denies no key that was added, as bytes or as text', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.string({ unit: 'grapheme' }))),
        (keys) => {
          const filter = BloomFilter.create({ expectedKeys: keys.length + 1 });
          for (const key of keys) filter.add(key);
          const copy = BloomFilter.fromBytes(filter.toBytes());
          expect(filter.keys).toBe(keys.length);
          expect(copy.toBytes()).toEqual(filter.toBytes());
          for (const key of keys) {
            expect(filter.has(key)).toBe(true);
            expect(copy.has(key)).toBe(true);
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  test('takes a string for its UTF-8 form', () => {
    const filter = BloomFilter.create({ expectedKeys: 10 });
    filter.add('größer');
    expect(filter.has(new TextEncoder().encode('größer'))).toBe(true);
    expect(filter.has('grosser')).toBe(false);
  });

  test('denies everything while empty', () => {
    const filter = BloomFilter.create({ expectedKeys: 5 });
    expect(['', 'a', 'b'].map((key) => filter.has(key))).toEqual([false, false, false]);
  });

  test.each([0.05, 0.01, 0.001])('passes foreign keys at a rate of %d', (rate) => {
    const filter = BloomFilter.create({ expectedKeys: 10_000, falsePositiveRate: rate });
    for (let i = 0; i < 10_000; i++) filter.add(`user:${i}`);
    const probes = 600 / rate;
    let passed = 0;
    for (let i = 0; i < probes; i++) if (filter.has(`guest:${i}`)) passed++;
    expect(passed / probes / rate).toBeGreaterThan(0.8);
    expect(passed / probes / rate).toBeLessThan(1.2);
  });

  test('keeps its seed when saved', () => {
    const filter = BloomFilter.create({ expectedKeys: 100, seed: [-5, 7] });
    for (let i = 0; i < 100; i++) filter.add(`key ${i}`);
    const other = BloomFilter.create({ expectedKeys: 100 });
    for (let i = 0; i < 100; i++) other.add(`key ${i}`);
    expect(other.toBytes()).not.toEqual(filter.toBytes());
    expect(BloomFilter.fromBytes(filter.toBytes()).has('key 99')).toBe(true);
  });

  test('keeps apart from what it gave out and took in', () => {
    const filter = BloomFilter.create({ expectedKeys: 3 });
    filter.add('a');
    const bytes = filter.toBytes();
    const copy = BloomFilter.fromBytes(bytes);
    bytes.fill(0);
    filter.add('b');
    expect(copy.has('a')).toBe(true);
    expect(copy.keys).toBe(1);
  });

  test.each([
    [{}],
    [{ expectedKeys: 0 }],
    [{ expectedKeys: Number.NaN }],
    [{ expectedKeys: 10, falsePositiveRate: 0 }],
    [{ expectedKeys: 10, falsePositiveRate: 1 }],
    [{ expectedKeys: 10, fpr: 0.1 }],
    [{ expectedKeys: 10, seed: [1] }],
    [{ expectedKeys: 10, seed: [1, 0.5] }],
  ])('refuses settings %j', (settings) => {
    expect(() => BloomFilter.create(settings as never)).toThrow(
      expect.objectContaining({ code: 'LSM_INVALID_ARGUMENT' }),
    );
  });

  test('refuses a key that is neither bytes nor text', () => {
    const filter = BloomFilter.create({ expectedKeys: 10 });
    for (const key of [1, null, undefined, {}]) {
      const expected = expect.objectContaining({ code: 'LSM_INVALID_ARGUMENT' });
      expect(() => filter.add(key as never)).toThrow(expected);
      expect(() => filter.has(key as never)).toThrow(expected);
    }
    expect(filter.keys).toBe(0);
  });

  test('refuses bytes that are no filter, and survives damage of every byte', () => {
    const filter = BloomFilter.create({ expectedKeys: 20 });
    for (let i = 0; i < 20; i++) filter.add(`${i}`);
    const bytes = filter.toBytes();
    const opens = (candidate: Uint8Array): boolean => {
      try {
        BloomFilter.fromBytes(candidate).has('5');
        return true;
      } catch (error) {
        expect((error as { code?: string }).code).toMatch(/^LSM_(CORRUPTION|UNSUPPORTED_FORMAT)$/);
        return false;
      }
    };
    for (let length = 0; length < bytes.length; length++) {
      expect(opens(bytes.subarray(0, length)), `${length} bytes`).toBe(false);
    }
    for (let at = 0; at < bytes.length; at++) {
      for (const mask of [0x01, 0x80, 0xff]) {
        const damaged = bytes.slice();
        damaged[at]! ^= mask;
        // Seeds, the count of keys and the bits themselves are beyond checking without a checksum.
        if (at < 8 || (at >= 16 && at < 20 && at !== 18) || (at > 23 && at < 32)) {
          expect(opens(damaged), `byte ${at} ^ ${mask}`).toBe(false);
        } else opens(damaged);
      }
    }
    expect(opens(bytes)).toBe(true);
  });
});

describe('with the hash of keys', () => {
  const key = new KeyBuffer();
  const hasher = new KeyHasher([123, -456]);
  const shapes: Record<string, (i: number) => string | Uint8Array> = {
    'decimal keys': (i) => String(i).padStart(16, '0'),
    'long shared prefixes': (i) => `/very/long/shared/prefix/of/a/path/${i}`,
    'binary counters': (i) => new Uint8Array(new Uint32Array([i, 0]).buffer),
  };

  for (const kind of POINT_INDEX_KINDS.slice(1)) {
    test.each(Object.keys(shapes))(`${kind.name} keeps its rate for %s`, (shape) => {
      const keyOf = shapes[shape]!;
      const builder = kind.builder(9.585);
      for (let i = 0; i < 10_000; i++) {
        key.set(keyOf(2 * i));
        hasher.hash(key.words, 0, key.length);
        // Blocks up to 2^18 leave a hash index 8 bits for its fingerprints.
        builder.add(hasher.low, hasher.high, i === 0 ? 2 ** 18 - 1 : i, i % 62);
      }
      const index = kind.open(builder.finish()!);
      let passed = 0;
      const probes = 200_000;
      for (let i = 0; i < probes; i++) {
        key.set(keyOf(2 * i + 1));
        hasher.hash(key.words, 0, key.length);
        if (index.first(hasher.low, hasher.high) !== POINT_ABSENT) passed++;
      }
      const { falsePositiveRate } = kind.rate(9.585);
      expect(passed / probes / falsePositiveRate).toBeGreaterThan(0.8);
      expect(passed / probes / falsePositiveRate).toBeLessThan(1.2);
      expect(measureRate(index, 1000, 1)).toBeLessThan(0.05);
    });
  }
});
