/** The three kinds of iterators that abstract-level knows, each a shell around a range reader. */
import type { Bytes } from '@lsm/engine';
import {
  AbstractIterator,
  type AbstractIteratorOptions,
  AbstractKeyIterator,
  type AbstractKeyIteratorOptions,
  AbstractValueIterator,
  type AbstractValueIteratorOptions,
} from 'abstract-level';
import type { Entry, EntryReader, RangeReader, RangeRequest } from './range-reader.ts';

type BytesReader = RangeReader<Uint8Array, Bytes>;

/** Yields entries; what `db.iterator()` returns. */
export class LsmEntryIterator<TDatabase, K, V> extends AbstractIterator<TDatabase, K, V> {
  readonly #reader: EntryReader;

  /** Use `db.iterator()`. */
  constructor(db: TDatabase, request: RangeRequest, reader: EntryReader) {
    super(db, request as unknown as AbstractIteratorOptions<K, V>);
    this.#reader = reader;
  }

  /** Called by abstract-level. */
  _next(): Promise<Entry | undefined> {
    return this.#reader.next();
  }

  /** Called by abstract-level. */
  _nextv(size: number): Promise<Entry[]> {
    return this.#reader.nextv(size);
  }

  /** Called by abstract-level. */
  _seek(target: Bytes): void {
    this.#reader.seek(target);
  }

  /** Called by abstract-level. */
  async _close(): Promise<void> {
    this.#reader.close();
  }
}

/** Yields keys; what `db.keys()` returns. */
export class LsmKeyIterator<TDatabase, K> extends AbstractKeyIterator<TDatabase, K> {
  readonly #reader: BytesReader;

  /** Use `db.keys()`. */
  constructor(db: TDatabase, request: RangeRequest, reader: BytesReader) {
    super(db, request as unknown as AbstractKeyIteratorOptions<K>);
    this.#reader = reader;
  }

  /** Called by abstract-level. */
  _next(): Promise<Bytes | undefined> {
    return this.#reader.next();
  }

  /** Called by abstract-level. */
  _nextv(size: number): Promise<Bytes[]> {
    return this.#reader.nextv(size);
  }

  /** Called by abstract-level. */
  _seek(target: Bytes): void {
    this.#reader.seek(target);
  }

  /** Called by abstract-level. */
  async _close(): Promise<void> {
    this.#reader.close();
  }
}

/** Yields values; what `db.values()` returns. */
export class LsmValueIterator<TDatabase, K, V> extends AbstractValueIterator<TDatabase, K, V> {
  readonly #reader: BytesReader;

  /** Use `db.values()`. */
  constructor(db: TDatabase, request: RangeRequest, reader: BytesReader) {
    super(db, request as unknown as AbstractValueIteratorOptions<K, V>);
    this.#reader = reader;
  }

  /** Called by abstract-level. */
  _next(): Promise<Bytes | undefined> {
    return this.#reader.next();
  }

  /** Called by abstract-level. */
  _nextv(size: number): Promise<Bytes[]> {
    return this.#reader.nextv(size);
  }

  /** Called by abstract-level. */
  _seek(target: Bytes): void {
    this.#reader.seek(target);
  }

  /** Called by abstract-level. */
  async _close(): Promise<void> {
    this.#reader.close();
  }
}
