/**
 * What the interpreter of operations needs of a database: the public API of the engine, as far as tests use it. The
 * engine's own class fits as it is; everything else needs an adapter of some twenty lines.
 */
import type { FileSystem } from '@lsm/core';
import type { KeyRange, ModelWrite } from './model-database.ts';

/** What an acknowledged write survives: nothing, the end of the process, the loss of power. */
export type Durability = 'memory' | 'os' | 'fsync';

/** A pinned state. */
export interface SnapshotUnderTest {
  /** Gives it up; idempotent. */
  close(): void;
}

/** Options of reads; `S` is the database's own snapshot type. */
export interface ReadUnderTest<S> {
  readonly snapshot?: S;
}

/** Options of scans. */
export interface ScanUnderTest<S> extends KeyRange, ReadUnderTest<S> {
  readonly reverse?: boolean;
  readonly limit?: number;
}

/** A cursor over entries; also iterable in both ways. */
export interface CursorUnderTest {
  /** The next entry, `undefined` at the end. */
  nextSync(): [Uint8Array, Uint8Array] | undefined;
  next(): Promise<[Uint8Array, Uint8Array] | undefined>;
  nextBatchSync(count: number): [Uint8Array, Uint8Array][];
  nextBatch(count: number): Promise<[Uint8Array, Uint8Array][]>;
  /** The next entry is the first at or above `key` (reverse: at or below), within the range. */
  seek(key: Uint8Array): void;
  close(): void;
  [Symbol.iterator](): Iterator<[Uint8Array, Uint8Array], unknown>;
  [Symbol.asyncIterator](): AsyncIterator<[Uint8Array, Uint8Array], unknown>;
}

/** Options of writes. */
export interface WriteUnderTest {
  readonly durability?: Durability;
}

/** An open database. */
export interface DatabaseUnderTest<S extends SnapshotUnderTest = SnapshotUnderTest> {
  put(key: Uint8Array, value: Uint8Array, options?: WriteUnderTest): Promise<void>;
  putSync(key: Uint8Array, value: Uint8Array, options?: WriteUnderTest): void;
  del(key: Uint8Array, options?: WriteUnderTest): Promise<void>;
  delSync(key: Uint8Array, options?: WriteUnderTest): void;
  delRange(range: KeyRange, options?: WriteUnderTest): Promise<void>;
  delRangeSync(range: KeyRange, options?: WriteUnderTest): void;
  batch(writes: readonly ModelWrite[], options?: WriteUnderTest): Promise<void>;
  batchSync(writes: readonly ModelWrite[], options?: WriteUnderTest): void;
  get(key: Uint8Array, options?: ReadUnderTest<S>): Promise<Uint8Array | undefined>;
  getSync(key: Uint8Array, options?: ReadUnderTest<S>): Uint8Array | undefined;
  getMany(
    keys: readonly Uint8Array[],
    options?: ReadUnderTest<S>,
  ): Promise<(Uint8Array | undefined)[]>;
  getManySync(keys: readonly Uint8Array[], options?: ReadUnderTest<S>): (Uint8Array | undefined)[];
  entries(range?: ScanUnderTest<S>): CursorUnderTest;
  snapshot(): S;
  flush(): Promise<void>;
  sync(): Promise<void>;
  compact(range?: KeyRange): Promise<void>;
  close(): Promise<void>;
}

/** How the interpreter gets at a database. */
export interface DatabaseAdapter<S extends SnapshotUnderTest = SnapshotUnderTest> {
  /** What an acknowledged write without its own durability survives. */
  readonly durability: Durability;
  /** Opens the database, making it if there is none. */
  open(fs: FileSystem): Promise<DatabaseUnderTest<S>>;
  /** Strategies that {@link swapStrategy} chooses from; default 0. */
  readonly strategies?: number;
  /** Changes the strategy of the open database. */
  swapStrategy?(database: DatabaseUnderTest<S>, index: number): Promise<void>;
  /** Lets background work come to rest; default: nothing. */
  settle?(database: DatabaseUnderTest<S>): Promise<void>;
  /** Lets go of a database whose file system is gone; default: `close`, errors ignored. Must not hang. */
  abandon?(database: DatabaseUnderTest<S>): Promise<void>;
  /** Checks that hold at any moment, e.g. on the shape of the tree; throws if they do not. */
  checkInvariants?(database: DatabaseUnderTest<S>): void;
}
