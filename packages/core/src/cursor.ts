/**
 * The seam between whatever holds sorted entries (memtable, table, merge of both) and whatever reads them in order.
 */
import type { Entry } from './entry.ts';
import type { KeyBuffer } from './key-buffer.ts';

/**
 * A position in a sorted sequence of entries, all versions of a key newest first.
 *
 * A fresh cursor stands nowhere (`valid` is false) until one of the seeks. Range deletes are not part of the
 * sequence: every source offers them apart, as {@link RangeTombstones}. Moving never allocates.
 */
export interface Cursor {
  /** Whether the cursor stands on an entry. */
  readonly valid: boolean;
  /** The current entry; the same object for the life of the cursor, its fields are borrowed until the next move. */
  readonly entry: Entry;
  /** Moves to the first entry. */
  seekToFirst(): void;
  /** Moves to the last entry. */
  seekToLast(): void;
  /** Moves to the first entry whose key is at or above `key` (its newest version); O(log n). */
  seek(key: KeyBuffer): void;
  /** Moves to the next entry; only while valid. */
  next(): void;
  /** Moves to the entry before; only while valid. */
  prev(): void;
  /** Gives back what the cursor holds (cache pins, buffers); idempotent. */
  close(): void;
}
