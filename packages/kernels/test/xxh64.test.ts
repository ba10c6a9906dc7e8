/** XXH64: published vectors, a second implementation with BigInt, and streams cut anywhere. */
import { ByteChecksum, createKernels } from '@lsm/kernels';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FLAVOURS, noise } from './flavours.ts';

const MASK = 0xffff_ffff_ffff_ffffn;
const P1 = 0x9e3779b185ebca87n;
const P2 = 0xc2b2ae3d27d4eb4fn;
const P3 = 0x165667b19e3779f9n;
const P4 = 0x85ebca77c2b2ae63n;
const P5 = 0x27d4eb2f165667c5n;

const rotate = (x: bigint, count: bigint): bigint => ((x << count) | (x >> (64n - count))) & MASK;
const round = (lane: bigint, word: bigint): bigint =>
  (rotate((lane + word * P2) & MASK, 31n) * P1) & MASK;

/** XXH64 written from its specification, without any care for speed. */
function reference(bytes: Uint8Array, seed: bigint): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let hash = (seed + P5) & MASK;
  let at = 0;
  if (bytes.length >= 32) {
    const lanes = [seed + P1 + P2, seed + P2, seed, seed - P1].map((lane) => lane & MASK);
    for (; at + 32 <= bytes.length; at += 32) {
      for (let i = 0; i < 4; i++) {
        lanes[i] = round(lanes[i]!, view.getBigUint64(at + 8 * i, true));
      }
    }
    hash = [1n, 7n, 12n, 18n].reduce((sum, count, i) => sum + rotate(lanes[i]!, count), 0n) & MASK;
    for (const lane of lanes) hash = ((hash ^ round(0n, lane)) * P1 + P4) & MASK;
  }
  hash = (hash + BigInt(bytes.length)) & MASK;
  for (; at + 8 <= bytes.length; at += 8) {
    hash = (rotate(hash ^ round(0n, view.getBigUint64(at, true)), 27n) * P1 + P4) & MASK;
  }
  if (at + 4 <= bytes.length) {
    const word = (BigInt(view.getUint32(at, true)) * P1) & MASK;
    hash = (rotate(hash ^ word, 23n) * P2 + P3) & MASK;
    at += 4;
  }
  for (; at < bytes.length; at++) {
    hash = (rotate(hash ^ ((BigInt(bytes[at]!) * P5) & MASK), 11n) * P1) & MASK;
  }
  hash = ((hash ^ (hash >> 33n)) * P2) & MASK;
  hash = ((hash ^ (hash >> 29n)) * P3) & MASK;
  return hash ^ (hash >> 32n);
}

const join = (low: number, high: number): bigint => (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);

/** The buffer of the published sanity checks: the upper bytes of powers. */
function sanityBytes(length: number): Uint8Array {
  let state = 2_654_435_761n;
  return Uint8Array.from({ length }, () => {
    const byte = Number(state >> 56n);
    state = (state * 11_400_714_785_074_694_797n) & MASK;
    return byte;
  });
}

/** Length, seed, XXH64 of that many sanity bytes, as the reference distribution checks itself. */
const SANITY_VECTORS: readonly (readonly [number, number, bigint])[] = [
  [0, 0, 0xef46db3751d8e999n],
  [0, 2_654_435_761, 0xac75fda2929b17efn],
  [1, 0, 0xe934a84adb052768n],
  [1, 2_654_435_761, 0x5014607643a9b4c3n],
  [4, 0, 0x9136a0dca57457een],
  [14, 0, 0x8282dcc4994e35c8n],
  [14, 2_654_435_761, 0xc3bd6bf63deb6df0n],
  [222, 0, 0xb641ae8cb691c174n],
  [222, 2_654_435_761, 0x20cb8ab7ae10c14an],
];

describe('the BigInt reference', () => {
  test('agrees with the published vectors', () => {
    for (const [length, seed, hash] of SANITY_VECTORS) {
      expect(reference(sanityBytes(length), BigInt(seed))).toBe(hash);
    }
    expect(reference(new TextEncoder().encode('abc'), 0n)).toBe(0x44bc2cf5ad770999n);
  });
});

