/**
 * The seam of per-table point indexes: what answers "where may this key be?" before a block is read.
 *
 * A *filter* can only say no; the *hash-index* also says where. Each kind is a codec with a number in the table's
 * footer; a table of an unknown kind is LSM_UNSUPPORTED_FORMAT.
 */

/** Names of the point index kinds. */
export type PointIndexKindName = 'none' | 'bloom' | 'split-block' | 'fuse8' | 'hash-index';

/** Answers of {@link PointIndex.first}: the key is not in the table. */
export const POINT_ABSENT = -1;
/** Answers of {@link PointIndex.first}: the key may be in the table; use the block index. */
export const POINT_MAYBE = -2;

/** A point index loaded from a table. Probing is synchronous, allocation-free and not reentrant. */
export interface PointIndex {
  /** Bytes of memory that it holds. */
  readonly memoryBytes: number;
  /** Bits of a location that name the entry within its block; the rest is the block's number. 0 for filters. */
  readonly slotBits: number;
  /**
   * Starts a lookup by hash.
   *
   * @returns {@link POINT_ABSENT}, {@link POINT_MAYBE}, or a location (block << slotBits | slot) ≥ 0 to confirm by key
   */
  first(hashLow: number, hashHigh: number): number;
  /** The next candidate location after one that was not confirmed; {@link POINT_ABSENT} if none (never MAYBE). */
  next(): number;
  /**
   * Reads memory that {@link first} will read, without depending on what is there and without ending a walk of
   * {@link next}: called for many keys in a row, so that they wait for memory together.
   *
   * @returns a number without meaning, to be used so that the read is not optimized away
   */
  touch(hashLow: number, hashHigh: number): number;
}

/** Collects the keys of one table and encodes its point index. */
export interface PointIndexBuilder {
  /** Adds one user key (once, however many versions it has); block and slot locate its newest version. */
  add(hashLow: number, hashHigh: number, block: number, slot: number): void;
  /** Encodes; the builder is used up. `null`: this kind can't hold these keys (too many locations); write `none`. */
  finish(): Uint8Array | null;
}

/** A kind of point index. */
export interface PointIndexKind {
  readonly name: PointIndexKindName;
  /** Number in the footer. On disk: never renumber. */
  readonly id: number;
  /**
   * What a setting gives: false positive rate for bits per key.
   *
   * @param bitsPerKey - wished bits for each key; fixed kinds ignore it
   */
  rate(bitsPerKey: number): { readonly bitsPerKey: number; readonly falsePositiveRate: number };
  /** Starts building for a table. */
  builder(bitsPerKey: number): PointIndexBuilder;
  /**
   * Opens an encoded index; bytes were verified by checksum.
   *
   * @param bytes - handed over; starts 8-byte aligned in its buffer
   * @throws LSM_CORRUPTION if the encoding is impossible
   */
  open(bytes: Uint8Array): PointIndex;
}

/** What a filter allocator may look at. Plain data. */
export interface FilterContext {
  /** The other runs of the tree that the new table will join, newest first; its own run is `output` alone. */
  readonly runs: readonly { readonly level: number; readonly entries: number }[];
  /** The run that the table belongs to, as it will be when the task is done. */
  readonly output: {
    readonly level: number;
    readonly runEntries: number;
    readonly tableEntries: number;
    readonly isOldest: boolean;
  };
  /** Bits of memory that all point indexes together may take; `null`: no limit. */
  readonly budgetBits: number | null;
}

/** What a filter allocator chose. */
export interface FilterChoice {
  readonly kind: PointIndexKindName;
  readonly bitsPerKey: number;
}

/** Chooses kind and bits of the point index of each new table; pure and deterministic. */
export interface FilterAllocator {
  readonly name: string;
  choose(context: FilterContext): FilterChoice;
}
