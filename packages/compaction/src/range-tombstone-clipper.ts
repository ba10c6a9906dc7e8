/**
 * Hands out the range tombstones of a merge table by table, clipped at the cuts.
 *
 * Neighbouring fragments of one sequence number that stay within a table are joined again: otherwise each merge
 * would leave more, smaller pieces than it found.
 */
import { compareBytes, type RangeTombstone, type RangeTombstoneFragment } from '@lsm/core';

/** A queue of fragments in key order. */
export class RangeTombstoneClipper {
  readonly #fragments: readonly RangeTombstoneFragment[];
  #index = 0;
  /** Where the next table begins; `null` before the first cut. */
  #lower: Uint8Array | null = null;

  /** @param fragments - disjoint, in key order; borrowed */
  constructor(fragments: readonly RangeTombstoneFragment[]) {
    this.#fragments = fragments;
  }

  /** Whether there was nothing to hand out from the start, or nothing is left. */
  get isEmpty(): boolean {
    return this.#index === this.#fragments.length;
  }

  /** Whether something of what is left lies below a key. */
  startsBelow(key: Uint8Array): boolean {
    const fragment = this.#fragments[this.#index];
    if (fragment === undefined) return false;
    // Where it was cut, the rest of it starts there.
    const lower = this.#lower ?? fragment.lower;
    const start = compareBytes(fragment.lower, lower) < 0 ? lower : fragment.lower;
    return compareBytes(start, key) < 0;
  }

  /** The pieces from the last cut up to `upper`, exclusive (`null`: all that are left), which is the next cut. */
  takeBelow(upper: Uint8Array | null): readonly RangeTombstone[] {
    const taken: RangeTombstone[] = [];
    const open = new Map<number, number>();
    while (this.#index < this.#fragments.length) {
      const fragment = this.#fragments[this.#index]!;
      const lower =
        this.#lower !== null && compareBytes(fragment.lower, this.#lower) < 0
          ? this.#lower
          : fragment.lower;
      if (upper !== null && compareBytes(lower, upper) >= 0) break;
      const reaches =
        upper !== null && (fragment.upper === null || compareBytes(fragment.upper, upper) > 0);
      const end = reaches ? upper : fragment.upper;
      for (const sequence of fragment.sequences) join(taken, open, { lower, upper: end, sequence });
      if (reaches) break;
      this.#index++;
    }
    this.#lower = upper;
    return taken;
  }
}

/** Appends a piece, or lengthens the piece of the same number that ends where this one begins. */
function join(taken: RangeTombstone[], open: Map<number, number>, piece: RangeTombstone): void {
  const { sequence, lower, upper } = piece;
  const at = open.get(sequence);
  const before = at === undefined ? undefined : taken[at]!;
  if (before?.upper != null && compareBytes(before.upper, lower) === 0) {
    taken[at!] = { lower: before.lower, upper, sequence };
    return;
  }
  open.set(sequence, taken.length);
  taken.push(piece);
}
