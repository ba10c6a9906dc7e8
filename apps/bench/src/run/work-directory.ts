/** Where the temporary databases of a call stand, and that they go away again. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UsageError } from '../usage-error.ts';

/** A directory of its own below the system's temporary one or a given one. */
export class WorkDirectory {
  readonly path: string;
  readonly #keep: boolean;
  readonly #onExit = (): void => this.remove();
  #count = 0;

  /**
   * @param parent - existing or new directory; default the system's temporary one
   * @param keep - leave everything behind
   * @throws UsageError if it can't be made
   */
  constructor(parent: string | undefined, keep: boolean) {
    this.#keep = keep;
    try {
      if (parent !== undefined) mkdirSync(parent, { recursive: true });
      this.path = mkdtempSync(join(parent ?? tmpdir(), 'lsm-bench-'));
    } catch (error) {
      throw new UsageError(`No directory for the databases: ${(error as Error).message}`);
    }
    // Also after an error or an interrupt.
    process.once('exit', this.#onExit);
  }

  /** A path for one more database; nothing is there yet. */
  next(): string {
    return join(this.path, String(++this.#count));
  }

  /** Removes one database, unless they are kept. */
  drop(path: string): void {
    if (!this.#keep) rmSync(path, { recursive: true, force: true });
  }

  /** Removes everything, unless it is kept. */
  remove(): void {
    process.removeListener('exit', this.#onExit);
    if (!this.#keep) rmSync(this.path, { recursive: true, force: true });
  }
}
