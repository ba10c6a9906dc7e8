/** The seam of block codecs (compression; encryption later): bytes of one memory to bytes of the same memory. */

/** A reversible transform of blocks, bound to one memory. */
export interface BlockTransform {
  readonly name: string;
  /** Number in each block's trailer. On disk: never renumber; 0 is "none". */
  readonly id: number;
  /** Most bytes that `encode` can produce from `length`. */
  encodedBytesMax(length: number): number;
  /** Encodes; returns the bytes written at `target`, or −1 if not smaller than `length`. Regions must not overlap. */
  encode(source: number, length: number, target: number): number;
  /** Decodes into exactly `rawLength` bytes at `target`; false if the input is impossible. Never writes beyond. */
  decode(source: number, length: number, target: number, rawLength: number): boolean;
}
