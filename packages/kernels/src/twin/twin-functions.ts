/** The TypeScript twins as one set of kernels over a buffer: fallback, and oracle of the compiled ones in tests. */
import type { KernelFunctions } from '../kernel-functions.ts';
import { lz4Decode } from './lz4-decode.ts';
import { lz4Encode } from './lz4-encode.ts';
import { Xxh64 } from './xxh64.ts';

/** Kernels over `bytes`, which are borrowed for good. */
export function twinFunctions(bytes: Uint8Array): KernelFunctions {
  // The stream has a state of its own: a one-shot checksum may come between its updates.
  const single = new Xxh64(bytes);
  const stream = new Xxh64(bytes);
  let high = 0;
  return {
    copy: (target, source, length) => {
      bytes.copyWithin(target, source, source + length);
    },
    compare: (a, aLength, b, bLength) => {
      const length = aLength < bLength ? aLength : bLength;
      for (let i = 0; i < length; i++) {
        const difference = bytes[a + i]! - bytes[b + i]!;
        if (difference !== 0) return difference;
      }
      return aLength - bLength;
    },
    checksum: (offset, length, seedLow, seedHigh) => {
      single.compute(offset, length, seedLow, seedHigh);
      high = single.high;
      return single.low;
    },
    checksumHigh: () => high,
    checksumBegin: (seedLow, seedHigh) => stream.begin(seedLow, seedHigh),
    checksumUpdate: (offset, length) => stream.update(offset, length),
    checksumEnd: () => {
      stream.end();
      high = stream.high;
      return stream.low;
    },
    lz4Encode: (source, length, target, capacity) =>
      lz4Encode(bytes, source, length, target, capacity),
    lz4Decode: (source, length, target, rawLength) =>
      lz4Decode(bytes, source, length, target, rawLength) ? 1 : 0,
  };
}
