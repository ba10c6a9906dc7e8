/**
 * LZ4 blocks: round trips, twins that agree to the byte, blocks written by hand from the specification, and hostile
 * input, after which everything outside the two regions must be as it was.
 */
import { readFileSync } from 'node:fs';
import { createKernels, type Kernels, lz4 } from '@lsm/kernels';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compressible, FLAVOURS, noise, pair } from './flavours.ts';

const SOURCE = 1024;
const ENCODED = 65_536 + 100;
const DECODED = 131_072 + 36;
/** Bytes before and after a region that must not change. */
const GUARD = 64;

const bound = (length: number): number => length + Math.floor(length / 255) + 16;

/** Encodes `raw` and returns the block; null if it doesn't fit into `capacity`. Nothing else may change. */
function encode(kernels: Kernels, raw: Uint8Array, capacity: number): Uint8Array | null {
  kernels.bytes.set(raw, SOURCE);
  const guards = fillGuards(kernels, ENCODED, capacity);
  const length = kernels.lz4Encode(SOURCE, raw.length, ENCODED, capacity);
  expect(length).toBeLessThanOrEqual(capacity);
  expect(guards()).toBe(true);
  expect(Buffer.compare(kernels.bytes.subarray(SOURCE, SOURCE + raw.length), raw)).toBe(0);
  return length < 0 ? null : kernels.bytes.slice(ENCODED, ENCODED + length);
}

/** Decodes a block; null if it's refused. Nothing outside the target may change. */
function decode(kernels: Kernels, block: Uint8Array, rawLength: number): Uint8Array | null {
  kernels.bytes.set(block, ENCODED);
  const guards = fillGuards(kernels, DECODED, rawLength);
  const decoded = kernels.lz4Decode(ENCODED, block.length, DECODED, rawLength);
  expect(guards()).toBe(true);
  return decoded ? kernels.bytes.slice(DECODED, DECODED + rawLength) : null;
}

/** Marks the bytes around a region; the result tells whether they are still the same. */
function fillGuards(kernels: Kernels, offset: number, length: number): () => boolean {
  const before = kernels.bytes.subarray(offset - GUARD, offset).fill(0xa5);
  const after = kernels.bytes.subarray(offset + length, offset + length + GUARD).fill(0x5a);
  return () => before.every((byte) => byte === 0xa5) && after.every((byte) => byte === 0x5a);
}

const [compiled, twin] = pair(262_144);

