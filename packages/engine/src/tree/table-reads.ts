/**
 * What all table reads of a database share: cache, counters, and whether disk reads leave the caller's thread.
 *
 * The cache's memory is taken at the first table that is opened, so that a small database opens without it.
 */
import { POINT_INDEX_KINDS } from '@lsm/bloom';
import { BlockCache } from '@lsm/cache';
import type { FileSystem, KeyHasher } from '@lsm/core';
import { createKernels, type Kernels } from '@lsm/kernels';
import { ARENA_BYTES_MAX, type Arena, arenaPool } from '@lsm/memtable';
import { type TableCounters, TableEnvironment, tableCounters } from '@lsm/sstable';
import type { Settings } from '../options.ts';

/** Reads above this many ms on average leave the caller's thread when `reads` is `'auto'`. */
const SLOW_READ_MS = 0.05;
const NO_WORDS: Int32Array = new Int32Array(1);
/** Weight of a new measurement in the moving average. */
const AVERAGE_WEIGHT = 1 / 16;

/** The shared part of table reads. */
export class TableReads {
  readonly counters: TableCounters = tableCounters();
  readonly #fileSystem: FileSystem;
  readonly #settings: Settings;
  readonly #hasher: KeyHasher;
  readonly #blockBytes: number;
  #environment: TableEnvironment | null = null;
  #cache: BlockCache | null = null;
  #memory: Arena | null = null;
  #averageMs = 0;

  /** @param blockBytes - largest block that the cache has to hold */
  constructor(fileSystem: FileSystem, settings: Settings, hasher: KeyHasher, blockBytes: number) {
    this.#fileSystem = fileSystem;
    this.#settings = settings;
    this.#hasher = hasher;
    this.#blockBytes = (blockBytes + 7) & ~7;
  }

  /** Environment of the tables. */
  get environment(): TableEnvironment {
    this.#environment ??= this.#makeEnvironment();
    return this.#environment;
  }

  /** Memory of the cache; one word before the first table was opened. */
  get cacheWords(): Int32Array {
    return this.#environment?.kernels?.words ?? NO_WORDS;
  }

  /** The cache's figures; zeros before the first table was opened. */
  get cacheStats(): { hits: number; misses: number; evictions: number; usedFrames: number } {
    return this.#cache?.stats ?? { hits: 0, misses: 0, evictions: 0, usedFrames: 0 };
  }

  /** Bytes of cached blocks. */
  get cacheBytes(): number {
    return this.cacheStats.usedFrames * this.#blockBytes;
  }

  /** Whether point reads that miss the cache should leave this thread. */
  get async(): boolean {
    const { reads } = this.#settings;
    return reads === 'async' || (reads === 'auto' && this.#averageMs > SLOW_READ_MS);
  }

  /** Whether no point read may block this thread, however fast the disk is. */
  get neverSync(): boolean {
    return this.#settings.reads === 'async';
  }

  /** Runs a lookup that must not read from disk. */
  withCacheOnly<T>(lookup: () => T): T {
    const { environment } = this;
    environment.cacheOnly = true;
    try {
      return lookup();
    } finally {
      environment.cacheOnly = false;
    }
  }

  /** Notes how long a synchronous lookup took that read from disk. */
  measured(ms: number): void {
    this.#averageMs += (ms - this.#averageMs) * AVERAGE_WEIGHT;
  }

  /** Lets go of the cache. */
  close(): void {
    if (this.#environment !== null) this.#environment.closed = true;
    this.#environment = null;
    this.#cache = null;
    if (this.#memory !== null) arenaPool.release(this.#memory);
    this.#memory = null;
  }

  /** The cache's memory: from the process's pool, because making 128 MiB takes 3 ms; its content is rubbish. */
  #takeMemory(bytes: number): Kernels {
    if (bytes > ARENA_BYTES_MAX) return createKernels(bytes, { shared: false });
    this.#memory = arenaPool.acquire(bytes);
    return this.#memory.kernels;
  }

  #makeEnvironment(): TableEnvironment {
    const { cacheBytes } = this.#settings;
    const frameBytes = this.#blockBytes;
    // A compressed block is never longer than a raw one; scratch holds one with its trailer.
    const scratchBytes = frameBytes + 64;
    const frameCount = Math.max(4, Math.floor((cacheBytes - scratchBytes) / frameBytes));
    const kernels = this.#takeMemory(scratchBytes + frameCount * frameBytes);
    this.#cache = new BlockCache(kernels.bytes, { start: scratchBytes, frameBytes, frameCount });
    return new TableEnvironment({
      fs: this.#fileSystem,
      cache: this.#cache,
      cacheKernels: kernels,
      scratchOffset: 0,
      scratchBytes,
      kinds: POINT_INDEX_KINDS,
      hasher: this.#hasher,
      counters: this.counters,
    });
  }
}
