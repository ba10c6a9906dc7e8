/**
 * The compiled LZ4 kernels never read outside their regions either: the input stands at the very end of the memory,
 * where one byte more is a trap. (`Kernels` can't show this: behind the owner's bytes there is scratch.)
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { wasmFunctions } from '../src/wasm-module.ts';
import { compressible, noise } from './flavours.ts';

const END = 4 * 65_536;
const TARGET = 65_536;
const TABLE = 0;

const memory = new WebAssembly.Memory({ initial: 4, maximum: 4 });
const functions = wasmFunctions(memory, false);
const bytes = new Uint8Array(memory.buffer);

/** Puts bytes at the end of the memory and returns their offset. */
function placeAtEnd(source: Uint8Array): number {
  bytes.set(source, END - source.length);
  return END - source.length;
}

/** Encodes at the end of the memory; the block as a copy. */
function encodeAtEnd(raw: Uint8Array): Uint8Array {
  const length = functions.lz4Encode(placeAtEnd(raw), raw.length, TARGET, 65_536, TABLE);
  expect(length).toBeGreaterThan(0);
  return bytes.slice(TARGET, TARGET + length);
}

describe('compiled lz4 at the end of the memory', () => {
  test('a read beyond it traps', () => {
    expect(() => functions.lz4Decode(END - 1, 2, TARGET, 10)).not.toThrow();
    bytes[END - 1] = 0x20;
    expect(() => functions.lz4Decode(END - 1, 3, TARGET, 10)).toThrow(WebAssembly.RuntimeError);
  });

  test('encoding reads nothing beyond the input', () => {
    fc.assert(fc.property(compressible, (raw) => void encodeAtEnd(raw)));
    // In noise the steps grow to dozens of bytes, and the search looks one step ahead.
    for (let length = 20_000; length < 20_100; length++) encodeAtEnd(noise(length, length));
  });

  test('decoding a block, damaged or cut at any length, reads nothing beyond it', () => {
    fc.assert(
      fc.property(compressible, fc.nat(), fc.nat(255), (raw, at, mask) => {
        const block = encodeAtEnd(raw);
        block[at % block.length]! ^= mask;
        for (let length = Math.max(0, block.length - 40); length <= block.length; length++) {
          const source = placeAtEnd(block.subarray(0, length));
          // Room to spare at the target lets the decoder prefer its wide copies.
          functions.lz4Decode(source, length, TARGET, raw.length + 64);
        }
      }),
    );
  });
});
