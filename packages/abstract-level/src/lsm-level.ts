/**
 * The engine as an abstract-level database.
 *
 * abstract-level does the public half: states, deferred operations, encodings, sublevels, hooks and events. It calls
 * the methods below that begin with `_`, with encoded keys and values (strings, Buffers or Uint8Arrays) and options
 * whose encodings are formats. They hand over to the engine and turn its results and errors back.
 */
import {
  type BatchOperation,
  type Bytes,
  type Db,
  type OpenOptions,
  open as openEngine,
  type RangeIterator,
  type ReadOptions,
  type Stats,
  type VerifyReport,
  type WriteOptions,
} from '@lsm/engine';
import {
  type AbstractBatchOperation,
  type AbstractBatchOptions,
  type AbstractClearOptions,
  type AbstractDatabaseOptions,
  type AbstractDelOptions,
  AbstractLevel,
  type AbstractOpenOptions,
  type AbstractPutOptions,
  type Transcoder,
} from 'abstract-level';
import { type Format, HAS_BUFFER, shapeOf } from './format.ts';
import { boundsOf, type KeyRange } from './key-bounds.ts';
import { notOpen, toLevelError, toOpenError } from './level-error.ts';
import { LsmChainedBatch } from './lsm-chained-batch.ts';
import { LsmEntryIterator, LsmKeyIterator, LsmValueIterator } from './lsm-iterator.ts';
import { LsmSnapshot, type SnapshotRequest } from './lsm-snapshot.ts';
import { engineOptionsOf } from './open-options.ts';
import { bytesReader, entryReader, type RangeRequest } from './range-reader.ts';
import { type DurabilityOptions, writeOptionsOf } from './write-durability.ts';

/** The engine's options; `createIfMissing` and `errorIfExists` come with abstract-level's. */
type EngineOptions = Omit<OpenOptions, 'createIfMissing' | 'errorIfExists'>;

/** Options of the constructor: encodings, abstract-level's and the engine's. */
export interface LsmLevelOptions<K, V> extends AbstractDatabaseOptions<K, V>, EngineOptions {}

/** Options of {@link LsmLevel.open}; they override the constructor's. */
export interface LsmOpenOptions extends AbstractOpenOptions, EngineOptions {}

/** Options of {@link LsmLevel.put}. */
export interface LsmPutOptions<K, V> extends AbstractPutOptions<K, V>, DurabilityOptions {}

/** Options of {@link LsmLevel.del}. */
export interface LsmDelOptions<K> extends AbstractDelOptions<K>, DurabilityOptions {}

/** Options of {@link LsmLevel.batch}. */
export interface LsmBatchOptions<K, V> extends AbstractBatchOptions<K, V>, DurabilityOptions {}

/** Options of {@link LsmLevel.clear}. */
export interface LsmClearOptions<K> extends AbstractClearOptions<K>, DurabilityOptions {}

/** Options of {@link LsmLevel.compactRange}. */
export interface LsmRangeEncoding<K> {
  /** Encodes `start` and `end`; default: the database's. */
  keyEncoding?: string | Transcoder.PartialEncoder<K> | undefined;
}

/** Options of a read as abstract-level hands them down. */
interface ReadRequest {
  readonly valueEncoding: Format;
  readonly snapshot?: unknown;
}

interface ClearRequest extends KeyRange, DurabilityOptions {
  readonly reverse: boolean;
  /** −1 for none. */
  readonly limit: number;
  readonly snapshot?: unknown;
}

/** What abstract-level and its users may rely on; read by the suite to choose its tests. */
const manifest = {
  encodings: { utf8: true, buffer: HAS_BUFFER, view: true },
  implicitSnapshots: true,
  explicitSnapshots: true,
  has: true,
  getSync: true,
  seek: true,
  permanence: true,
  createIfMissing: true,
  errorIfExists: true,
  signals: { iterators: true },
  additionalMethods: {
    compactRange: true,
    flush: true,
    sync: true,
    checkpoint: true,
    verify: true,
    stats: true,
  },
};

const latest: ReadOptions = Object.freeze({});

/** Keys that a partial `clear` deletes at a time. */
const CLEAR_BATCH_KEYS = 1000;

