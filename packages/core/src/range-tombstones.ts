/**
 * Range deletes of one source, kept apart from its point entries, and answered in O(log n).
 *
 * 1. Range deletes are cut at each other's borders into *fragments*: disjoint, sorted key ranges.
 * 2. A fragment keeps the sequence numbers of all range deletes that cover it, newest first.
 * 3. A lookup finds the fragment by binary search, then the newest sequence at or below the reader's.
 *
 * The idea of fragmenting is RocksDB's (FragmentedRangeTombstoneList, 2018). New range deletes wait in a short tail
 * that lookups scan linearly, so that alternating writes and reads do not rebuild the fragments each time.
 */
import { compareBytes } from './bytes.ts';

/** One range delete: keys from `lower`, inclusive, up to `upper`, exclusive (`null`: to the end of all keys). */
export interface RangeTombstone {
  readonly lower: Uint8Array;
  readonly upper: Uint8Array | null;
  readonly sequence: number;
}

/** A piece of key space and the range deletes over it. */
export interface RangeTombstoneFragment {
  readonly lower: Uint8Array;
  readonly upper: Uint8Array | null;
  /** Sequence numbers, newest first, at least one. */
  readonly sequences: readonly number[];
}

/** Most range deletes that wait unfragmented. */
const TAIL_MAX = 32;

/** A growing set of range deletes. */
export class RangeTombstones {
  readonly #all: RangeTombstone[] = [];
  #fragments: readonly RangeTombstoneFragment[] = [];
  #fragmented = 0;

  /** @param tombstones - the first members, borrowed */
  constructor(tombstones: Iterable<RangeTombstone> = []) {
    this.#all.push(...tombstones);
  }

  /** How many range deletes there are. */
  get count(): number {
    return this.#all.length;
  }

  /** All members in the order they were added. */
  get all(): readonly RangeTombstone[] {
    return this.#all;
  }

  /** Adds one; an empty range (`lower` ≥ `upper`) is ignored. */
  add(tombstone: RangeTombstone): void {
    if (tombstone.upper !== null && compareBytes(tombstone.lower, tombstone.upper) >= 0) return;
    this.#all.push(tombstone);
  }

  /** Takes out the member of a sequence number (its write failed); nothing happens if there is none. */
  remove(sequence: number): void {
    const index = this.#all.findIndex((tombstone) => tombstone.sequence === sequence);
    if (index < 0) return;
    this.#all.splice(index, 1);
    this.#fragments = [];
    this.#fragmented = 0;
  }

  /** All members as disjoint fragments in key order. */
  fragments(): readonly RangeTombstoneFragment[] {
    if (this.#fragmented !== this.#all.length) {
      this.#fragments = fragmentRangeTombstones(this.#all);
      this.#fragmented = this.#all.length;
    }
    return this.#fragments;
  }

  /**
   * The newest range delete that covers a key, as a reader sees it.
   *
   * @param key - the user key
   * @param sequenceMax - the reader's sequence number
   * @returns its sequence number, or −1 if none covers the key
   */
  maxCoveringSequence(key: Uint8Array, sequenceMax: number): number {
    const all = this.#all;
    if (all.length === 0) return -1;
    if (all.length - this.#fragmented > TAIL_MAX) this.fragments();
    let newest = findInFragments(this.#fragments, key, sequenceMax);
    for (let i = this.#fragmented; i < all.length; i++) {
      const tombstone = all[i]!;
      if (
        tombstone.sequence > newest &&
        tombstone.sequence <= sequenceMax &&
        compareBytes(tombstone.lower, key) <= 0 &&
        (tombstone.upper === null || compareBytes(key, tombstone.upper) < 0)
      ) {
        newest = tombstone.sequence;
      }
    }
    return newest;
  }
}

function findInFragments(
  fragments: readonly RangeTombstoneFragment[],
  key: Uint8Array,
  sequenceMax: number,
): number {
  const index = fragmentAt(fragments, key);
  return index < 0 ? -1 : newestAtOrBelow(fragments[index]!.sequences, sequenceMax);
}

/** Index of the fragment that a key is in; −1 if it is in none. O(log n). */
export function fragmentAt(fragments: readonly RangeTombstoneFragment[], key: Uint8Array): number {
  let low = 0;
  let high = fragments.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareBytes(fragments[middle]!.lower, key) <= 0) low = middle + 1;
    else high = middle;
  }
  if (low === 0) return -1;
  const { upper } = fragments[low - 1]!;
  return upper !== null && compareBytes(key, upper) >= 0 ? -1 : low - 1;
}

/** The first of `sequences` (newest first) that is at or below `sequenceMax`, or −1. */
function newestAtOrBelow(sequences: readonly number[], sequenceMax: number): number {
  let low = 0;
  let high = sequences.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sequences[middle]! > sequenceMax) low = middle + 1;
    else high = middle;
  }
  return low < sequences.length ? sequences[low]! : -1;
}

/**
 * Cuts overlapping range deletes into disjoint fragments in key order; empty ranges vanish, equal neighbours are not
 * joined (their borders are real). O(n log n + fragments × overlap).
 */
export function fragmentRangeTombstones(
  tombstones: readonly RangeTombstone[],
): readonly RangeTombstoneFragment[] {
  const sorted = tombstones
    .filter((t) => t.upper === null || compareBytes(t.lower, t.upper) < 0)
    .toSorted((a, b) => compareBytes(a.lower, b.lower));
  const borders: Uint8Array[] = [];
  for (const t of sorted) {
    borders.push(t.lower);
    if (t.upper !== null) borders.push(t.upper);
  }
  borders.sort(compareBytes);
  const fragments: RangeTombstoneFragment[] = [];
  let active: RangeTombstone[] = [];
  let nextToOpen = 0;
  for (let i = 0; i < borders.length; i++) {
    const lower = borders[i]!;
    const upper = borders[i + 1] ?? null;
    if (upper !== null && compareBytes(lower, upper) === 0) continue;
    active = active.filter((t) => t.upper === null || compareBytes(t.upper, lower) > 0);
    while (nextToOpen < sorted.length && compareBytes(sorted[nextToOpen]!.lower, lower) <= 0) {
      active.push(sorted[nextToOpen++]!);
    }
    if (active.length === 0) continue;
    const sequences = active.map((t) => t.sequence).toSorted((a, b) => b - a);
    fragments.push({ lower, upper, sequences });
  }
  return fragments;
}
