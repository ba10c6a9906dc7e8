/**
 * What the three kinds of iterators have in common: an engine iterator, read in the formats that were asked for.
 *
 * 1. The engine iterator is opened at construction, so that it shows the state of that moment. If that fails, the
 *    failure is kept for the first read: abstract-level opens deferred iterators where nobody could catch it.
 * 2. `next` is served from the engine's batches, `nextv` asks for exactly what is wanted; both give way to the event
 *    loop in long runs and look at the signal.
 * 3. A seek outside of the range ends the iteration until the next seek.
 */
import type { Bytes, Db, RangeBounds, RangeIterator, Selection } from '@lsm/engine';
import { type Format, type Shape, shapeOf } from './format.ts';
import { boundsOf, isOutside, type KeyRange } from './key-bounds.ts';
import { toLevelError } from './level-error.ts';
import { LsmSnapshot } from './lsm-snapshot.ts';

/** Options of an iterator as abstract-level hands them down. */
export interface RangeRequest extends KeyRange {
  readonly reverse: boolean;
  /** −1 for none. */
  readonly limit: number;
  readonly keyEncoding: Format;
  readonly valueEncoding: Format;
  /** `false` to leave keys or values out of entries. */
  readonly keys?: boolean;
  readonly values?: boolean;
  readonly snapshot?: unknown;
  readonly signal?: AbortSignal | null | undefined;
}

/** An entry as abstract-level takes it: an omitted half is `undefined`. */
export type Entry = [Bytes | undefined, Bytes | undefined];

/**
 * Reads a range in order.
 *
 * @typeParam S - what the engine yields
 * @typeParam T - what abstract-level gets
 */
export class RangeReader<S, T> {
  readonly #bounds: RangeBounds;
  readonly #shape: (item: S) => T;
  #items: RangeIterator<S> | null = null;
  #failure: unknown = null;
  #outside = false;

  /**
   * @param request - range and options
   * @param open - opens the engine iterator
   * @param shape - turns an item into what abstract-level wants
   */
  constructor(
    request: RangeRequest,
    open: (range: Parameters<Db['entries']>[0]) => RangeIterator<S>,
    shape: (item: S) => T,
  ) {
    this.#bounds = boundsOf(request);
    this.#shape = shape;
    try {
      this.#items = open({
        ...this.#bounds,
        reverse: request.reverse,
        limit: request.limit,
        snapshot: LsmSnapshot.unwrap(request.snapshot),
        signal: request.signal ?? undefined,
      });
    } catch (error) {
      this.#failure = toLevelError(error);
    }
  }

  /** The next item; `undefined` at the end. */
  async next(): Promise<T | undefined> {
    if (this.#outside) return undefined;
    try {
      const item = await this.#open().next();
      return item === undefined ? undefined : this.#shape(item);
    } catch (error) {
      throw toLevelError(error);
    }
  }

  /** Up to `size` items; none at the end. */
  async nextv(size: number): Promise<T[]> {
    if (this.#outside) return [];
    const shape = this.#shape;
    try {
      const items = await this.#open().nextBatch(size);
      return items.map(shape);
    } catch (error) {
      throw toLevelError(error);
    }
  }

  /** Moves to the first key at or behind `target`; a no-op once closed. */
  seek(target: Bytes): void {
    const items = this.#items;
    if (items === null || items.closed) return;
    try {
      this.#outside = isOutside(target, this.#bounds);
      if (!this.#outside) items.seek(target);
    } catch (error) {
      throw toLevelError(error);
    }
  }

  /** Gives back what it holds. */
  close(): void {
    this.#items?.close();
  }

  #open(): RangeIterator<S> {
    if (this.#items === null) throw this.#failure;
    return this.#items;
  }
}

/** A reader of keys or values. */
export function bytesReader(
  db: () => Db,
  selection: Exclude<Selection, 'entries'>,
  request: RangeRequest,
): RangeReader<Uint8Array, Bytes> {
  const format = selection === 'keys' ? request.keyEncoding : request.valueEncoding;
  return new RangeReader(request, (range) => db()[selection](range), shapeOf(format));
}

/** A reader of entries; halves that are not wanted are not copied. */
export function entryReader(db: () => Db, request: RangeRequest): EntryReader {
  const key = shapeOf(request.keyEncoding);
  const value = shapeOf(request.valueEncoding);
  if (request.values === false) return keyOnly(db, request, request.keys === false ? omit : key);
  if (request.keys === false) {
    const shape = (bytes: Uint8Array): Entry => [undefined, value(bytes)];
    return new RangeReader(request, (range) => db().values(range), shape);
  }
  const shape = (entry: [Uint8Array, Uint8Array]): Entry => [key(entry[0]), value(entry[1])];
  return new RangeReader(request, (range) => db().entries(range), shape);
}

/** A reader of entries, whatever the engine yields for it. */
export type EntryReader = Pick<RangeReader<never, Entry>, 'next' | 'nextv' | 'seek' | 'close'>;

function keyOnly(
  db: () => Db,
  request: RangeRequest,
  key: Shape | typeof omit,
): RangeReader<Uint8Array, Entry> {
  const shape = (bytes: Uint8Array): Entry => [key(bytes), undefined];
  return new RangeReader(request, (range) => db().keys(range), shape);
}

function omit(): undefined {
  return undefined;
}
