/**
 * Notes when nothing but a lack of disk space keeps a strategy from working, says so once, and has it asked again after
 * a while: nobody tells when a disk gets space.
 */
import type { Clock, CompactionTask } from '@lsm/core';
import type { Counters } from '../counters.ts';
import type { EventHub } from '../events.ts';
import type { Tree } from '../tree/tree.ts';

/** Pause before another try, ms. */
const RETRY_MS = 1000;

/** What the watch needs of the database. */
interface DiskHost {
  readonly tree: Tree;
  readonly counters: Counters;
  readonly events: EventHub;
  readonly clock: Clock;
}

/** Watches for one database. */
export class DiskWatch {
  /** Whether tasks wait for disk space, and nothing else can be done. */
  isShort = false;
  readonly #host: DiskHost;
  readonly #retry: () => void;
  #cancel: (() => void) | null = null;

  /** @param retry - plans again */
  constructor(host: DiskHost, retry: () => void) {
    this.#host = host;
    this.#retry = retry;
  }

  /**
   * Looks at what would be done on a larger disk.
   *
   * @param task - the first such task; `undefined`: space is not what is missing
   * @param freeBytes - what merges may take
   */
  look(task: CompactionTask | undefined, freeBytes: number): void {
    const wasShort = this.isShort;
    this.isShort = task !== undefined;
    if (task === undefined) return;
    const { tree, counters, events, clock } = this.#host;
    if (!wasShort) {
      const inputs = new Set(task.inputs);
      let neededBytes = 0;
      for (const table of tree.version.tables()) {
        if (inputs.has(table.id)) neededBytes += table.bytes;
      }
      counters.diskShortages++;
      events.emit('diskShort', { neededBytes, freeBytes });
    }
    this.#cancel ??= clock.after(RETRY_MS, () => {
      this.#cancel = null;
      this.#retry();
    });
  }

  /** Tries no more. */
  close(): void {
    this.#cancel?.();
  }
}
