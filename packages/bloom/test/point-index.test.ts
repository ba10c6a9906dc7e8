import { POINT_ABSENT } from '@lsm/core';
import { describe, expect, test } from 'vitest';
import { POINT_INDEX_KINDS, pointIndexKind } from '../src/index.ts';
import { encode, measureRate, pointIndexSuite, randomKeys } from './point-index-suite.ts';

for (const kind of POINT_INDEX_KINDS) pointIndexSuite(kind);

describe('POINT_INDEX_KINDS', () => {
  test('keeps the numbers that tables hold', () => {
    expect(POINT_INDEX_KINDS.map(({ id, name }) => [id, name])).toEqual([
      [0, 'none'],
      [1, 'bloom'],
      [2, 'split-block'],
      [3, 'fuse8'],
      [4, 'hash-index'],
    ]);
  });

  test.each([5, 255, -1, 0.5, '', 'Bloom', 'ribbon'])('has no kind %j', (unknown) => {
    expect(() => pointIndexKind(unknown)).toThrow(
      expect.objectContaining({ code: 'LSM_UNSUPPORTED_FORMAT' }),
    );
  });

  test('refuses each kind where another is expected', () => {
    for (const kind of POINT_INDEX_KINDS) {
      const bytes = encode(kind, randomKeys(30, 1));
      for (const other of POINT_INDEX_KINDS.filter((one) => one !== kind)) {
        expect(() => other.open(bytes), `${kind.name} as ${other.name}`).toThrow(
          expect.objectContaining({ code: 'LSM_CORRUPTION' }),
        );
      }
    }
  });

  test('refuses a newer encoding version', () => {
    for (const kind of POINT_INDEX_KINDS.slice(1)) {
      const bytes = encode(kind, randomKeys(30, 2));
      bytes[1] = 2;
      expect(() => kind.open(bytes)).toThrow(
        expect.objectContaining({ code: 'LSM_UNSUPPORTED_FORMAT' }),
      );
    }
  });
});

describe('bits per key', () => {
  test.each([Number.NaN, -1, 65, Number.POSITIVE_INFINITY])('cannot be %d', (bits) => {
    for (const name of ['bloom', 'split-block']) {
      expect(() => pointIndexKind(name).builder(bits)).toThrow(
        expect.objectContaining({ code: 'LSM_INVALID_ARGUMENT' }),
      );
    }
  });
});

describe('encodings on disk', () => {
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

  // Tables hold these bytes: a change here needs a new encoding version.
  test.each([
    ['none', ''],
    ['bloom', '010107000500000032000000000000004f59eed0533e0000'],
    [
      'split-block',
      '02010000050000000100000000000000' +
        '901040400880021820088402000860400804a000012090403300004002484080',
    ],
    ['fuse8', '030103000500000001000000b179379ea2000000000000fa00000000005200008e00000000000075'],
    [
      'hash-index',
      '04010303050000000700000002000000' +
        '0000000042062e9e000000001b929ed00577dab5000000004cd072bd7935484a' +
        '00000000',
    ],
  ])('%s stays as it is', (name, expected) => {
    const kind = pointIndexKind(name);
    const keys = randomKeys(5, 2026);
    expect(hex(encode(kind, keys))).toBe(expected);
    const index = kind.open(new Uint8Array(Buffer.from(expected, 'hex')));
    for (const { low, high } of keys) expect(index.first(low, high)).not.toBe(POINT_ABSENT);
  });
});

describe('false positive rates', () => {
  const KEYS = 20_000;

  // 20 % of 500 expected ones is 4.5 standard deviations; the seeds are fixed.
  test.each([
    ['bloom', 4],
    ['bloom', 6.235],
    ['bloom', 9.585],
    ['bloom', 14.378],
    ['split-block', 4],
    ['split-block', 8],
    ['split-block', 10],
    ['split-block', 12],
    ['split-block', 16],
  ] as const)('of %s with %d bits per key are within 20 %% of what it states', (name, bits) => {
    const kind = pointIndexKind(name);
    const { bitsPerKey, falsePositiveRate } = kind.rate(bits);
    expect(bitsPerKey).toBe(bits);
    const bytes = encode(kind, randomKeys(KEYS, 21), bits);
    expect((bytes.length * 8) / KEYS).toBeCloseTo(bits, 1);
    const probes = Math.max(20_000, Math.ceil(600 / falsePositiveRate));
    const measured = measureRate(kind.open(bytes), probes, 22);
    expect(measured / falsePositiveRate).toBeGreaterThan(0.8);
    expect(measured / falsePositiveRate).toBeLessThan(1.2);
  });

  test('of fuse8 are 1/256 at 9 bits per key and a bit', () => {
    const kind = pointIndexKind('fuse8');
    const stated = kind.rate(10);
    expect(stated.bitsPerKey).toBeGreaterThan(9);
    expect(stated.bitsPerKey).toBeLessThan(9.1);
    for (const [keys, bitsMax] of [
      [20_000, 9.9],
      [100_000, 9.6],
    ] as const) {
      const bytes = encode(kind, randomKeys(keys, 23));
      expect((bytes.length * 8) / keys).toBeLessThan(bitsMax);
      const measured = measureRate(kind.open(bytes), 150_000, 24);
      expect(measured / stated.falsePositiveRate).toBeGreaterThan(0.8);
      expect(measured / stated.falsePositiveRate).toBeLessThan(1.2);
    }
  });

  test.each([8, 9, 10])('of hash-index halve with each fingerprint bit: %d', (bits) => {
    const kind = pointIndexKind('hash-index');
    const keys = randomKeys(KEYS, 25);
    // One location far away leaves just so many bits.
    keys[0] = { ...keys[0]!, block: 2 ** (32 - bits - 6) - 2, slot: 63 };
    const bytes = encode(kind, keys);
    expect((bytes.length * 8) / KEYS).toBeCloseTo(kind.rate(0).bitsPerKey, 0);
    const stated = kind.rate(0).falsePositiveRate / 2 ** (bits - 8);
    const measured = measureRate(kind.open(bytes), 100_000, 26);
    expect(measured / stated).toBeGreaterThan(0.8);
    expect(measured / stated).toBeLessThan(1.2);
  });
});
