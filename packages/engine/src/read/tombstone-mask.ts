/**
 * The range tombstones of all sources of a scan, as one list of fragments with the newest visible sequence number each.
 */
import { compareBytes, type Entry, type RangeTombstone, RangeTombstones } from '@lsm/core';

/** Answers whether an entry is covered by a range delete that the reader sees. */
export class TombstoneMask {
  readonly #lowers: Uint8Array[] = [];
  readonly #uppers: (Uint8Array | null)[] = [];
  readonly #sequences: number[] = [];

  /**
   * @param tombstones - of all sources
   * @param sequence - the reader's
   */
  constructor(tombstones: Iterable<RangeTombstone>, sequence: number) {
    const visible = new RangeTombstones();
    for (const tombstone of tombstones) {
      if (tombstone.sequence <= sequence) visible.add(tombstone);
    }
    for (const fragment of visible.fragments()) {
      this.#lowers.push(fragment.lower);
      this.#uppers.push(fragment.upper);
      this.#sequences.push(fragment.sequences[0]!);
    }
  }

  /** Whether there is nothing to ask. */
  get empty(): boolean {
    return this.#lowers.length === 0;
  }

  /** Whether a range delete newer than the entry covers its key. */
  covers(entry: Entry): boolean {
    const key = entry.bytes.subarray(entry.keyOffset, entry.keyOffset + entry.keyLength);
    let low = 0;
    let high = this.#lowers.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compareBytes(this.#lowers[middle]!, key) <= 0) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return false;
    const upper = this.#uppers[low - 1]!;
    if (upper !== null && compareBytes(key, upper) >= 0) return false;
    return this.#sequences[low - 1]! > entry.sequence;
  }
}