describe.each(FLAVOURS)('lz4 ($name)', ({ options }) => {
  const kernels = createKernels(262_144, options);

  test('decodes what it encoded', () => {
    fc.assert(
      fc.property(compressible, (raw) => {
        const block = encode(kernels, raw, bound(raw.length));
        expect(decode(kernels, block!, raw.length)).toEqual(raw);
      }),
      { numRuns: 200 },
    );
  });

  test('decodes what it encoded for every length to 300, of runs, noise and periods', () => {
    for (let length = 0; length <= 300; length++) {
      for (const raw of [
        new Uint8Array(length).fill(9),
        noise(length, length),
        Uint8Array.from({ length }, (_, i) => i % (1 + (length % 23))),
      ]) {
        expect(decode(kernels, encode(kernels, raw, bound(length))!, length)).toEqual(raw);
      }
    }
  });

  test('shrinks repetition to almost nothing and noise not at all', () => {
    const run = encode(kernels, new Uint8Array(60_000).fill(1), bound(60_000))!;
    expect(run.length).toBeLessThan(260);
    const raw = noise(60_000, 4);
    expect(encode(kernels, raw, raw.length - 1)).toBeNull();
    expect(encode(kernels, raw, bound(raw.length))!.length).toBeGreaterThan(raw.length);
  });

  test('finds matches 65,535 bytes back and none further', () => {
    const large = createKernels(1 << 20, options);
    for (const [distance, found] of [
      [65_535, true],
      [65_536, false],
    ] as const) {
      const raw = noise(distance + 400, 8);
      raw.set(raw.subarray(0, 300), distance);
      large.bytes.set(raw);
      const length = large.lz4Encode(0, raw.length, 200_000, bound(raw.length));
      expect(length < raw.length).toBe(found);
      expect(large.lz4Decode(200_000, length, 400_000, raw.length)).toBe(true);
      expect(large.compare(0, raw.length, 400_000, raw.length)).toBe(0);
    }
  });

  test('writes the same block whatever was encoded before', () => {
    const raw = Uint8Array.from({ length: 3000 }, (_, i) => (i * i) >> 7);
    const first = encode(kernels, raw, bound(3000));
    encode(kernels, noise(30_000, 3), bound(30_000));
    expect(encode(kernels, raw, bound(3000))).toEqual(first);
  });

  test('never writes beyond the capacity it is given', () => {
    const raw = new Uint8Array([...noise(300, 2), ...new Uint8Array(400), ...noise(100, 5)]);
    const whole = encode(kernels, raw, bound(raw.length))!;
    let least = whole.length;
    for (let capacity = whole.length + 8; capacity >= 0; capacity--) {
      const block = encode(kernels, raw, capacity);
      if (block === null) continue;
      expect(block).toEqual(whole);
      least = capacity;
    }
    expect(least).toBeLessThanOrEqual(whole.length + 3);
  });

  test('reads blocks written by hand from the specification', () => {
    const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));
    const text = (bytes: Uint8Array | null): string | null =>
      bytes === null ? null : Buffer.from(bytes).toString('latin1');
    // A lone token: no literals, the empty input.
    expect(decode(kernels, hex('00'), 0)).toEqual(new Uint8Array(0));
    // 3 literals.
    expect(text(decode(kernels, hex('30616263'), 3))).toBe('abc');
    // 1 literal, a match of 4 + 15 + 2 at distance 1, then 5 literals.
    expect(text(decode(kernels, hex('1f61010002506263646566'), 27))).toBe(`${'a'.repeat(22)}bcdef`);
    // 15 + 1 literals, a match of 4 at distance 16, 1 literal.
    expect(text(decode(kernels, hex(`f001${'6162636465666768'.repeat(2)}10001078`), 21))).toBe(
      'abcdefghabcdefghabcdx',
    );
  });

  test('reads a block that the reference implementation wrote', () => {
    const text = Array.from({ length: 60 }, (_, i) => {
      const words = [['quick', 'brown', 'lazy'][i % 3], ['fox', 'dog'][i % 2]];
      return `${(i * i) % 97}: the ${words.join(' ')} wrote ${i} bytes; `;
    }).join('');
    const block = readFileSync(new URL('testdata/reference.lz4-block', import.meta.url));
    expect(Buffer.from(decode(kernels, block, text.length)!).toString()).toBe(text);
  });

  test('refuses impossible blocks', () => {
    const refused = (block: number[], rawLength: number): void =>
      expect(decode(kernels, Uint8Array.from(block), rawLength)).toBeNull();
    refused([], 0); // nothing at all
    refused([0x00], 1); // too short
    refused([0x10, 65], 0); // too long
    refused([0x20, 65], 2); // fewer literals than said
    refused([0x10, 65, 1, 0], 5); // ends with a match
    refused([0x10, 65, 0, 0, 0x10, 66], 6); // distance 0
    refused([0x10, 65, 2, 0, 0x10, 66], 6); // distance before the start
    refused([0x00, 1, 0, 0x10, 66], 5); // a match before any byte
    refused([0x10, 65, 1], 5); // half a distance
    refused([0x1f, 65, 1, 0, 255, 255, 255, 0x00], 30); // match beyond the end
    refused([0x1f, 65, 1, 0, 255], 300); // length without an end
    refused([0xf0, 255, 255, 255], 100_000); // literal length without an end
    refused([0xf0, ...new Uint8Array(2000).fill(255), 0], 300); // absurd literal length
  });

  test('leaves everything else alone when a block is damaged, at each byte and each length', () => {
    const raw = new Uint8Array([
      ...noise(40, 6),
      ...new Uint8Array(300).fill(3),
      ...Array.from({ length: 200 }, (_, i) => i % 7),
      ...noise(30, 7),
    ]);
    const block = encode(kernels, raw, bound(raw.length))!;
    expect(block.length).toBeLessThan(raw.length / 2);
    const outcomes = { refused: 0, other: 0, same: 0 };
    for (let at = 0; at < block.length; at++) {
      for (const mask of [0x01, 0x80, 0xff]) {
        const damaged = block.slice();
        damaged[at]! ^= mask;
        // A flipped literal still makes a block: telling that is the checksum's task, staying inside is ours. The
        // same bytes come of two harmless places: the last token's lower half, and another multiple of the period.
        const decoded = decode(kernels, damaged, raw.length);
        if (decoded === null) outcomes.refused++;
        else if (Buffer.compare(decoded, raw) === 0) outcomes.same++;
        else outcomes.other++;
      }
      expect(decode(kernels, block.subarray(0, at), raw.length)).toBeNull();
    }
    expect(outcomes.refused).toBeGreaterThan(20);
    expect(outcomes.other).toBeGreaterThan(100);
    expect(outcomes.same).toBeLessThan(5);
    for (const rawLength of [0, 1, raw.length - 1, raw.length + 1, raw.length + 100]) {
      expect(decode(kernels, block, rawLength)).toBeNull();
    }
  });
});

