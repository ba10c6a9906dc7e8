/**
 * Snapshot stripes: the pieces into which live snapshots cut the line of sequence numbers (drop rule D1).
 *
 * A reader at snapshot s sees, of each key, the newest version at or below s. Two versions v < w of a key are told
 * apart by a snapshot s only if v ≤ s < w; without such an s nobody can see v once w is there. Numbering the stripes
 * turns that question into one comparison.
 */
import { SEQUENCE_MAX } from '@lsm/core';

/** Live snapshots as stripes. */
export class SnapshotStripes {
  readonly #snapshots: Float64Array;

  /** @param snapshots - sequence numbers of live snapshots in any order, read when the task starts */
  constructor(snapshots: readonly number[]) {
    this.#snapshots = Float64Array.from(snapshots).sort();
  }

  /** Number of the stripe of a sequence number: how many snapshots are below it. */
  stripeOf(sequence: number): number {
    const snapshots = this.#snapshots;
    let low = 0;
    let high = snapshots.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (snapshots[middle]! < sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The largest sequence number of the stripe that `sequence` is in. */
  lastOfStripe(sequence: number): number {
    const next = this.stripeOf(sequence);
    return next < this.#snapshots.length ? this.#snapshots[next]! : SEQUENCE_MAX;
  }

  /** Whether some snapshot is below `sequence`, so that it may see what a tombstone of that number hides. */
  hasBelow(sequence: number): boolean {
    return this.#snapshots.length > 0 && this.#snapshots[0]! < sequence;
  }
}
