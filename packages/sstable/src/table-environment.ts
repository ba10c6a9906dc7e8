/** What all open tables of a database share: file system, block cache, memory, hash, counters. */
import type { BlockCache } from '@lsm/cache';
import type { FileSystem, KeyHasher, PointIndexKind } from '@lsm/core';
import type { Kernels } from '@lsm/kernels';
import { acquireWindow } from './windows.ts';

/** Counted bytes and events of table reads; plain numbers that only grow. */
export interface TableCounters {
  /** Data blocks read from files. */
  blockReads: number;
  /** Bytes of them as stored. */
  blockReadBytes: number;
  /** Data blocks found in the cache. */
  cacheHits: number;
  /** Lookups that a point index answered with "absent". */
  filterNegatives: number;
  /** Lookups that a point index let pass. */
  filterPositives: number;
  /** Lookups that a point index let pass though the key is not in the table. */
  filterFalsePositives: number;
  /** Block indexes and point indexes loaded. */
  indexLoads: number;
}

/** Counters at zero. */
export function tableCounters(): TableCounters {
  return {
    blockReads: 0,
    blockReadBytes: 0,
    cacheHits: 0,
    filterNegatives: 0,
    filterPositives: 0,
    filterFalsePositives: 0,
    indexLoads: 0,
  };
}

/** When a data block's checksum is verified: at every read from the file, or at the first one. */
export type VerifyMode = 'always' | 'once';

/** What an environment is made of. */
export interface TableEnvironmentOptions {
  readonly fs: FileSystem;
  /**
   * The block cache over the memory of `cacheKernels`; raw blocks with trailer that are larger than a frame bypass
   * it. `null`: every lookup reads its block.
   */
  readonly cache: BlockCache | null;
  /** Kernels of the cache's memory; `null` if there is no cache. */
  readonly cacheKernels: Kernels | null;
  /** Where in that memory compressed blocks may be read to, a multiple of 8. Default 0. */
  readonly scratchOffset?: number;
  /** Bytes from there that are free for it; a compressed block that is longer bypasses the cache. Default 0. */
  readonly scratchBytes?: number;
  /** Known kinds of point indexes. */
  readonly kinds: readonly PointIndexKind[];
  /** Hasher with the database's seed; used by {@link Table.verifyAll}. */
  readonly hasher: KeyHasher;
  /** Default `always`. */
  readonly verify?: VerifyMode;
  /** Counters to count in; default: new ones. */
  readonly counters?: TableCounters;
}

/** The environment of open tables. */
export class TableEnvironment {
  readonly fs: FileSystem;
  readonly cache: BlockCache | null;
  readonly kernels: Kernels | null;
  readonly frameBytes: number;
  readonly scratchOffset: number;
  readonly scratchBytes: number;
  readonly kinds: readonly PointIndexKind[];
  readonly hasher: KeyHasher;
  readonly verify: VerifyMode;
  readonly counters: TableCounters;
  /** While true, lookups answer −1 instead of reading from a file; cursors are not affected. Default false. */
  cacheOnly = false;
  /** Set when the cache's memory is given back: what a load brings afterwards is refused. Default false. */
  closed = false;
  #lookupWindow: Kernels | null = null;

  /** @param options - components are borrowed for the life of the environment */
  constructor(options: TableEnvironmentOptions) {
    this.fs = options.fs;
    this.cache = options.cache;
    this.kernels = options.cache === null ? null : options.cacheKernels;
    this.frameBytes = options.cache?.frameBytes ?? 0;
    this.scratchOffset = options.scratchOffset ?? 0;
    this.scratchBytes = options.scratchBytes ?? 0;
    this.kinds = options.kinds;
    this.hasher = options.hasher;
    this.verify = options.verify ?? 'always';
    this.counters = options.counters ?? tableCounters();
  }

  /** The window for lookups of blocks that can't go to the cache; overwritten by the next such lookup. */
  lookupWindow(): Kernels {
    this.#lookupWindow ??= acquireWindow();
    return this.#lookupWindow;
  }
}
