/**
 * Tables of the simulator: keys are numbers, values are numbers (of the write that made them), files are typed arrays.
 *
 * Key n has the four bytes of n, big-endian, at offset 4n of one memory that all tables share; so a cursor copies
 * nothing, and the real merge, drop rules and cuts run on simulated tables.
 */
import {
  type Cursor,
  compareBytes,
  Entry,
  EntryKind,
  type KeyBuffer,
  type RangeTombstone,
  type TableInfo,
} from '@lsm/core';
import type { TableSink } from './compact-entries.ts';
import { compareUpper, inclusiveUpper } from './key-range.ts';

/** The keys 0 … n − 1 as bytes. */
export class SimulatedKeys {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;

  /** @param count - how many keys there are */
  constructor(count: number) {
    const buffer = new ArrayBuffer(4 * count);
    const view = new DataView(buffer);
    for (let key = 0; key < count; key++) view.setUint32(4 * key, key);
    this.bytes = new Uint8Array(buffer);
    this.words = new Int32Array(buffer);
  }

  /** An own copy of a key's bytes. */
  copy(key: number): Uint8Array {
    return this.bytes.slice(4 * key, 4 * key + 4);
  }
}

/** Entries in internal order, as columns, and range tombstones apart. */
export interface SimulatedEntries {
  readonly keys: Uint32Array;
  readonly sequences: Float64Array;
  readonly kinds: Uint8Array;
  /** What was written; the number of the write, whatever becomes of its sequence number. */
  readonly values: Uint32Array;
  readonly rangeTombstones: readonly RangeTombstone[];
}

/** Joins tables of a run. */
export function joinEntries(parts: readonly SimulatedEntries[]): SimulatedEntries {
  if (parts.length === 1) return parts[0]!;
  let count = 0;
  for (const part of parts) count += part.keys.length;
  const keys = new Uint32Array(count);
  const sequences = new Float64Array(count);
  const kinds = new Uint8Array(count);
  const values = new Uint32Array(count);
  let at = 0;
  for (const part of parts) {
    keys.set(part.keys, at);
    sequences.set(part.sequences, at);
    kinds.set(part.kinds, at);
    values.set(part.values, at);
    at += part.keys.length;
  }
  const rangeTombstones = parts.flatMap((part) => part.rangeTombstones);
  return { keys, sequences, kinds, values, rangeTombstones };
}

/** A cursor over simulated entries. */
export class SimulatedCursor implements Cursor {
  valid = false;
  readonly entry: Entry = new Entry();
  readonly #entries: SimulatedEntries;
  #at = -1;

  constructor(entries: SimulatedEntries, keys: SimulatedKeys) {
    this.#entries = entries;
    this.entry.bytes = keys.bytes;
    this.entry.words = keys.words;
    this.entry.keyLength = 4;
  }

  seekToFirst(): void {
    this.#moveTo(0);
  }

  seekToLast(): void {
    this.#moveTo(this.#entries.keys.length - 1);
  }

  seek(key: KeyBuffer): void {
    const wanted = key.toBytes();
    let low = 0;
    let high = this.#entries.keys.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      this.#moveTo(middle);
      if (compareBytes(this.entry.copyKey(), wanted) < 0) low = middle + 1;
      else high = middle;
    }
    this.#moveTo(low);
  }

  next(): void {
    this.#moveTo(this.#at + 1);
  }

  prev(): void {
    this.#moveTo(this.#at - 1);
  }

  close(): void {
    this.valid = false;
  }

  #moveTo(index: number): void {
    this.#at = index;
    const { keys, sequences, kinds, values } = this.#entries;
    this.valid = index >= 0 && index < keys.length;
    if (!this.valid) return;
    const entry = this.entry;
    entry.keyOffset = 4 * keys[index]!;
    entry.kind = kinds[index]!;
    entry.sequence = sequences[index]!;
    // The value itself, where real entries say where their value is.
    entry.valueOffset = values[index]!;
  }
}

/** Collects the outputs of a merge. */
export class SimulatedSink implements TableSink {
  /** Tables cut so far. */
  readonly tables: SimulatedEntries[] = [];
  bytes = 0;
  readonly #entryBytes: number;
  readonly #tombstoneBytes: number;
  readonly #keepsSequences: boolean;
  #keys: number[] = [];
  #sequences: number[] = [];
  #kinds: number[] = [];
  #values: number[] = [];
  #rangeTombstones: RangeTombstone[] = [];

  /**
   * @param entryBytes - size of an entry, bytes
   * @param tombstoneBytes - size of a delete, bytes
   * @param keepsSequences - test only: false makes the oldest version of each key look as if written first of all
   */
  constructor(entryBytes: number, tombstoneBytes: number = entryBytes, keepsSequences = true) {
    this.#entryBytes = entryBytes;
    this.#tombstoneBytes = tombstoneBytes;
    this.#keepsSequences = keepsSequences;
  }

