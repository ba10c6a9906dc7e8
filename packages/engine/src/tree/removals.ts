/**
 * Removes files off the caller's thread.
 *
 * Giving back a 32 MiB file takes 3–9 ms (measured, 2026-11), and a merge leaves a dozen at once: on the caller's
 * thread that would be the longest pause of the whole database. A removal may be late or lost without harm: what
 * stays behind is an orphan, which the next open removes.
 */
import type { FileSystem } from '@lsm/core';

/** Removals under way. */
export class Removals {
  readonly #fileSystem: FileSystem;
  readonly #report: (error: unknown) => void;
  readonly #pending = new Set<Promise<void>>();

  /** @param report - receives failures */
  constructor(fileSystem: FileSystem, report: (error: unknown) => void) {
    this.#fileSystem = fileSystem;
    this.#report = report;
  }

  /** Starts to remove a file; `done` is called when it is gone or could not be removed. */
  remove(path: string, done: () => void): void {
    const removal = this.#fileSystem
      .unlink(path)
      .catch(this.#report)
      .finally(() => {
        this.#pending.delete(removal);
        done();
      });
    this.#pending.add(removal);
  }

  /** Removes a file at once, quietly: what is not wanted any more and small, or must not be found by the next open. */
  removeNow(path: string): void {
    try {
      this.#fileSystem.unlinkSync(path);
    } catch {
      // It stays as an orphan.
    }
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    await Promise.all(this.#pending);
  }
}
