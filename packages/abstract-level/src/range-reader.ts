/**
 * What the three kinds of iterators have in common: an engine iterator, read in the formats that were asked for.
 *
 * 1. The engine iterator is opened at construction, so that it shows the state of that moment. If that fails, the
 *    failure is kept for the first read: abstract-level opens deferred iterators where nobody could catch it.
 * 2. `next` is served from a buffer that is filled by 1, 4, 16, … items: the first item after opening or a seek is
 *    often the only one that is wanted. `nextv` empties the buffer, then asks for exactly what is wanted. Both give
 *    way to the event loop in long runs and look at the signal.
 * 3. A seek outside of the range ends the iteration until the next seek.
 * 4. What was read ahead and dropped by a seek does not count against the limit.
 */
import type { Bytes, Db, RangeBounds, RangeIterator, Selection } from '@lsm/engine';
import { type Format, type Shape, shapeOf } from './format.ts';
import { boundsOf, isOutside, type KeyRange } from './key-bounds.ts';
import { toLevelError } from './level-error.ts';
import { LsmSnapshot } from './lsm-snapshot.ts';

const AHEAD_ITEMS_MAX = 128;
const AHEAD_GROWTH = 4;

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
  #buffer: T[] = [];
  #index = 0;
  #ahead = 1;
  #remaining: number;

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
    this.#remaining = request.limit < 0 ? Number.POSITIVE_INFINITY : request.limit;
    try {
      this.#items = open({
        ...this.#bounds,
        reverse: request.reverse,
        snapshot: LsmSnapshot.unwrap(request.snapshot),
        signal: request.signal ?? undefined,
      });
    } catch (error) {
      this.#failure = toLevelError(error);
    }
  }

  /** The next item; `undefined` at the end. */
  next(): Promise<T | undefined> {
    if (this.#index < this.#buffer.length) return Promise.resolve(this.#buffer[this.#index++]);
    return this.#refill();
  }

  /** Up to `size` items; none at the end. */
  nextv(size: number): Promise<T[]> {
    if (this.#index === this.#buffer.length) return this.#read(size);
    const items = this.#buffer.slice(this.#index, this.#index + size);
    this.#index += items.length;
    return Promise.resolve(items);
  }

  /** Moves to the first key at or behind `target`; a no-op once closed. */
  seek(target: Bytes): void {
    const items = this.#items;
    if (items === null || items.closed) return;
    this.#remaining += this.#buffer.length - this.#index;
    this.#buffer = [];
    this.#index = 0;
    this.#ahead = 1;
    try {
      this.#outside = isOutside(target, this.#bounds);
      if (!this.#outside) items.seek(target);
    } catch (error) {
      throw toLevelError(error);
    }
  }

  /** Gives back what it holds. */
  close(): void {
    this.#buffer = [];
    this.#index = 0;
    this.#items?.close();
  }

  async #refill(): Promise<T | undefined> {
    const items = await this.#read(this.#ahead);
    this.#ahead = Math.min(this.#ahead * AHEAD_GROWTH, AHEAD_ITEMS_MAX);
    this.#buffer = items;
    this.#index = Math.min(1, items.length);
    return items[0];
  }

  async #read(size: number): Promise<T[]> {
    const count = Math.min(size, this.#remaining);
    if (this.#outside || count === 0) return [];
    if (this.#items === null) throw this.#failure;
    try {
      const items = await this.#items.nextBatch(count);
      this.#remaining -= items.length;
      return items.map(this.#shape);
    } catch (error) {
      throw toLevelError(error);
    }
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
  // The engine's pair is ours to keep: one array per entry, not two.
  const shape = (pair: [Uint8Array, Uint8Array]): Entry => {
    const entry = pair as Entry;
    entry[0] = key(pair[0]);
    entry[1] = value(pair[1]);
    return entry;
  };
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
