/** Compaction of an open database in the hands of its user: what works, and when it rests. */
import type { CompactionStrategy } from '@lsm/core';
import type { Core } from './database-core.ts';

/** Reached as `db.compaction`. */
export class CompactionControl {
  readonly #core: Core;

  /** For the engine; users have `db.compaction`. */
  constructor(core: Core) {
    this.#core = core;
  }

  /** The strategy in use; `safeguard` after a quarantine. */
  get strategy(): CompactionStrategy {
    return this.#core.maintenance.strategy;
  }

  /** Whether {@link pause} is in effect. */
  get paused(): boolean {
    return this.#core.maintenance.compactor.paused;
  }

  /**
   * Lets compaction rest: running tasks end, none is started, until {@link resume} or the end of this process. Flushes
   * go on, so level 0 grows, reads get slower and space is not given back; writers are not held back for it.
   * `compact()` still works. For a time in which the disk or the processor belongs to something else.
   *
   * @returns settles when no task is running
   * @throws LSM_CLOSED, LSM_READ_ONLY
   */
  async pause(): Promise<void> {
    this.#core.checkOpen();
    this.#core.checkWritable();
    await this.#core.maintenance.compactor.pause();
  }

  /**
   * Lets compaction work again.
   *
   * @throws LSM_CLOSED, LSM_READ_ONLY
   */
  resume(): void {
    this.#core.checkOpen();
    this.#core.checkWritable();
    this.#core.maintenance.compactor.resume();
  }
}
