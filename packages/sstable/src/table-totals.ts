/** Sums over the entries and range tombstones of a table, to compare with what its metadata says. */
import { compareBytes, type Entry, EntryKind, type RangeTombstone } from '@lsm/core';
import { inclusiveUpper } from './range-tombstone-block.ts';
import type { TableProperties } from './table-properties.ts';

/** Running totals. */
export class TableTotals {
  #entries = 0;
  #keys = 0;
  #keyBytes = 0;
  #rawBytes = 0;
  #tombstones = 0;
  #minSequence: number = Number.POSITIVE_INFINITY;
  #maxSequence: number = Number.NEGATIVE_INFINITY;
  #minKey: Uint8Array | null = null;
  /** `undefined` before anything was added, `null` without upper end. */
  #maxKey: Uint8Array | null | undefined = undefined;

  /** Adds a point entry. */
  addEntry(entry: Entry, isNewKey: boolean): void {
    this.#entries++;
    if (isNewKey) this.#keys++;
    this.#keyBytes += entry.keyLength;
    this.#rawBytes += entry.keyLength + entry.valueLength;
    if (entry.kind === EntryKind.delete) this.#tombstones++;
    this.#addSequence(entry.sequence);
  }

  /** Adds the key range of all point entries. */
  addKeys(minKey: Uint8Array, maxKey: Uint8Array): void {
    this.#widen(minKey, maxKey);
  }

  /** Adds a range delete. */
  addRangeTombstone(tombstone: RangeTombstone): void {
    const { lower, upper, sequence } = tombstone;
    this.#widen(lower, upper === null ? null : inclusiveUpper(upper));
    this.#addSequence(sequence);
  }

  /** The first property that differs from these totals, `null` if none does. */
  firstDifference(properties: TableProperties): string | null {
    const numbers: readonly (readonly [string, number, number])[] = [
      ['entries', properties.entries, this.#entries],
      ['keys', properties.keys, this.#keys],
      ['keyBytes', properties.keyBytes, this.#keyBytes],
      ['rawBytes', properties.rawBytes, this.#rawBytes],
      ['pointTombstones', properties.pointTombstones, this.#tombstones],
      ['minSequence', properties.minSequence, this.#minSequence],
      ['maxSequence', properties.maxSequence, this.#maxSequence],
    ];
    const different = numbers.find(([, stated, found]) => stated !== found);
    if (different !== undefined) return different[0];
    if (!isSameKey(properties.minKey, this.#minKey)) return 'minKey';
    return isSameKey(properties.maxKey, this.#maxKey ?? null) ? null : 'maxKey';
  }

  #addSequence(sequence: number): void {
    if (sequence < this.#minSequence) this.#minSequence = sequence;
    if (sequence > this.#maxSequence) this.#maxSequence = sequence;
  }

  #widen(lower: Uint8Array, upper: Uint8Array | null): void {
    if (this.#minKey === null || compareBytes(lower, this.#minKey) < 0) this.#minKey = lower;
    const maxKey = this.#maxKey;
    if (maxKey === null) return;
    if (maxKey === undefined || upper === null || compareBytes(upper, maxKey) > 0) {
      this.#maxKey = upper;
    }
  }
}

function isSameKey(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a === null || b === null ? a === b : compareBytes(a, b) === 0;
}