  open(): void {
    this.bytes = 0;
    this.#keys = [];
    this.#sequences = [];
    this.#kinds = [];
    this.#values = [];
    this.#rangeTombstones = [];
  }

  add(entry: Entry): void {
    this.#keys.push(entry.keyOffset >> 2);
    this.#sequences.push(entry.sequence);
    this.#kinds.push(entry.kind);
    this.#values.push(entry.valueOffset);
    this.bytes += entry.kind === EntryKind.put ? this.#entryBytes : this.#tombstoneBytes;
  }

  addRangeTombstone(tombstone: RangeTombstone): void {
    this.#rangeTombstones.push(tombstone);
    this.bytes += this.#tombstoneBytes;
  }

  cut(): void {
    if (!this.#keepsSequences) this.#forgetSequences();
    this.tables.push({
      keys: Uint32Array.from(this.#keys),
      sequences: Float64Array.from(this.#sequences),
      kinds: Uint8Array.from(this.#kinds),
      values: Uint32Array.from(this.#values),
      rangeTombstones: this.#rangeTombstones,
    });
  }

  #forgetSequences(): void {
    for (let i = 0; i < this.#keys.length; i++) {
      if (this.#keys[i] !== this.#keys[i + 1]) this.#sequences[i] = 0;
    }
  }
}

/** When the contents of a table were written; engine clock, ms. */
export interface TableAges {
  readonly oldestWriteAt: number;
  readonly newestWriteAt: number;
  /** Counts only if the table has a tombstone. */
  readonly oldestTombstoneAt: number;
}

/** Ages of what a merge makes of tables: as the engine, which knows no ages of single entries. */
export function mergedAges(tables: readonly TableInfo[]): TableAges {
  let oldestWriteAt = Number.POSITIVE_INFINITY;
  let newestWriteAt = Number.NEGATIVE_INFINITY;
  let oldestTombstoneAt = Number.POSITIVE_INFINITY;
  for (const table of tables) {
    oldestWriteAt = Math.min(oldestWriteAt, table.oldestWriteAt);
    newestWriteAt = Math.max(newestWriteAt, table.newestWriteAt);
    oldestTombstoneAt = Math.min(oldestTombstoneAt, table.oldestTombstoneAt ?? oldestTombstoneAt);
  }
  return { oldestWriteAt, newestWriteAt, oldestTombstoneAt };
}

/** Bytes of one entry, by kind. */
export interface SimulatedSizes {
  readonly entryBytes: number;
  readonly tombstoneBytes: number;
}

/** The metadata of a simulated table; frozen. */
export function describeTable(
  id: number,
  entries: SimulatedEntries,
  keys: SimulatedKeys,
  { entryBytes, tombstoneBytes }: SimulatedSizes,
  now: number,
  ages: TableAges,
): TableInfo {
  const { rangeTombstones } = entries;
  const count = entries.keys.length;
  let minKey = count > 0 ? keys.copy(entries.keys[0]!) : rangeTombstones[0]!.lower;
  let maxKey: Uint8Array | null = count > 0 ? keys.copy(entries.keys[count - 1]!) : minKey;
  let minSequence = Number.POSITIVE_INFINITY;
  let maxSequence = 0;
  let pointTombstones = 0;
  for (let i = 0; i < count; i++) {
    if (entries.kinds[i] === EntryKind.delete) pointTombstones++;
    minSequence = Math.min(minSequence, entries.sequences[i]!);
    maxSequence = Math.max(maxSequence, entries.sequences[i]!);
  }
  for (const { lower, upper, sequence } of rangeTombstones) {
    if (compareBytes(lower, minKey) < 0) minKey = lower;
    const last = upper === null ? null : inclusiveUpper(upper);
    if (compareUpper(last, maxKey) > 0) maxKey = last;
    minSequence = Math.min(minSequence, sequence);
    maxSequence = Math.max(maxSequence, sequence);
  }
  const tombstones = pointTombstones + rangeTombstones.length;
  return Object.freeze({
    id,
    bytes: (count - pointTombstones) * entryBytes + tombstones * tombstoneBytes,
    entries: count,
    minKey,
    maxKey,
    minSequence,
    maxSequence,
    pointTombstones,
    rangeTombstones: rangeTombstones.length,
    reclaimableBytes: tombstones * entryBytes,
    oldestTombstoneAt: tombstones === 0 ? null : ages.oldestTombstoneAt,
    oldestWriteAt: ages.oldestWriteAt,
    newestWriteAt: ages.newestWriteAt,
    createdAt: now,
    filterBitsPerKey: 10,
    busyBy: null,
  });
}
