/**
 * What the bench needs of a store: few calls, so that the engine, its peers and the stand-in of the tests fit.
 *
 * Keys and values that are passed in are borrowed until the call returns; results belong to the caller until its next
 * call. A store has the synchronous calls that it really offers; the bench uses those where they exist and says so.
 */

/** A range of keys, in the engine's words. */
export interface StoreRange {
  readonly gte?: Uint8Array;
  readonly lt?: Uint8Array;
  readonly prefix?: Uint8Array;
  readonly reverse?: boolean;
  readonly limit?: number;
}

/** Receives each entry of a scan; bytes are borrowed until it returns. */
export type Visit = (key: Uint8Array, value: Uint8Array) => void;

/** One operation of a batch. */
export interface StoreOperation {
  readonly type: 'put';
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** One level, as the engine reports it. */
interface LevelShape {
  readonly level: number;
  readonly runs: number;
  readonly tables: number;
  readonly bytes: number;
  readonly entries: number;
}

/** Counted figures of the engine that the bench uses; a part of its `Stats`. */
export interface StoreStats {
  readonly counters: {
    readonly gets: number;
    readonly getHits: number;
    readonly memtableHits: number;
    readonly runsProbed: number;
    readonly scans: number;
    readonly userBytes: number;
    readonly logBytes: number;
    readonly logSyncs: number;
    readonly flushes: number;
    readonly flushBytes: number;
    readonly compactions: number;
    readonly compactionReadBytes: number;
    readonly compactionWriteBytes: number;
    readonly moves: number;
    readonly slowdowns: number;
    readonly slowdownMs: number;
    readonly stalls: number;
    readonly stallMs: number;
  };
  readonly levels: readonly LevelShape[];
  readonly runs: number;
  readonly tables: number;
  readonly tableBytes: number;
  readonly obsoleteTableBytes: number;
  readonly logBytes: number;
  readonly manifestBytes: number;
  readonly spaceAmplification: number;
  readonly memory: { readonly indexBytes: number };
  readonly cache: { readonly hits: number; readonly misses: number };
  readonly filters: {
    readonly negatives: number;
    readonly positives: number;
    readonly falsePositives: number;
    readonly bitsPerKey: readonly { readonly level: number; readonly bits: number }[];
  };
  readonly blocks: { readonly reads: number; readonly readBytes: number };
  readonly strategy: string;
  readonly executor: string;
}

/** Something that happened in the engine, for the time line. */
export interface StoreEvent {
  readonly kind: 'flush' | 'compaction' | 'stall' | 'slowdown';
  /** How long it took, ms; it ended when it is reported. */
  readonly ms: number;
  readonly detail: string;
}

/** An open store. */
export interface Store {
  readonly name: string;
  /** Directory with everything that it keeps. */
  readonly directory: string;
  put(key: Uint8Array, value: Uint8Array): Promise<unknown>;
  putSync?(key: Uint8Array, value: Uint8Array): void;
  del(key: Uint8Array): Promise<unknown>;
  /** Deletes all keys with a prefix by one call. */
  deletePrefix?(prefix: Uint8Array): Promise<unknown>;
  /** Deletes all keys from `gte` up to, not including, `lt` by one call. */
  deleteRange?(gte: Uint8Array, lt: Uint8Array): Promise<unknown>;
  /** Whether the store itself forgets what has become too old. */
  readonly expires?: boolean;
  /** Moves the store's clock, ms, where it does not run by itself. */
  advance?(ms: number): void;
  batch(operations: readonly StoreOperation[]): Promise<unknown>;
  get(key: Uint8Array): Promise<Uint8Array | undefined>;
  getSync?(key: Uint8Array): Uint8Array | undefined;
  /** Calls `visit` for each entry of a range in order; returns how many, as a promise only if it has to. */
  scan(range: StoreRange, visit: Visit): number | Promise<number>;
  /** Writes everything in memory to tables. */
  flush(): Promise<void>;
  /** Resolves when no background work is left. */
  idle(): Promise<void>;
  /** Merges everything into one run. */
  compact?(): Promise<void>;
  stats?(): StoreStats;
  onEvent?(listener: (event: StoreEvent) => void): void;
  close(): Promise<void>;
}
