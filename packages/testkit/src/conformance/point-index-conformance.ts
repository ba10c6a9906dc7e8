/** What every {@link PointIndexKind} has to do: never a false no, and no more false maybes than it declares. */
import {
  POINT_ABSENT,
  POINT_MAYBE,
  type PointIndex,
  type PointIndexKind,
  type Random,
  seededRandom,
} from '@lsm/core';
import type { TestTools } from './test-tools.ts';

/** Entries of one block, in tests. */
const SLOTS_PER_BLOCK = 40;

/** Defines the suite for one kind and some settings of bits per key. */
export function pointIndexConformance(
  kind: PointIndexKind,
  tools: TestTools,
  bitsPerKey: readonly number[] = [6, 10, 16],
): void {
  const { describe, it, expect } = tools;
  describe(`PointIndexKind conformance: ${kind.name}`, () => {
    for (const count of [0, 1, 2, 3, 63, 1000, 20_000]) {
      it(`never denies one of ${count} keys, and leads to each`, () => {
        for (const bits of bitsPerKey) {
          const keys = makeHashes(count, seededRandom(count + 1));
          const index = build(kind, keys, bits);
          if (index !== null) expect(countDenied(index, keys)).toBe(0);
        }
      });
    }

    it('finds every key where hashes agree in one half or in both', () => {
      const keys = new Int32Array(2 * 600);
      for (let i = 0; i < 600; i++) {
        keys[2 * i] = i < 200 ? 77 : i;
        keys[2 * i + 1] = i < 400 ? i : 99;
      }
      keys.set([5, 5, 5, 5], 0);
      const index = build(kind, keys, 10);
      if (index !== null) expect(countDenied(index, keys)).toBe(0);
    });

    it('says maybe to absent keys as rarely as it declares', () => {
      for (const bits of bitsPerKey) {
        const index = build(kind, makeHashes(20_000, seededRandom(1)), bits);
        const declared = kind.rate(bits).falsePositiveRate;
        expect(declared).toBeGreaterThanOrEqual(0);
        expect(declared).toBeLessThanOrEqual(1);
        if (index === null) continue;
        const probes = 100_000;
        const rate = countMaybes(index, makeHashes(probes, seededRandom(2))) / probes;
        // Three standard deviations of the count beside the tolerance of the formula.
        const slack = 3 * Math.sqrt(Math.max(declared, 1 / probes) / probes);
        expect(rate).toBeLessThanOrEqual(declared * 1.25 + slack);
      }
    });

    it('counts its memory, and encodes the same keys to the same bytes', () => {
      const keys = makeHashes(5000, seededRandom(3));
      const bytes = encode(kind, keys, 10);
      expect(encode(kind, keys, 10)).toEqual(bytes);
      if (bytes === null) return;
      const size = bytes.length;
      expect(kind.open(align(bytes)).memoryBytes).toBeGreaterThanOrEqual(size === 0 ? 0 : 1);
    });

    it('opens damaged or cut encodings only to typed errors or working indexes', () => {
      const bytes = encode(kind, makeHashes(50, seededRandom(4)), 10);
      if (bytes === null) return;
      const probes = makeHashes(20, seededRandom(5));
      for (let length = 0; length < bytes.length; length++) {
        expect(openDamaged(kind, bytes.slice(0, length), probes)).toBe('safe');
      }
      for (let i = 0; i < bytes.length; i++) {
        for (const mask of [0x01, 0x80, 0xff]) {
          expect(openDamaged(kind, bytes.with(i, bytes[i]! ^ mask), probes)).toBe('safe');
        }
      }
    });
  });
}

function makeHashes(count: number, random: Random): Int32Array {
  return new Int32Array(2 * count).map(() => random.next());
}

function encode(kind: PointIndexKind, hashes: Int32Array, bitsPerKey: number): Uint8Array | null {
  const builder = kind.builder(bitsPerKey);
  for (let i = 0; i < hashes.length / 2; i++) {
    const block = Math.floor(i / SLOTS_PER_BLOCK);
    builder.add(hashes[2 * i]!, hashes[2 * i + 1]!, block, i % SLOTS_PER_BLOCK);
  }
  return builder.finish();
}

function build(kind: PointIndexKind, hashes: Int32Array, bitsPerKey: number): PointIndex | null {
  const bytes = encode(kind, hashes, bitsPerKey);
  return bytes === null ? null : kind.open(align(bytes));
}

/** A copy at the start of a buffer of its own. */
function align(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

/** Keys that the index denies, or to whose location no candidate leads. */
function countDenied(index: PointIndex, hashes: Int32Array): number {
  let denied = 0;
  for (let i = 0; i < hashes.length / 2; i++) {
    const block = Math.floor(i / SLOTS_PER_BLOCK);
    const location = block * 2 ** index.slotBits + (i % SLOTS_PER_BLOCK);
    let answer = index.first(hashes[2 * i]!, hashes[2 * i + 1]!);
    while (answer >= 0 && answer !== location) answer = index.next();
    if (answer === POINT_ABSENT) denied++;
  }
  return denied;
}

function countMaybes(index: PointIndex, hashes: Int32Array): number {
  let maybes = 0;
  for (let i = 0; i < hashes.length / 2; i++) {
    if (index.first(hashes[2 * i]!, hashes[2 * i + 1]!) !== POINT_ABSENT) maybes++;
  }
  return maybes;
}

/** Probes must end and answer with one of the allowed numbers. */
function openDamaged(kind: PointIndexKind, bytes: Uint8Array, hashes: Int32Array): string {
  try {
    const index = kind.open(align(bytes));
    for (let i = 0; i < hashes.length / 2; i++) {
      let answer = index.first(hashes[2 * i]!, hashes[2 * i + 1]!);
      for (let steps = 0; answer >= 0; answer = index.next()) {
        if (++steps > 10_000) return 'endless candidates';
      }
      if (answer !== POINT_ABSENT && answer !== POINT_MAYBE) return `answer ${answer}`;
    }
    return 'safe';
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    return code === 'LSM_CORRUPTION' || code === 'LSM_UNSUPPORTED_FORMAT' ? 'safe' : String(error);
  }
}
