/**
 * A trace: what a database was asked to do, without its values. What is recorded of a live database, and what the
 * laboratory replays over other strategies.
 *
 * Sampled by key, not by time (SHARDS; Waldspurger et al., FAST 2015): a key is kept iff its hash is below a threshold,
 * and then with all that happens to it. So the trace behaves like a smaller tree: if memtables, tables and tasks shrink
 * by the same share, overwrites meet as many memtables and runs as they did.
 */
import type { Json } from '@lsm/core';

/** What an operation was. On disk: never renumber (docs/formats/trace.md). */
export const TraceKind = {
  /** Size: bytes of key and value. */
  put: 1,
  /** Size: bytes of the key. */
  delete: 2,
  /** The lower bound of a range delete; the next operation is its upper end. Size: bytes of both bounds. */
  rangeDelete: 3,
  /** The upper bound, exclusive, of the range delete before. */
  rangeUpper: 4,
  /** The range delete before has no upper bound. */
  rangeEnd: 5,
  getHit: 6,
  getMiss: 7,
  /** From a key upwards. Size: entries returned. */
  scan: 8,
  /** From a key downwards. Size: entries returned. */
  scanReverse: 9,
} as const;

/** The highest number of {@link TraceKind}. */
export const TRACE_KIND_MAX = 9;

/** A run of the tree as it was when the recording began. */
export interface TraceRun {
  readonly level: number;
  readonly entries: number;
  readonly bytes: number;
}

/** What is known before the first operation. */
export interface TraceHeader {
  /** Share of keys that was kept, above 0, at most 1. */
  readonly sample: number;
  /** Bytes of each key that were kept after what the keys of a chunk share; 0: none, the order of keys is not known. */
  readonly sketchBytes: number;
  /** ms since 1970. */
  readonly startedAt: number;
  /** Bytes of a full memtable, of a table, and of the inputs of one task, as the strategy was told; tasks at once. */
  readonly flushBytes: number;
  readonly tableBytes: number;
  readonly maxTaskBytes: number;
  readonly maxTasks: number;
  /** The strategy in use. */
  readonly strategy: { readonly name: string; readonly settings: Json };
  /** The tree, newest run first; none: the recording began with an empty database. */
  readonly runs: readonly TraceRun[];
  /** First bytes of the largest key of the tree, hexadecimal; `null` if not kept, or the tree was empty. */
  readonly largestKey: string | null;
}

/** What is known behind the last operation. All operations are counted, the unsampled ones as well. */
export interface TraceTotals {
  readonly durationMs: number;
  readonly puts: number;
  readonly deletes: number;
  readonly rangeDeletes: number;
  readonly gets: number;
  readonly scans: number;
  /** Memtables that became tables. */
  readonly flushes: number;
  /** Why it ended: `stop()`, the database was closed, `maxBytes` were reached. */
  readonly end: 'stopped' | 'closed' | 'full';
}

/** Operations in order, as columns of equal length. */
export interface TraceOperations {
  readonly kinds: Uint8Array;
  /** 32 bits of the key's hash: equal for the same key, and nearly always different for others. */
  readonly identities: Uint32Array;
  /** By {@link TraceKind}; 0 for lookups. */
  readonly sizes: Float64Array;
  /** ms since the beginning; evenly spread within a chunk. */
  readonly times: Float64Array;
  /**
   * First bytes of the key, a character for each: what the keys of the chunk share, and `sketchBytes` more. Compares as
   * the key does, as far as it goes.
   */
  readonly sketches: readonly string[];
}

/** A whole trace. */
export interface Trace {
  readonly header: TraceHeader;
  readonly operations: TraceOperations;
  /** `null`: the file ends before the recording did, and counts as far as it goes. */
  readonly totals: TraceTotals | null;
}