/** Overloads that take this database's options; the implementations are abstract-level's. */
// oxlint-disable-next-line typescript/no-unsafe-declaration-merging -- adds overloads, no members without code
export interface LsmLevel<KDefault = string, VDefault = string>
  extends AbstractLevel<string | Buffer | Uint8Array, KDefault, VDefault> {
  /**
   * Opens the database; happens by itself after construction, so that calling it is only needed to see its errors.
   *
   * @throws (rejects with) LEVEL_DATABASE_NOT_OPEN; its `cause.code` says why: LEVEL_LOCKED, LEVEL_CORRUPTION, …
   */
  open(): Promise<void>;
  open(options: LsmOpenOptions): Promise<void>;
  /** Sets a key. */
  put(key: KDefault, value: VDefault): Promise<void>;
  put<K = KDefault, V = VDefault>(key: K, value: V, options: LsmPutOptions<K, V>): Promise<void>;
  /** Deletes a key; a missing one is not an error. */
  del(key: KDefault): Promise<void>;
  del<K = KDefault>(key: K, options: LsmDelOptions<K>): Promise<void>;
  /** Applies operations as one atomic write; without arguments, collects them first. */
  batch(operations: AbstractBatchOperation<this, KDefault, VDefault>[]): Promise<void>;
  batch<K = KDefault, V = VDefault>(
    operations: AbstractBatchOperation<this, K, V>[],
    options: LsmBatchOptions<K, V>,
  ): Promise<void>;
  batch(): LsmChainedBatch<this, KDefault, VDefault>;
  /** Deletes a range, or everything: one range tombstone, O(1), unless `limit` or `snapshot` make it walk the keys. */
  clear(): Promise<void>;
  clear<K = KDefault>(options: LsmClearOptions<K>): Promise<void>;
  /** Pins the present state for later reads; close it when done. */
  snapshot(): LsmSnapshot;
}

/**
 * An `abstract-level` database on the engine.
 *
 * @typeParam KDefault - type of keys, unless an operation names another encoding
 * @typeParam VDefault - type of values, unless an operation names another encoding
 */
export class LsmLevel<KDefault = string, VDefault = string> extends AbstractLevel<
  string | Buffer | Uint8Array,
  KDefault,
  VDefault
