/** Explicit snapshots: pinned sequence numbers that merges respect until they are closed. */
import { LsmError, SEQUENCE_MAX } from '@lsm/core';

/** The live snapshots of one database, in no order. */
export class SnapshotList {
  readonly #live = new Set<Snapshot>();
  readonly #pinned = new Map<number, number>();

  /** How many sequence numbers are pinned. */
  get count(): number {
    return this.#live.size;
  }

  /** Opens a snapshot at a sequence number. */
  open(sequence: number): Snapshot {
    const snapshot = new Snapshot(this, sequence);
    this.#live.add(snapshot);
    this.pin(sequence);
    return snapshot;
  }

  /** Keeps the versions that a reader at `sequence` sees; pair with {@link unpin}. */
  pin(sequence: number): void {
    this.#pinned.set(sequence, (this.#pinned.get(sequence) ?? 0) + 1);
  }

  /** Undoes one {@link pin}. */
  unpin(sequence: number): void {
    const count = this.#pinned.get(sequence) ?? 0;
    if (count > 1) this.#pinned.set(sequence, count - 1);
    else this.#pinned.delete(sequence);
  }

  /** Pinned sequence numbers, ascending, without repetition. */
  sequences(): number[] {
    return [...this.#pinned.keys()].toSorted((a, b) => a - b);
  }

  /** The smallest pinned one, or SEQUENCE_MAX. */
  oldest(): number {
    let oldest = SEQUENCE_MAX;
    for (const sequence of this.#pinned.keys()) if (sequence < oldest) oldest = sequence;
    return oldest;
  }

  /** Forgets a snapshot. */
  forget(snapshot: Snapshot): void {
    if (this.#live.delete(snapshot)) this.unpin(snapshot.sequence);
  }

  /** Closes all; at the end of the database. */
  closeAll(): void {
    for (const snapshot of [...this.#live]) snapshot.close();
  }

  /** Whether a snapshot belongs to this list. */
  owns(snapshot: Snapshot): boolean {
    return snapshot.list === this;
  }
}

/**
 * The state of the database at one moment; pass it to reads as `{snapshot}`. Holding one keeps overwritten data on
 * disk; close it (or use `using`).
 */
export class Snapshot {
  /** The last write that it sees. */
  readonly sequence: number;
  /** The list that it belongs to. */
  readonly list: SnapshotList;
  #closed = false;

  /** Use `db.snapshot()`. */
  constructor(list: SnapshotList, sequence: number) {
    this.list = list;
    this.sequence = sequence;
  }

  /** Whether it is closed. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Throws LSM_SNAPSHOT_CLOSED if closed. */
  check(): void {
    if (this.#closed) {
      throw new LsmError('LSM_SNAPSHOT_CLOSED', 'The snapshot is closed; open a new one.');
    }
  }

  /** Gives it up; idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.list.forget(this);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
