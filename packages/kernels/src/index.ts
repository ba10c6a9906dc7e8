/**
 * `@lsm/kernels`: the inner loops that are worth compiling, over memories that never grow, each with a TypeScript
 * twin. The public surface of the package; everything else is private.
 */
export { ByteChecksum } from './byte-checksum.ts';
export {
  attachKernels,
  createKernels,
  KERNELS_BYTES_MAX,
  Kernels,
  type KernelsOptions,
} from './kernels.ts';
export { LZ4_ID, lz4 } from './lz4.ts';