describe.each(FLAVOURS)('checksum ($name)', ({ options }) => {
  const kernels = createKernels(200_000, options);

  test('agrees with the published vectors', () => {
    for (const [length, seed, hash] of SANITY_VECTORS) {
      kernels.bytes.set(sanityBytes(length), 40);
      kernels.checksum(40, length, seed, 0);
      expect(join(kernels.checksumLow, kernels.checksumHigh)).toBe(hash);
    }
  });

  test('agrees with the reference for every length to 200, at any alignment', () => {
    const bytes = noise(200, 1);
    for (let length = 0; length <= 200; length++) {
      const offset = 64 + (length % 9);
      kernels.bytes.set(bytes, offset);
      kernels.checksum(offset, length, 77, length);
      expect(join(kernels.checksumLow, kernels.checksumHigh)).toBe(
        reference(bytes.subarray(0, length), join(77, length)),
      );
    }
  });

  test('agrees with the reference for any bytes and any 64-bit seed', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 500, size: 'max' }),
        fc.integer(),
        fc.integer(),
        (bytes, seedLow, seedHigh) => {
          kernels.bytes.set(bytes);
          kernels.checksum(0, bytes.length, seedLow, seedHigh);
          expect(join(kernels.checksumLow, kernels.checksumHigh)).toBe(
            reference(bytes, join(seedLow, seedHigh)),
          );
          expect([kernels.checksumLow | 0, kernels.checksumHigh | 0]).toEqual([
            kernels.checksumLow,
            kernels.checksumHigh,
          ]);
        },
      ),
    );
  });

  test('of a stream is that of the whole, wherever it is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(100), { maxLength: 12, size: 'max' }),
        fc.integer(),
        fc.integer(),
        (lengths, seedLow, seedHigh) => {
          const total = lengths.reduce((sum, length) => sum + length, 0);
          kernels.bytes.set(noise(total, 3));
          kernels.checksum(0, total, seedLow, seedHigh);
          const whole = [kernels.checksumLow, kernels.checksumHigh];
          kernels.checksumBegin(seedLow, seedHigh);
          let at = 0;
          for (const length of lengths) {
            kernels.checksumUpdate(at, length);
            at += length;
            // A checksum between two updates doesn't disturb the stream.
            kernels.checksum(at, 33, 1, 2);
          }
          kernels.checksumEnd();
          expect([kernels.checksumLow, kernels.checksumHigh]).toEqual(whole);
        },
      ),
    );
  });

  test('notices every flipped bit of a small region', () => {
    const bytes = noise(67, 5);
    kernels.bytes.set(bytes);
    kernels.checksum(0, 67, 0, 0);
    const whole = join(kernels.checksumLow, kernels.checksumHigh);
    for (let bit = 0; bit < 67 * 8; bit++) {
      kernels.bytes[bit >> 3]! ^= 1 << (bit & 7);
      kernels.checksum(0, 67, 0, 0);
      expect(join(kernels.checksumLow, kernels.checksumHigh)).not.toBe(whole);
      kernels.bytes[bit >> 3]! ^= 1 << (bit & 7);
    }
  });
});

describe('ByteChecksum', () => {
  test('agrees with the kernels on slices of any array, longer than its window or not', () => {
    const bytes = noise(300_000, 9);
    const checksum = new ByteChecksum();
    const other = new ByteChecksum();
    const kernels = createKernels(bytes.length);
    kernels.bytes.set(bytes);
    for (const [offset, length] of [
      [0, 0],
      [7, 1],
      [3, 65_535],
      [3, 65_536],
      [3, 65_537],
      [1, 131_072],
      [5, 299_995],
    ] as const) {
      kernels.checksum(offset, length, 11, -12);
      checksum.compute(bytes, offset, length, 11, -12);
      other.compute(bytes, offset, length, 12, -12);
      expect([checksum.low, checksum.high]).toEqual([kernels.checksumLow, kernels.checksumHigh]);
      expect(other.low).not.toBe(checksum.low);
    }
  });
});
