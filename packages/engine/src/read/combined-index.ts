/**
 * One hash table over the newest runs, which says which of them needn't be asked for a key.
 *
 *     word   fingerprint (24 bits, from the high lane) | slot (8 bits); 0: empty
 *     home   ⌊low lane · homes / 2^32⌋; a collision moves on to the next word, the end wraps around
 *
 * 1. Each run that is taken in gets the next *slot* number. A word holds the highest slot in which its key was met; so
 *    a run of a higher slot does not hold the key (I1). Keys that share home and fingerprint share a word: the answer
 *    is too careful, never wrong.
 * 2. What is known of a run is known of its tables, which never change. A run of a later version of the tree counts as
 *    taken in if all of its tables were; its slot is the lowest of theirs. So I1 holds through merges, moves and whatever
 *    order the runs are in, and an entry of a run that is gone does no harm.
 * 3. Runs are best taken in oldest first, newest last, so that the highest slot is the newest version's run.
 *
 * An idea of the design notes: each more run costs a lookup about 45 ns, this table once 20 to 40. It is derived from
 * the tables, stands in memory only, and everything works without it.
 */
import { assert } from '@lsm/core';
import type { RunView } from '../tree/run-view.ts';
import type { TableFile } from '../tree/table-file.ts';

/** Answer of {@link CombinedIndex.newest} for a key of which nothing is known. */
export const SLOT_UNKNOWN = 256;
/** Most runs that one table takes in. */
const SLOTS_MAX = 255;
const SLOT_BITS = 8;
/** Words for each entry: walks of two words on average. */
const HOMES_PER_ENTRY = 1.6;
const TWO_32 = 0x1_0000_0000;

/** Bytes of a table with room for a number of entries. */
export function combinedIndexBytes(entries: number): number {
  return Math.ceil(entries * HOMES_PER_ENTRY + 1) * 4;
}

/** Entries for which a table of some bytes has room. */
export function combinedIndexEntries(bytes: number): number {
  return Math.max(0, Math.floor((bytes / 4 - 2) / HOMES_PER_ENTRY));
}

/** Which of the newest runs may hold a key. */
export class CombinedIndex {
  readonly #words: Int32Array;
  readonly #scale: number;
  readonly #capacity: number;
  /** Slot of each table that was taken in wholly, by its number. */
  readonly #slots = new Map<number, number>();
  #reserved = 0;
  #slot = 0;
  /** Another object whenever {@link slotOf} may answer otherwise. */
  #stamp: object = {};

  /** @param entries - that it has room for */
  constructor(entries: number) {
    this.#capacity = entries;
    this.#words = new Int32Array(combinedIndexBytes(entries) >> 2);
    this.#scale = this.#words.length / TWO_32;
  }

  /** Bytes of memory. */
  get memoryBytes(): number {
    return this.#words.byteLength;
  }

  /** Whether there is room for some more runs and all of their entries. */
  hasRoom(runs: number, entries: number): boolean {
    return this.#reserved + entries <= this.#capacity && this.#slot + runs <= SLOTS_MAX;
  }

  /** Begins to take a run in, for which there has to be room: the next keys are its. */
  begin(entries: number): void {
    assert(this.hasRoom(1, entries), 'A combined index takes in only what it has room for.');
    this.#reserved += entries;
    this.#slot++;
  }

  /** Notes a key of the run that is being taken in. */
  add(hashLow: number, hashHigh: number): void {
    const words = this.#words;
    const last = words.length - 1;
    const slot = this.#slot;
    const wanted = hashHigh >>> SLOT_BITS;
    let at = ((hashLow >>> 0) * this.#scale) | 0;
    // Ends: there is a word more than reserved entries.
    for (;;) {
      const word = words[at]!;
      if (word === 0 || word >>> SLOT_BITS === wanted) {
        words[at] = (wanted << SLOT_BITS) | slot;
        return;
      }
      at = at === last ? 0 : at + 1;
    }
  }

  /** The run whose keys were added is taken in wholly. */
  finish(files: readonly TableFile[]): void {
    for (const file of files) this.#slots.set(file.metadata.id, this.#slot);
    this.#stamp = {};
  }

  /** The highest slot in which a key was met, 0 if in none. Runs of a higher {@link slotOf} do not hold it. */
  newest(hashLow: number, hashHigh: number): number {
    const words = this.#words;
    const last = words.length - 1;
    const wanted = hashHigh >>> SLOT_BITS;
    let at = ((hashLow >>> 0) * this.#scale) | 0;
    for (;;) {
      const word = words[at]!;
      if (word === 0) return 0;
      if (word >>> SLOT_BITS === wanted) return word & SLOTS_MAX;
      at = at === last ? 0 : at + 1;
    }
  }

  /** Reads the word at which {@link newest} begins, so that several keys wait for memory together. */
  touch(hashLow: number): number {
    return this.#words[((hashLow >>> 0) * this.#scale) | 0]!;
  }

  /** The slot of a run; 0 if it was not taken in, or has range tombstones and so has to be asked for every key. */
  slotOf(run: RunView): number {
    if (run.combinedStamp === this.#stamp) return run.combinedSlot;
    let slot = run.hasRangeTombstones ? 0 : SLOTS_MAX;
    for (const file of run.files) slot = Math.min(slot, this.#slots.get(file.metadata.id) ?? 0);
    run.combinedStamp = this.#stamp;
    run.combinedSlot = slot;
    return slot;
  }
}
