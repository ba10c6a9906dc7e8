/**
 * What every kind of point index has to keep, whatever it promises beyond: no key is ever denied, sizes follow the
 * real number of keys, and no bytes, however damaged, make a reader crash, hang or leave its memory.
 */
import {
  isLsmError,
  POINT_ABSENT,
  POINT_MAYBE,
  type PointIndex,
  type PointIndexKind,
  seededRandom,
} from '@lsm/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { pointIndexKind } from '../src/index.ts';

/** One key as builders see it. */
export interface HashedKey {
  readonly low: number;
  readonly high: number;
  readonly block: number;
  readonly slot: number;
}

/** Keys with random hashes, 34 to a block. */
export function randomKeys(count: number, seed: number): HashedKey[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, (_, i) => ({
    low: random.next() | 0,
    high: random.next() | 0,
    block: Math.floor(i / 34),
    slot: i % 34,
  }));
}

/** Builds and returns the encoding. */
export function encode(
  kind: PointIndexKind,
  keys: readonly HashedKey[],
  bitsPerKey: number = 10,
): Uint8Array {
  const builder = kind.builder(bitsPerKey);
  for (const { low, high, block, slot } of keys) builder.add(low, high, block, slot);
  const bytes = builder.finish();
  if (bytes === null) throw new Error(`${kind.name} cannot hold ${keys.length} keys`);
  return bytes;
}

/** All candidates of a key; fails if the walk does not end, or `next` is not a location. */
export function candidates(
  index: PointIndex,
  low: number,
  high: number,
  stepsMax: number,
): number[] {
  const found: number[] = [];
  let location = index.first(low, high);
  while (location !== POINT_ABSENT) {
    found.push(location);
    location = index.next();
    if (found.length > stepsMax) expect.fail(`more than ${stepsMax} candidates`);
    if (location === POINT_MAYBE) expect.fail('next says maybe');
  }
  return found;
}

/** Share of foreign random keys with at least one candidate. */
export function measureRate(index: PointIndex, probes: number, seed: number): number {
  const random = seededRandom(seed);
  let passed = 0;
  for (let i = 0; i < probes; i++) {
    if (index.first(random.next() | 0, random.next() | 0) !== POINT_ABSENT) passed++;
  }
  return passed / probes;
}

function expectFound(index: PointIndex, keys: readonly HashedKey[]): void {
  for (const { low, high, block, slot } of keys) {
    const found = candidates(index, low, high, keys.length + 1);
    const location = block * 2 ** index.slotBits + slot;
    if (!found.includes(POINT_MAYBE) && !found.includes(location)) {
      expect.fail(`key ${low}, ${high} is denied: ${found.join()} without ${location}`);
    }
  }
}

/** Opens damaged bytes and probes them; anything but a typed error and an answer fails. */
function expectHarmless(kind: PointIndexKind, bytes: Uint8Array, keys: readonly HashedKey[]): void {
  let index: PointIndex;
  try {
    index = kind.open(bytes);
  } catch (error) {
    if (isLsmError(error, 'LSM_CORRUPTION') || isLsmError(error, 'LSM_UNSUPPORTED_FORMAT')) return;
    throw error;
  }
  for (const { low, high } of keys) {
    for (const location of candidates(index, low, high, bytes.length + 1)) {
      if (!Number.isInteger(location)) expect.fail(`location ${location}`);
    }
    expect(index.next()).toBe(POINT_ABSENT);
  }
}

const lane = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }) },
  { weight: 1, arbitrary: fc.constantFrom(0, -1, 1, 2 ** 31 - 1, -(2 ** 31)) },
);
const hashedKeys = fc.array(
  fc.record({ low: lane, high: lane, block: fc.nat(500), slot: fc.nat(100) }),
  { maxLength: 200 },
);

