/** A cursor over a run: the cursors of its tables one after the other, each opened when it is reached. */
import { type Cursor, Entry, type KeyBuffer } from '@lsm/core';
import type { RunView } from './run-view.ts';

/** How a run's tables are read. */
export interface RunCursorOptions {
  /** Read ahead of the position on cache misses. */
  readonly readAhead: boolean;
  /** Put blocks that are read into the cache. */
  readonly fillCache: boolean;
}

/** Cursor over all entries of a run. */
export class RunCursor implements Cursor {
  valid = false;
  readonly entry: Entry = new Entry();
  readonly #run: RunView;
  readonly #options: RunCursorOptions;
  #index = -1;
  #child: Cursor | null = null;

  /** @param run - its files stay held by the caller while the cursor is open */
  constructor(run: RunView, options: RunCursorOptions) {
    this.#run = run;
    this.#options = options;
  }

  seekToFirst(): void {
    this.#open(0);
    this.#child?.seekToFirst();
    this.#settleForward();
  }

  seekToLast(): void {
    this.#open(this.#run.files.length - 1);
    this.#child?.seekToLast();
    this.#settleBackward();
  }

  seek(key: KeyBuffer): void {
    this.#open(this.#run.firstAtOrAbove(key));
    this.#child?.seek(key);
    this.#settleForward();
  }

  next(): void {
    this.#child!.next();
    this.#settleForward();
  }

  prev(): void {
    this.#child!.prev();
    this.#settleBackward();
  }

  close(): void {
    this.#child?.close();
    this.#child = null;
    this.#index = -1;
    this.valid = false;
  }

  #open(index: number): void {
    if (index === this.#index && this.#child !== null) return;
    this.#child?.close();
    this.#child = null;
    this.#index = index;
    const file = this.#run.files[index];
    if (file !== undefined) this.#child = file.table.cursor(this.#options);
  }

  #settleForward(): void {
    while (this.#child !== null && !this.#child.valid) {
      this.#open(this.#index + 1);
      this.#child?.seekToFirst();
    }
    this.#copy();
  }

  #settleBackward(): void {
    while (this.#child !== null && !this.#child.valid) {
      this.#open(this.#index - 1);
      this.#child?.seekToLast();
    }
    this.#copy();
  }

  #copy(): void {
    const child = this.#child;
    if (child === null) {
      this.valid = false;
      return;
    }
    this.entry.assign(child.entry);
    this.valid = true;
  }
}