describe('compiled lz4 beside its twin', () => {
  test('writes the same bytes, at any capacity', () => {
    fc.assert(
      fc.property(compressible, fc.nat(30), fc.boolean(), (raw, less, tight) => {
        const capacity = tight ? Math.max(0, raw.length - less) : bound(raw.length);
        expect(encode(compiled, raw, capacity)).toEqual(encode(twin, raw, capacity));
      }),
      { numRuns: 300 },
    );
  });

  test('writes the same bytes for every size of the hash table', () => {
    const raw = noise(60_000, 1).map((byte, i) => (i % 13 < 6 ? byte & 15 : i >> 8));
    for (const length of [12, 13, 14, 2048, 2049, 8192, 8193, 32_768, 32_769, 60_000]) {
      const part = raw.subarray(0, length);
      const block = encode(compiled, part, bound(length));
      expect(Buffer.compare(block!, encode(twin, part, bound(length))!)).toBe(0);
      expect(Buffer.compare(decode(compiled, block!, length)!, part)).toBe(0);
    }
  });

  test('accepts and refuses the same hostile blocks, with the same result', () => {
    // Bytes that make sense as tokens, small distances and long lengths are frequent.
    const byte = fc.oneof(fc.constantFrom(0, 1, 2, 0x0f, 0x10, 0x1f, 0xf0, 255), fc.nat(255));
    fc.assert(
      fc.property(
        fc.array(byte, { maxLength: 60, size: 'max' }),
        fc.oneof(fc.nat(100), fc.nat(2000)),
        (bytes, rawLength) => {
          const block = Uint8Array.from(bytes);
          expect(decode(compiled, block, rawLength)).toEqual(decode(twin, block, rawLength));
        },
      ),
      { numRuns: 2000 },
    );
  });

  test('accepts and refuses the same damaged blocks, with the same result', () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { maxLength: 3 });
    fc.assert(
      fc.property(compressible, damage, fc.nat(3), (raw, flips, cut) => {
        const block = encode(compiled, raw, bound(raw.length))!;
        for (const [at, mask] of flips) block[at % block.length]! ^= mask;
        const part = block.subarray(0, block.length - Math.min(cut, block.length));
        const results = [compiled, twin].map((kernels) => decode(kernels, part, raw.length));
        expect(results[0]).toEqual(results[1]);
      }),
      { numRuns: 500 },
    );
  });

  test('decodes up to the last byte of the memory', () => {
    for (const kernels of pair(65_536)) {
      const raw = new Uint8Array(1000).fill(5);
      kernels.bytes.set(raw);
      const length = kernels.lz4Encode(0, 1000, 2000, 500);
      kernels.copy(kernels.byteLength - 1000 - length, 2000, length);
      const end = kernels.byteLength - 1000;
      expect(kernels.lz4Decode(end - length, length, end, 1000)).toBe(true);
      expect(kernels.bytes.subarray(end)).toEqual(raw);
      expect(kernels.lz4Decode(end - length, length, end + 1, 1000)).toBe(false);
    }
  });
});

describe('lz4()', () => {
  test('is transform 1 and says −1 unless a block gets smaller', () => {
    const transform = lz4(compiled);
    expect([transform.id, transform.name]).toEqual([1, 'lz4']);
    compiled.bytes.set(noise(500, 3), SOURCE);
    expect(transform.encode(SOURCE, 500, ENCODED)).toBe(-1);
    expect(transform.encode(SOURCE, 0, ENCODED)).toBe(-1);
    compiled.bytes.fill(7, SOURCE, SOURCE + 500);
    const length = transform.encode(SOURCE, 500, ENCODED);
    expect(length).toBeLessThan(20);
    expect(length).toBeGreaterThan(0);
    expect(transform.decode(ENCODED, length, DECODED, 500)).toBe(true);
    expect(transform.decode(ENCODED, length, DECODED, 501)).toBe(false);
    expect(transform.encodedBytesMax(1000)).toBe(bound(1000));
  });
});
