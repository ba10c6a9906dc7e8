/** What `db.stats()` returns: counted figures, nothing estimated by formula. */
import type { Counters } from './counters.ts';

/** One level of the tree. */
export interface LevelStats {
  readonly level: number;
  readonly runs: number;
  readonly tables: number;
  readonly bytes: number;
  readonly entries: number;
  readonly tombstones: number;
}

/** Figures of a database since it was opened. Bytes and ms. */
export interface Stats {
  readonly counters: Readonly<Counters>;
  /** Log, flush and compaction bytes written ÷ bytes of keys and values that callers wrote. */
  readonly writeAmplification: number;
  /** Data blocks read from disk ÷ point reads. */
  readonly readAmplification: number;
  /** Bytes of live tables ÷ bytes of the oldest run (all of one run is needed at least once). */
  readonly spaceAmplification: number;
  readonly levels: readonly LevelStats[];
  readonly runs: number;
  readonly tables: number;
  /** Bytes on disk: tables of the tree, tables still held by readers, logs, manifest. */
  readonly tableBytes: number;
  readonly obsoleteTableBytes: number;
  readonly logBytes: number;
  readonly manifestBytes: number;
  readonly memory: {
    /** Arenas of active and waiting memtables. */
    readonly memtableBytes: number;
    /** Arenas of flushed memtables that readers still hold. */
    readonly pinnedBytes: number;
    readonly cacheBytes: number;
    /** Loaded point and block indexes. */
    readonly indexBytes: number;
    /** The combined index over the newest runs. */
    readonly combinedIndexBytes: number;
  };
  readonly cache: {
    readonly hits: number;
    readonly misses: number;
    readonly evictions: number;
  };
  readonly filters: {
    readonly negatives: number;
    readonly positives: number;
    readonly falsePositives: number;
    /** Point-index bits per entry by level. */
    readonly bitsPerKey: readonly { readonly level: number; readonly bits: number }[];
  };
  readonly blocks: { readonly reads: number; readonly readBytes: number };
  readonly disk: {
    /** Bytes that files may still take; infinite if that isn't known. */
    readonly freeBytes: number;
    /** Whether compaction rests because no merge fits. */
    readonly isShort: boolean;
  };
  readonly unflushedMemtables: number;
  readonly sequence: number;
  readonly snapshots: number;
  readonly iterators: number;
  readonly strategy: string;
  readonly executor: 'worker' | 'inline' | 'none';
  readonly lock: string;
}
