/** Operations of a batch, as plain objects or collected in a reusable {@link WriteBatch}. */
import { type Bytes, EntryKind, invalidArgument, rejectUnknownNames } from '@lsm/core';
import { checkBoundNames, type Interval, intervalOf, type RangeBounds } from './range.ts';

const WRITE_NAMES = ['durability'];

/** One operation of a batch. */
export type BatchOperation =
  | { readonly type: 'put'; readonly key: Bytes; readonly value: Bytes }
  | { readonly type: 'del'; readonly key: Bytes }
  | ({ readonly type: 'delRange' } & RangeBounds);

/**
 * A list of operations that can be filled, written with `db.batch(batch)`, cleared and filled again. Keys and values
 * are borrowed until the batch is written.
 */
export class WriteBatch {
  readonly #operations: BatchOperation[] = [];

  /** Number of operations. */
  get length(): number {
    return this.#operations.length;
  }

  /** The operations in order. */
  get operations(): readonly BatchOperation[] {
    return this.#operations;
  }

  /** Sets a key. */
  put(key: Bytes, value: Bytes): this {
    this.#operations.push({ type: 'put', key, value });
    return this;
  }

  /** Deletes a key. */
  del(key: Bytes): this {
    this.#operations.push({ type: 'del', key });
    return this;
  }

  /** Deletes a range of keys. */
  delRange(range: RangeBounds): this {
    this.#operations.push({ ...range, type: 'delRange' });
    return this;
  }

  /** Empties the batch for reuse. */
  clear(): this {
    this.#operations.length = 0;
    return this;
  }
}

/** The number of an operation's kind; throws LSM_INVALID_ARGUMENT for another type. */
export function operationKind(operation: BatchOperation): EntryKind {
  switch (operation.type) {
    case 'put':
      return EntryKind.put;
    case 'del':
      return EntryKind.delete;
    case 'delRange':
      return EntryKind.rangeDelete;
    default:
      throw invalidArgument(
        `A batch operation is of type 'put', 'del' or 'delRange', not ${String((operation as { type: unknown }).type)}.`,
      );
  }
}

/** The interval that a `delRange` operation covers; it has to have a bound. */
export function deleteInterval(range: RangeBounds, more: readonly string[] = []): Interval {
  checkDeleteRange(range);
  checkBoundNames(range, 'delRange', more);
  return intervalOf(range);
}

/** Bytes that a key or value may need at most, before a string is encoded. */
export function byteBound(source: Bytes, what: string): number {
  if (typeof source === 'string') return source.length * 3;
  if (source instanceof Uint8Array) return source.length;
  throw invalidArgument(
    `The ${what} is of type ${source === null ? 'null' : typeof source}; give a Uint8Array or a string.`,
  );
}

/** Throws LSM_INVALID_ARGUMENT unless `range` is an object, as {@link deleteInterval} needs. */
export function checkDeleteRange(range: unknown): void {
  if (typeof range !== 'object' || range === null) {
    throw invalidArgument('delRange takes an object with bounds: {gte, lt, …}.');
  }
}

/** Throws LSM_INVALID_ARGUMENT if a write's options have an unknown name. */
export function checkWriteOptions(options: object): void {
  checkOptionNames(options, WRITE_NAMES, 'The options of a write');
}

/** Throws LSM_INVALID_ARGUMENT if `options` is no object or has a name that is not known. */
export function checkOptionNames(options: unknown, known: readonly string[], what: string): void {
  if (typeof options !== 'object' || options === null) {
    throw invalidArgument(`${what} have to be an object: {${known.join(', ')}}.`);
  }
  rejectUnknownNames(Object.keys(options), known, what);
}
