/** LZ4 as a block transform. On disk: transform id 1; docs/formats/lz4.md. */
import type { BlockTransform } from '@lsm/core';
import type { Kernels } from './kernels.ts';

/** Number of the LZ4 transform in a block's trailer. On disk: never renumber. */
export const LZ4_ID = 1;

/** The LZ4 block transform over the memory of `kernels`. */
export function lz4(kernels: Kernels): BlockTransform {
  return {
    name: 'lz4',
    id: LZ4_ID,
    encodedBytesMax: (length) => length + Math.floor(length / 255) + 16,
    encode: (source, length, target) =>
      length === 0 ? -1 : kernels.lz4Encode(source, length, target, length - 1),
    decode: (source, length, target, rawLength) =>
      kernels.lz4Decode(source, length, target, rawLength),
  };
}
