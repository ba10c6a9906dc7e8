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
  readonly #options: RunCursorOptions & { readonly entry: Entry };
  #index = -1;
  #child: Cursor | null = null;

  /** @param run - its files stay held by the caller while the cursor is open */
  constructor(run: RunView, options: RunCursorOptions) {
    this.#run = run;
    // The tables' cursors fill the run's entry: nothing to copy at each step.
    this.#options = { ...options, entry: this.entry };
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
    const child = this.#child!;
    child.next();
    if (!child.valid) this.#settleForward();
  }

  prev(): void {
    const child = this.#child!;
    child.prev();
    if (!child.valid) this.#settleBackward();
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
    this.valid = this.#child !== null;
  }

  #settleBackward(): void {
    while (this.#child !== null && !this.#child.valid) {
      this.#open(this.#index - 1);
      this.#child?.seekToLast();
    }
    this.valid = this.#child !== null;
  }
}
