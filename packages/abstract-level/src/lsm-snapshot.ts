/** Explicit snapshots: abstract-level's life cycle around a pinned sequence number of the engine. */
import type { Snapshot } from '@lsm/engine';
import { AbstractSnapshot } from 'abstract-level';
import { LevelError } from './level-error.ts';

/** What abstract-level hands to `_snapshot`: the database (or sublevel) that closes it. */
export interface SnapshotRequest {
  readonly owner: unknown;
}

// The class is typed without the constructor that subclasses call.
const Base = AbstractSnapshot as unknown as new (request: SnapshotRequest) => AbstractSnapshot;

/** What `db.snapshot()` returns; pass it to reads as `{snapshot}` and close it when done. */
export class LsmSnapshot extends Base {
  readonly #snapshot: Snapshot;

  /** Use `db.snapshot()`. */
  constructor(request: SnapshotRequest, snapshot: Snapshot) {
    super(request);
    this.#snapshot = snapshot;
  }

  /** Called by abstract-level once nothing reads from it any more. */
  async _close(): Promise<void> {
    this.#snapshot.close();
  }

  /**
   * The engine's snapshot behind the option of a read; `undefined` if none was given.
   *
   * @throws LEVEL_INVALID_ARGUMENT for a snapshot of another kind of database
   */
  static unwrap(snapshot: unknown): Snapshot | undefined {
    if (snapshot === undefined || snapshot === null) return undefined;
    if (snapshot instanceof LsmSnapshot) return snapshot.#snapshot;
    throw new LevelError(
      'LEVEL_INVALID_ARGUMENT',
      'The snapshot is not one of this kind of database; use db.snapshot().',
    );
  }
}
