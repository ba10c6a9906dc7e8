/** Chained batches: operations are collected and written as one atomic batch. */
import type { BatchOperation, Bytes } from '@lsm/engine';
import { AbstractChainedBatch, type AbstractChainedBatchWriteOptions } from 'abstract-level';
import type { DurabilityOptions } from './write-durability.ts';

/** Options of {@link LsmChainedBatch.write}. */
export interface LsmChainedBatchWriteOptions
  extends AbstractChainedBatchWriteOptions,
    DurabilityOptions {}

/** Writes a list of operations atomically. */
type WriteOperations = (
  operations: readonly BatchOperation[],
  options: DurabilityOptions,
) => Promise<void>;

/** See {@link LsmChainedBatch}; typed beside the class, because the implementation is abstract-level's. */
// oxlint-disable-next-line typescript/no-unsafe-declaration-merging -- adds overloads, no members without code
export interface LsmChainedBatch<TDatabase, KDefault, VDefault>
  extends AbstractChainedBatch<TDatabase, KDefault, VDefault> {
  /** Commits the operations, all or none. */
  write(): Promise<void>;
  write(options: LsmChainedBatchWriteOptions): Promise<void>;
}

/** What `db.batch()` returns. Keys and values are copied when they are added. */
export class LsmChainedBatch<TDatabase, KDefault, VDefault> extends AbstractChainedBatch<
  TDatabase,
  KDefault,
  VDefault
> {
  readonly #commit: WriteOperations;
  #operations: BatchOperation[] = [];

  /** Use `db.batch()`. */
  constructor(db: TDatabase, commit: WriteOperations) {
    super(db);
    this.#commit = commit;
  }

  /** Called by abstract-level with encoded data. */
  _put(key: Bytes, value: Bytes): void {
    this.#operations.push({ type: 'put', key: owned(key), value: owned(value) });
  }

  /** Called by abstract-level with encoded data. */
  _del(key: Bytes): void {
    this.#operations.push({ type: 'del', key: owned(key) });
  }

  /** Called by abstract-level. */
  _clear(): void {
    this.#operations = [];
  }

  /** Called by abstract-level. */
  _write(options: DurabilityOptions): Promise<void> {
    return this.#commit(this.#operations, options);
  }

  /** Called by abstract-level. */
  async _close(): Promise<void> {
    this.#operations = [];
  }
}

function owned(bytes: Bytes): Bytes {
  return typeof bytes === 'string' ? bytes : new Uint8Array(bytes);
}
