/** The seam of the sorted write buffer: records that already stand in an arena are linked and found here. */
import type { Cursor } from './cursor.ts';
import type { Entry } from './entry.ts';
import type { KeyBuffer } from './key-buffer.ts';
import type { RangeTombstones } from './range-tombstones.ts';

/** Index of the records of one arena. One writer; sealed, it may be read from another thread. */
export interface Memtable {
  /** Point records added so far. */
  readonly count: number;
  /** Range deletes, which stand apart from the point records. */
  readonly rangeTombstones: RangeTombstones;
  /**
   * Takes the record at `recordOffset` of the arena (see record.ts), at once visible to every reader, linked then or
   * before the next one looks. A range delete goes to {@link rangeTombstones}. The caller made sure of room by
   * {@link indexBytesMax}.
   *
   * @param sequence - greater than that of every record linked before
   */
  add(recordOffset: number, sequence: number): void;
  /** Marks the record of `sequence` for `key` as void (its write failed): readers, cursors and flushes skip it. */
  markVoid(key: KeyBuffer, sequence: number): void;
  /**
   * Finds the newest version of a key at or below a sequence number, tombstones included, void records skipped.
   *
   * @param entry - filled if found; borrowed until the arena is released
   * @returns whether there is one
   */
  get(key: KeyBuffer, sequenceMax: number, entry: Entry): boolean;
  /** A cursor over all point records; it stays correct while records are added. */
  cursor(): Cursor;
  /** Upper bound of index bytes that linking `records` more records can take. */
  indexBytesMax(records: number): number;
}
