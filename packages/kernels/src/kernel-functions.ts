/**
 * What a set of kernels looks like from `Kernels`: the same functions, compiled or as TypeScript twins.
 *
 * All numbers are 32-bit integers; a 64-bit result comes as its lower half and, on the next call, its upper half.
 * Properties, not methods: the functions are taken out of the set and have no `this`.
 */
export interface KernelFunctions {
  readonly copy: (target: number, source: number, length: number) => void;
  readonly compare: (a: number, aLength: number, b: number, bLength: number) => number;
  /** Returns the lower half of the checksum. */
  readonly checksum: (offset: number, length: number, seedLow: number, seedHigh: number) => number;
  /** The upper half of the last checksum. */
  readonly checksumHigh: () => number;
  readonly checksumBegin: (seedLow: number, seedHigh: number) => void;
  readonly checksumUpdate: (offset: number, length: number) => void;
  /** Returns the lower half of the checksum. */
  readonly checksumEnd: () => number;
  /** Bytes written, or −1; `table` is the offset of the scratch that the compiled kernel needs. */
  readonly lz4Encode: (
    source: number,
    length: number,
    target: number,
    capacity: number,
    table: number,
  ) => number;
  /** 1 if the input was well-formed, else 0. */
  readonly lz4Decode: (source: number, length: number, target: number, rawLength: number) => number;
}
