/**
 * The part of a cursor that walks the versions of one key; subclasses walk from key to key.
 *
 * 1. Forward, a key is entered at its newest live cell and left through the `older` links.
 * 2. Backward, the links point the wrong way: on entering a key its live cells are put on a stack, newest first, and
 *    the cursor stands on the top. A chain of n versions costs n steps, not n².
 * 3. Versions that were added on top of a key meanwhile are looked for when the bottom of the stack is left.
 *
 * V1. If `#top` ≥ 0 the stack holds live cells of the current key in chain order and `#versions[#top]` is `cell`.
 */
import { type Cursor, Entry, type KeyBuffer } from '@lsm/core';
import { fillEntry, liveCell } from './cell.ts';

/** A cursor over chains of cells. */
export abstract class VersionCursor implements Cursor {
  valid = false;
  readonly entry: Entry = new Entry();
  /** Current cell; meaningful while valid. */
  protected cell = 0;
  protected readonly words: Int32Array;
  protected readonly bytes: Uint8Array;
  readonly #firstSequence: number;
  #versions = new Int32Array(16);
  #top = -1;

  constructor(words: Int32Array, bytes: Uint8Array, firstSequence: number) {
    this.words = words;
    this.bytes = bytes;
    this.#firstSequence = firstSequence;
  }

  /** Moves to the first key; returns its newest cell, or 0 if there is none. */
  protected abstract firstKey(): number;
  /** Moves to the last key; returns its newest cell, or 0. */
  protected abstract lastKey(): number;
  /** Moves to the first key at or above `key`; returns its newest cell, or 0. */
  protected abstract keyFrom(key: KeyBuffer): number;
  /** Moves to the next key; returns its newest cell, or 0. */
  protected abstract nextKey(): number;
  /** Moves to the key before; returns its newest cell, or 0. */
  protected abstract previousKey(): number;
  /** The newest cell of the current key. */
  protected abstract newestCell(): number;

  seekToFirst(): void {
    this.#enterForward(this.firstKey());
  }

  seekToLast(): void {
    this.#enterBackward(this.lastKey());
  }

  seek(key: KeyBuffer): void {
    this.#enterForward(this.keyFrom(key));
  }

  next(): void {
    const older = liveCell(this.words, this.words[this.cell + 1]!);
    if (older === 0) {
      this.#enterForward(this.nextKey());
      return;
    }
    if (this.#top >= 0) this.#push(older);
    this.#settle(older);
  }

  prev(): void {
    if (this.#top <= 0) this.#stackFrom(this.newestCell(), this.cell);
    if (this.#top > 0) {
      this.#top--;
      this.#settle(this.#versions[this.#top]!);
      return;
    }
    this.#enterBackward(this.previousKey());
  }

  close(): void {
    this.valid = false;
  }

  #enterForward(newest: number): void {
    const words = this.words;
    let head = newest;
    let cell = liveCell(words, head);
    while (cell === 0 && head !== 0) {
      // Keys whose versions are all void are stepped over; the position in the tree is the subclass's.
      this.cell = head;
      head = this.nextKey();
      cell = liveCell(words, head);
    }
    this.#top = -1;
    if (cell === 0) this.valid = false;
    else this.#settle(cell);
  }

  #enterBackward(newest: number): void {
    let head = newest;
    while (head !== 0) {
      this.#stackFrom(head, 0);
      if (this.#top >= 0) {
        this.#settle(this.#versions[this.#top]!);
        return;
      }
      this.cell = head;
      head = this.previousKey();
    }
    this.valid = false;
  }

  /** Stacks the live cells of a chain from `newest` to `last`, which is taken even if void (0: to the end). */
  #stackFrom(newest: number, last: number): void {
    this.#top = -1;
    let cell = newest;
    while (cell !== last && cell !== 0) {
      if ((this.words[cell]! & 1) === 0) this.#push(cell);
      cell = this.words[cell + 1]!;
    }
    if (last !== 0) this.#push(last);
  }

  #push(cell: number): void {
    const top = ++this.#top;
    if (top === this.#versions.length) {
      const grown = new Int32Array(top * 2);
      grown.set(this.#versions);
      this.#versions = grown;
    }
    this.#versions[top] = cell;
  }

  #settle(cell: number): void {
    this.cell = cell;
    this.valid = true;
    fillEntry(this.entry, this.bytes, this.words, cell, this.#firstSequence);
  }
}
