/** Copying, comparing and the memory itself. */
import { Worker } from 'node:worker_threads';
import { compareBytes } from '@lsm/core';
import { attachKernels, createKernels, KERNELS_BYTES_MAX } from '@lsm/kernels';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FLAVOURS } from './flavours.ts';

describe.each(FLAVOURS)('Kernels ($name)', ({ options }) => {
  test('have a zeroed memory of the size asked for, rounded up to 64 KiB', () => {
    for (const [asked, given] of [
      [0, 65_536],
      [1, 65_536],
      [65_536, 65_536],
      [65_537, 131_072],
    ] as const) {
      const kernels = createKernels(asked, options);
      expect(kernels.byteLength).toBe(given);
      expect(kernels.bytes.length).toBe(given);
      expect(kernels.words.length).toBe(given / 4);
      expect(kernels.bytes.every((byte) => byte === 0)).toBe(true);
      expect(kernels.shared).toBe(options.shared ?? options.fallback !== true);
      expect(kernels.compiled).toBe(options.fallback !== true);
    }
  });

  test('copy regions that may overlap', () => {
    const kernels = createKernels(65_536, options);
    fc.assert(
      fc.property(fc.nat(300), fc.nat(300), fc.nat(300), (target, source, length) => {
        const expected = Uint8Array.from({ length: 600 }, (_, i) => i * 7);
        kernels.bytes.set(expected);
        expected.copyWithin(target, source, source + length);
        kernels.copy(target, source, length);
        expect(kernels.bytes.subarray(0, 600)).toEqual(expected);
      }),
    );
  });

  test('compare as unsigned bytes, at any alignment', () => {
    const kernels = createKernels(65_536, options);
    // Few different bytes, so that long common prefixes are usual.
    const key = fc.array(fc.constantFrom(0, 1, 127, 128, 255), { maxLength: 40, size: 'max' });
    fc.assert(
      fc.property(key, key, fc.nat(40), fc.nat(16), (a, b, shared, shift) => {
        const left = Uint8Array.from(a);
        const right = Uint8Array.from([...a.slice(0, shared), ...b.slice(shared)]);
        kernels.bytes.set(left, 100 + shift);
        kernels.bytes.set(right, 200);
        const order = kernels.compare(100 + shift, left.length, 200, right.length);
        expect(Math.sign(order)).toBe(Math.sign(compareBytes(left, right)));
      }),
      { numRuns: 500 },
    );
  });

  test('attach to the memory of others', () => {
    const kernels = createKernels(100_000, options);
    const other = attachKernels(kernels.handle);
    expect(other.byteLength).toBe(kernels.byteLength);
    expect([other.shared, other.compiled]).toEqual([kernels.shared, kernels.compiled]);
    kernels.bytes[5] = 42;
    other.copy(6, 5, 1);
    expect(kernels.bytes[6]).toBe(42);
  });

  test('reach another thread as the same memory if shared', async () => {
    const kernels = createKernels(65_536, options);
    if (!kernels.shared) return;
    kernels.bytes.set([1, 2, 3]);
    const code = `
      const { workerData } = require('node:worker_threads');
      const bytes = new Uint8Array(workerData.buffer ?? workerData);
      bytes[3] = bytes[0] + bytes[1] + bytes[2];`;
    const worker = new Worker(code, { eval: true, workerData: kernels.handle });
    await new Promise((resolve, reject) => {
      worker.on('exit', resolve);
      worker.on('error', reject);
    });
    expect(kernels.bytes[3]).toBe(6);
  });

  test('refuse regions outside the memory, where lengths may come from a file', () => {
    const kernels = createKernels(65_536, options);
    const refused = expect.objectContaining({ code: 'LSM_INVALID_ARGUMENT' });
    for (const [offset, length] of [
      [65_536, 1],
      [0, 65_537],
      [-1, 4],
      [4, -1],
      [2 ** 32, 1],
      [0, Number.NaN],
    ] as const) {
      expect(() => kernels.checksum(offset, length, 0, 0)).toThrow(refused);
      expect(() => kernels.checksumUpdate(offset, length)).toThrow(refused);
      expect(() => kernels.lz4Encode(offset, length, 0, 10)).toThrow(refused);
      expect(() => kernels.lz4Encode(0, 10, offset, length)).toThrow(refused);
      expect(kernels.lz4Decode(offset, length, 0, 10)).toBe(false);
      expect(kernels.lz4Decode(0, 10, offset, length)).toBe(false);
    }
  });
});

describe('createKernels', () => {
  test('refuses impossible sizes', () => {
    for (const size of [-1, Number.NaN, KERNELS_BYTES_MAX + 1, Infinity]) {
      expect(() => createKernels(size)).toThrow(
        expect.objectContaining({ code: 'LSM_INVALID_ARGUMENT' }),
      );
    }
  });

  test('works on offsets above 2 GiB', () => {
    const offset = 2 ** 31 + 12_345;
    const kernels = createKernels(2 ** 31 + 65_536);
    kernels.bytes.set([3, 1, 2], offset);
    kernels.copy(offset + 100, offset, 3);
    expect(kernels.bytes.subarray(offset + 100, offset + 103)).toEqual(Uint8Array.of(3, 1, 2));
    expect(kernels.compare(offset, 3, offset + 100, 3)).toBe(0);
    kernels.checksum(offset, 3, 0, 0);
    const high = [kernels.checksumLow, kernels.checksumHigh];
    kernels.bytes.set([3, 1, 2], 8);
    kernels.checksum(8, 3, 0, 0);
    expect([kernels.checksumLow, kernels.checksumHigh]).toEqual(high);
    const encoded = kernels.lz4Encode(offset, 1000, offset + 2000, 100);
    expect(encoded).toBeGreaterThan(0);
    expect(kernels.lz4Decode(offset + 2000, encoded, offset + 4000, 1000)).toBe(true);
    expect(kernels.compare(offset, 1000, offset + 4000, 1000)).toBe(0);
  });
});

describe('attachKernels', () => {
  test('refuses what is no handle', () => {
    for (const handle of [undefined, null, 5, {}, new Uint8Array(8)]) {
      expect(() => attachKernels(handle)).toThrow(
        expect.objectContaining({ code: 'LSM_INVALID_ARGUMENT' }),
      );
    }
  });
});
