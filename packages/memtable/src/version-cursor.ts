/**
 * The part of a cursor that walks the versions of one key; subclasses walk from key to key.
 *
 * 1. Forward, a key is entered at its newest live version and left through the links to older ones.
 * 2. Backward, the links point the wrong way: on entering a key its live versions are put on a stack, newest first, and
 *    the cursor stands on the top. A chain of n versions costs n steps, not n².
 * 3. Versions that were added on top of a key meanwhile are looked for when the bottom of the stack is left.
 *
 * V1. If `#top` ≥ 0 the stack holds live versions of the current key in chain order, `version` on top.
 */
import { type Cursor, Entry, type KeyBuffer } from '@lsm/core';
import {
  DELTA_MAX,
  deltaWord,
  fillEntry,
  isVoid,
  olderVersion,
  versionRecord,
  visibleVersion,
} from './version.ts';
import type { VersionMemtable } from './version-memtable.ts';

/** A cursor over chains of versions. */
export abstract class VersionCursor implements Cursor {
  valid = false;
  readonly entry: Entry = new Entry();
  /** Reference to the current version; meaningful while valid. */
  protected version = 0;
  protected readonly words: Int32Array;
  protected readonly bytes: Uint8Array;
  readonly #firstSequence: number;
  readonly #sequences: number;
  #versions = new Int32Array(16);
  #top = -1;

  constructor(memtable: VersionMemtable) {
    this.words = memtable.words;
    this.bytes = memtable.bytes;
    this.#firstSequence = memtable.firstSequence;
    this.#sequences = memtable.sequences;
  }

  /** Moves to the first key; returns its newest version, or 0 if there is none. */
  protected abstract firstKey(): number;
  /** Moves to the last key; returns its newest version, or 0. */
  protected abstract lastKey(): number;
  /** Moves to the first key at or above `key`; returns its newest version, or 0. */
  protected abstract keyFrom(key: KeyBuffer): number;
  /** Moves to the next key; returns its newest version, or 0. */
  protected abstract nextKey(): number;
  /** Moves to the key before; returns its newest version, or 0. */
  protected abstract previousKey(): number;
  /** The newest version of the current key. */
  protected abstract newestVersion(): number;

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
    const older = this.#live(olderVersion(this.words, this.version));
    if (older === 0) {
      this.#enterForward(this.nextKey());
      return;
    }
    if (this.#top >= 0) this.#push(older);
    this.#settle(older);
  }

  prev(): void {
    if (this.#top <= 0) this.#stackFrom(this.newestVersion(), this.version);
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
    let head = newest;
    let version = this.#live(head);
    while (version === 0 && head !== 0) {
      // All versions of the key are void: step over it.
      this.version = head;
      head = this.nextKey();
      version = this.#live(head);
    }
    this.#top = -1;
    if (version === 0) this.valid = false;
    else this.#settle(version);
  }

  #enterBackward(newest: number): void {
    let head = newest;
    while (head !== 0) {
      this.#stackFrom(head, 0);
      if (this.#top >= 0) {
        this.#settle(this.#versions[this.#top]!);
        return;
      }
      this.version = head;
      head = this.previousKey();
    }
    this.valid = false;
  }

  /** Stacks the live versions of a chain from `newest` to `last`, which is taken even if void (0: to the end). */
  #stackFrom(newest: number, last: number): void {
    this.#top = -1;
    let version = newest;
    while (version !== last && version !== 0) {
      if (!isVoid(this.words, this.#sequences, version)) this.#push(version);
      version = olderVersion(this.words, version);
    }
    if (last !== 0) this.#push(last);
  }

  /** The first version from this one on that is not void, or 0. */
  #live(version: number): number {
    return visibleVersion(this.words, this.#sequences, version, DELTA_MAX);
  }

  #push(version: number): void {
    const top = ++this.#top;
    if (top === this.#versions.length) {
      const grown = new Int32Array(top * 2);
      grown.set(this.#versions);
      this.#versions = grown;
    }
    this.#versions[top] = version;
  }

  #settle(version: number): void {
    const words = this.words;
    this.version = version;
    this.valid = true;
    const delta = words[deltaWord(this.#sequences, version)]! >>> 0;
    const record = versionRecord(words, version);
    fillEntry(this.entry, this.bytes, words, record, this.#firstSequence + delta);
  }
}