> {
  readonly #location: string;
  #engine: Db | null = null;

  /**
   * @param location - directory of the database, made if missing
   * @param options - encodings and the engine's options; see {@link LsmLevelOptions}
   * @throws TypeError if `location` is not a non-empty string
   */
  constructor(location: string, options?: LsmLevelOptions<KDefault, VDefault>) {
    if (typeof location !== 'string' || location === '') {
      throw new TypeError('The location of the database has to be a non-empty string.');
    }
    super(manifest, options);
    this.#location = location;
  }

  /** Directory that was given to the constructor. */
  get location(): string {
    return this.#location;
  }

  /**
   * The engine's database underneath, for what abstract-level has no word for (synchronous writes, strategies,
   * events). Writes through it pass by hooks and events; do not close it.
   *
   * @throws LEVEL_DATABASE_NOT_OPEN
   */
  get engine(): Db {
    if (this.#engine === null) throw notOpen();
    return this.#engine;
  }

  /** Merges all data that overlaps `[start, end)`, dropping what no reader needs. */
  compactRange(start: KDefault, end: KDefault): Promise<void>;
  compactRange<K = KDefault>(start: K, end: K, options: LsmRangeEncoding<K>): Promise<void>;
  async compactRange(start: never, end: never, options?: LsmRangeEncoding<never>): Promise<void> {
    if (start === undefined || end === undefined) {
      throw new TypeError('compactRange takes a start and an end.');
    }
    const encoding = this.keyEncoding(options?.keyEncoding as 'utf8');
    const range = { gte: encoding.encode(start), lt: encoding.encode(end) };
    await this.#whenOpen((engine) => engine.compact(range));
  }

  /** Writes everything in memory to tables; resolves when they are durable. */
  async flush(): Promise<void> {
    await this.#whenOpen((engine) => engine.flush());
  }

  /** Makes all writes so far durable, whatever durability they were made with. */
  async sync(): Promise<void> {
    await this.#whenOpen((engine) => engine.sync());
  }

  /** Writes a copy of the present state into a new directory: a database of its own. */
  async checkpoint(directory: string): Promise<void> {
    await this.#whenOpen((engine) => engine.checkpoint(directory));
  }

  /**
   * Reads and checks every byte of the live files.
   *
   * @throws (rejects with) LEVEL_CORRUPTION naming the first damaged file and offset
   */
  verify(): Promise<VerifyReport> {
    return this.#whenOpen((engine) => engine.verify());
  }

  /**
   * Counted figures since open.
   *
   * @throws LEVEL_DATABASE_NOT_OPEN
   */
  stats(): Stats {
    return this.engine.stats();
  }

  /** Called by abstract-level. */
  async _open(options: Readonly<Record<string, unknown>>): Promise<void> {
    try {
      this.#engine = await openEngine(this.#location, engineOptionsOf(options));
    } catch (error) {
      throw toOpenError(error, this.#location);
    }
  }

  /** Called by abstract-level. After a failed close the engine is gone all the same; closing again succeeds. */
  async _close(): Promise<void> {
    const engine = this.#engine;
    this.#engine = null;
    if (engine !== null) await guarded(engine.close());
  }

  /** Called by abstract-level. */
  async _get(key: Bytes, request: ReadRequest): Promise<Bytes | undefined> {
    try {
      const value = await this.engine.get(key, readOptionsOf(request));
      return value === undefined ? undefined : shapeOf(request.valueEncoding)(value);
    } catch (error) {
      throw toLevelError(error);
    }
  }

  /** Called by abstract-level. */
  _getSync(key: Bytes, request: ReadRequest): Bytes | undefined {
    try {
      const value = this.engine.getSync(key, readOptionsOf(request));
      return value === undefined ? undefined : shapeOf(request.valueEncoding)(value);
    } catch (error) {
      throw toLevelError(error);
    }
  }

  /** Called by abstract-level. */
  async _getMany(keys: readonly Bytes[], request: ReadRequest): Promise<(Bytes | undefined)[]> {
    const values = await guarded(this.engine.getMany(keys, readOptionsOf(request)));
    const shape = shapeOf(request.valueEncoding);
    return values.map((value) => (value === undefined ? undefined : shape(value)));
  }

  /** Called by abstract-level. */
  _has(key: Bytes, request: ReadRequest): Promise<boolean> {
    return guarded(this.engine.has(key, readOptionsOf(request)));
  }

  /** Called by abstract-level. */
  _hasMany(keys: readonly Bytes[], request: ReadRequest): Promise<boolean[]> {
    const { engine } = this;
    const options = readOptionsOf(request);
    return guarded(Promise.all(keys.map((key) => engine.has(key, options))));
  }

  /** Called by abstract-level. */
  _put(key: Bytes, value: Bytes, options: DurabilityOptions): Promise<void> {
    return guarded(this.engine.put(key, value, writeOptionsOf(options)));
  }

  /** Called by abstract-level. */
  _del(key: Bytes, options: DurabilityOptions): Promise<void> {
    return guarded(this.engine.del(key, writeOptionsOf(options)));
  }

  /** Called by abstract-level. */
  _batch(operations: readonly BatchOperation[], options: DurabilityOptions): Promise<void> {
    return this.#commit(operations, options);
  }

  /** Called by abstract-level. */
  _chainedBatch(): LsmChainedBatch<this, KDefault, VDefault> {
    return new LsmChainedBatch(this, (operations, options) => this.#commit(operations, options));
  }

  /** Called by abstract-level. */
  async _clear(request: ClearRequest): Promise<void> {
    const { engine } = this;
    const write = writeOptionsOf(request);
    const bounds = boundsOf(request);
    const snapshot = LsmSnapshot.unwrap(request.snapshot);
    if (request.limit < 0 && snapshot === undefined) {
      await guarded(engine.delRange(bounds, write));
      return;
    }
    const { reverse, limit } = request;
    try {
      await deleteKeys(engine, engine.keys({ ...bounds, reverse, limit, snapshot }), write);
    } catch (error) {
      throw toLevelError(error);
    }
  }

  /** Called by abstract-level. */
  _iterator(request: RangeRequest): LsmEntryIterator<this, KDefault, VDefault> {
    const reader = entryReader(() => this.engine, request);
    return new LsmEntryIterator(this, request, reader);
  }

  /** Called by abstract-level. */
  _keys(request: RangeRequest): LsmKeyIterator<this, KDefault> {
    const reader = bytesReader(() => this.engine, 'keys', request);
    return new LsmKeyIterator(this, request, reader);
  }

  /** Called by abstract-level. */
  _values(request: RangeRequest): LsmValueIterator<this, KDefault, VDefault> {
    const reader = bytesReader(() => this.engine, 'values', request);
    return new LsmValueIterator(this, request, reader);
  }

  /** Called by abstract-level. */
  _snapshot(request: SnapshotRequest): LsmSnapshot {
    return new LsmSnapshot(request, this.engine.snapshot());
  }

  #commit(operations: readonly BatchOperation[], options: DurabilityOptions): Promise<void> {
    return guarded(this.engine.batch(operations, writeOptionsOf(options)));
  }

  async #whenOpen<T>(use: (engine: Db) => Promise<T>): Promise<T> {
    if (this.status === 'opening') return this.deferAsync(() => this.#whenOpen(use));
    return guarded(use(this.engine));
  }
}

function readOptionsOf(request: ReadRequest): ReadOptions {
  const snapshot = LsmSnapshot.unwrap(request.snapshot);
  return snapshot === undefined ? latest : { snapshot };
}

/** Deletes what an iterator yields, some keys at a time, and closes it. */
async function deleteKeys(
  engine: Db,
  keys: RangeIterator<Uint8Array>,
  write: WriteOptions,
): Promise<void> {
  try {
    for (;;) {
      const found = await keys.nextBatch(CLEAR_BATCH_KEYS);
      if (found.length === 0) return;
      const deletes = found.map((key): BatchOperation => ({ type: 'del', key }));
      await engine.batch(deletes, write);
    }
  } finally {
    keys.close();
  }
}

/** Passes a result on, an error in the ecosystem's form. */
function guarded<T>(result: Promise<T>): Promise<T> {
  return result.catch(rethrow);
}

function rethrow(error: unknown): never {
  throw toLevelError(error);
}