/** Runs the suite for one kind. */
export function pointIndexSuite(kind: PointIndexKind): void {
  describe(`point index ${kind.name}`, () => {
    test('is found by its number and its name', () => {
      expect(pointIndexKind(kind.id)).toBe(kind);
      expect(pointIndexKind(kind.name)).toBe(kind);
    });

    test('denies no key that was added', () => {
      fc.assert(
        fc.property(hashedKeys, fc.double({ min: 0.5, max: 24, noNaN: true }), (keys, bits) => {
          expectFound(kind.open(encode(kind, keys, bits)), keys);
        }),
        { numRuns: 200 },
      );
    });

    test('denies no key of sets of every small size', () => {
      for (let count = 0; count <= 80; count++) {
        const keys = randomKeys(count, count + 1);
        expectFound(kind.open(encode(kind, keys)), keys);
      }
    });

    test('denies no key of 50,000', () => {
      const keys = randomKeys(50_000, 5);
      expectFound(kind.open(encode(kind, keys)), keys);
    });

    test('denies every key if it has none, unless it denies nothing', () => {
      const rate = measureRate(kind.open(encode(kind, [])), 1000, 3);
      expect(rate).toBe(kind.name === 'none' ? 1 : 0);
    });

    test('takes keys with equal hashes', () => {
      const some = randomKeys(20, 8);
      const keys = [...some, ...some, ...Array.from({ length: 300 }, () => some[3]!)];
      expectFound(kind.open(encode(kind, keys)), keys);
    });

    test('is sized by the keys that were added', () => {
      const bytes = encode(kind, randomKeys(40, 9), 10).length;
      expect(bytes).toBeLessThanOrEqual(kind.name === 'hash-index' ? 300 : 160);
    });

    test('is encoded the same each time', () => {
      const keys = randomKeys(500, 10);
      expect(encode(kind, keys)).toEqual(encode(kind, keys));
    });

    test('opens at any offset of a buffer', () => {
      const keys = randomKeys(100, 11);
      const bytes = encode(kind, keys);
      for (let offset = 0; offset < 9; offset++) {
        const shifted = new Uint8Array(bytes.length + 16).fill(0xee);
        shifted.set(bytes, offset);
        expectFound(kind.open(shifted.subarray(offset, offset + bytes.length)), keys);
      }
    });

    test('says how much memory it holds', () => {
      const bytes = encode(kind, randomKeys(1000, 12));
      expect(kind.open(bytes).memoryBytes).toBe(bytes.length);
    });

    test('refuses every truncation and every extension', () => {
      const bytes = encode(kind, randomKeys(60, 13));
      const variants = Array.from(bytes, (_, length): Uint8Array => bytes.slice(0, length));
      for (let more = 1; more <= 64; more++) variants.push(concat(bytes, new Uint8Array(more)));
      for (const variant of variants) {
        expect(() => kind.open(variant), `${variant.length} bytes`).toThrow(
          expect.objectContaining({ code: 'LSM_CORRUPTION' }),
        );
      }
    });

    test('survives damage of every byte', () => {
      const keys = randomKeys(40, 14);
      const foreign = randomKeys(40, 15);
      const bytes = encode(kind, keys);
      for (let at = 0; at < bytes.length; at++) {
        for (const mask of [0x01, 0x80, 0xff]) {
          const damaged = bytes.slice();
          damaged[at]! ^= mask;
          expectHarmless(kind, damaged, [...keys, ...foreign]);
        }
      }
    });

    test('survives arbitrary bytes behind a plausible header', () => {
      const header = encode(kind, randomKeys(7, 16)).subarray(0, 16);
      const keys = randomKeys(20, 17);
      const body = fc.uint8Array({ maxLength: 400 }).map((bytes) => concat(header, bytes));
      fc.assert(
        fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), body), (bytes) => {
          expectHarmless(kind, bytes, keys);
        }),
        { numRuns: 500 },
      );
    });

    test('survives a body of ones', () => {
      const bytes = encode(kind, randomKeys(300, 18));
      expectHarmless(kind, bytes.slice().fill(0xff, 16), randomKeys(50, 19));
      expectHarmless(kind, bytes.slice().fill(0xff, 16, bytes.length - 4), randomKeys(50, 19));
    });
  });
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}
