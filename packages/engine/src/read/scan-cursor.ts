/**
 * What a reader at one sequence number sees of merged sources: live keys in order, one version each.
 *
 * Forward: the first version of a key at or below the sequence decides; the rest of the key is stepped over.
 * Backward: versions come oldest first, so the newest visible one is remembered (its value copied) until the key
 * changes. A key is live if that version is a put and no visible range delete newer than it covers the key.
 */
import { type Cursor, compareAligned, Entry, EntryKind, equalAligned, KeyBuffer } from '@lsm/core';
import type { Interval } from '../range.ts';
import type { TombstoneMask } from './tombstone-mask.ts';
import { WORD_COPY_BYTES_MAX } from './value-slab.ts';

/** Visible entries of an interval, in one direction. */
export class ScanCursor {
  /** Whether {@link entry} stands on a live key. */
  valid = false;
  /** The live entry; borrowed until the next move. */
  entry: Entry = new Entry();
  readonly #source: Cursor;
  readonly #mask: TombstoneMask;
  readonly #sequence: number;
  readonly #reverse: boolean;
  readonly #lower = new KeyBuffer();
  readonly #upper: KeyBuffer | null = null;
  readonly #key = new KeyBuffer();
  readonly #saved = new Entry();
  #savedBytes = new Uint8Array(0);
  #started = false;

  /** @param source - merged cursor over all sources; owned */
  constructor(
    source: Cursor,
    mask: TombstoneMask,
    sequence: number,
    interval: Interval,
    reverse: boolean,
  ) {
    this.#source = source;
    this.#mask = mask;
    this.#sequence = sequence;
    this.#reverse = reverse;
    this.#lower.setBytes(interval.lower, 0, interval.lower.length);
    if (interval.upper !== null) {
      this.#upper = new KeyBuffer();
      this.#upper.setBytes(interval.upper, 0, interval.upper.length);
    }
  }

  /** Moves to the next live key in the cursor's direction; at the first call to the first. */
  step(): void {
    if (this.#reverse) {
      if (!this.#started) this.#startReverse(this.#upper);
      this.#stepBackward();
      return;
    }
    if (!this.#started) {
      this.#started = true;
      if (this.#lower.length === 0) this.#source.seekToFirst();
      else this.#source.seek(this.#lower);
    } else if (this.valid) {
      this.#skipKey();
    }
    this.#findForward();
  }

  /**
   * Positions so that the next {@link step} yields the first live key at or beyond `key` in the cursor's direction,
   * within the interval.
   */
  seek(key: KeyBuffer): void {
    this.valid = false;
    this.#started = true;
    if (this.#reverse) {
      if (this.#upper !== null && compareBuffers(key, this.#upper) >= 0) {
        this.#startReverse(this.#upper);
        return;
      }
      // Everything at or below key: all versions of key included.
      this.#source.seek(key);
      while (this.#source.valid && this.#atKey(key)) this.#source.next();
      this.#stepBeforeSource();
      return;
    }
    this.#source.seek(compareBuffers(key, this.#lower) < 0 ? this.#lower : key);
  }

  /** Closes the source. */
  close(): void {
    this.valid = false;
    this.#source.close();
  }

  #findForward(): void {
    const source = this.#source;
    const entry = source.entry;
    const sequence = this.#sequence;
    const upper = this.#upper;
    this.entry = entry;
    while (source.valid) {
      if (
        upper !== null &&
        compareAligned(
          entry.words,
          entry.keyOffset,
          entry.keyLength,
          upper.words,
          0,
          upper.length,
        ) >= 0
      ) {
        break;
      }
      if (entry.sequence > sequence) {
        source.next();
        continue;
      }
      if (entry.kind === EntryKind.put && (this.#mask.empty || !this.#mask.covers(entry))) {
        this.valid = true;
        return;
      }
      this.#skipKey();
    }
    this.valid = false;
  }

  /** Steps over the remaining versions of the source's key. */
  #skipKey(): void {
    const source = this.#source;
    const entry = source.entry;
    const key = this.#key;
    key.setAligned(entry.words, entry.keyOffset, entry.keyLength);
    do {
      source.next();
    } while (source.valid && this.#atKey(key));
  }

  #startReverse(upper: KeyBuffer | null): void {
    this.#started = true;
    if (upper === null) {
      this.#source.seekToLast();
      return;
    }
    this.#source.seek(upper);
    this.#stepBeforeSource();
  }

  /** From a position found by seek to the entry before it (the last entry if the seek ran off the end). */
  #stepBeforeSource(): void {
    if (this.#source.valid) this.#source.prev();
    else this.#source.seekToLast();
  }

  #stepBackward(): void {
    const source = this.#source;
    const from = source.entry;
    const lower = this.#lower;
    this.entry = this.#saved;
    while (source.valid) {
      if (
        compareAligned(from.words, from.keyOffset, from.keyLength, lower.words, 0, lower.length) < 0
      ) {
        break;
      }
      if (this.#newestOfKeyBackward()) {
        this.valid = true;
        return;
      }
    }
    this.valid = false;
  }

  /** Takes all versions of the source's key, oldest first; true if the newest visible one is live, saved. */
  #newestOfKeyBackward(): boolean {
    const source = this.#source;
    const from = source.entry;
    const key = this.#key;
    key.setAligned(from.words, from.keyOffset, from.keyLength);
    let live = false;
    do {
      if (from.sequence <= this.#sequence) {
        live = from.kind === EntryKind.put && (this.#mask.empty || !this.#mask.covers(from));
        if (live) this.#save(from);
      }
      source.prev();
    } while (source.valid && this.#atKey(key));
    return live;
  }

  #save(from: Entry): void {
    const { keyOffset, keyLength, valueOffset, valueLength } = from;
    const saved = this.#saved;
    // Key and value stay neighbours if they are, and are copied by words if they are short.
    const isPair = valueOffset === keyOffset + keyLength;
    const valueAt = isPair ? keyLength : (keyLength + 3) & ~3;
    const length = valueAt + valueLength;
    if (length > this.#savedBytes.length) {
      const buffer = new ArrayBuffer(Math.max(1024, (length * 2 + 3) & ~3));
      this.#savedBytes = new Uint8Array(buffer);
      saved.bytes = this.#savedBytes;
      saved.words = new Int32Array(buffer);
    }
    if (isPair && length <= WORD_COPY_BYTES_MAX) {
      const source = from.words;
      const target = saved.words;
      const first = keyOffset >> 2;
      const count = (length + 3) >> 2;
      for (let i = 0; i < count; i++) target[i] = source[first + i]!;
    } else {
      this.#savedBytes.set(from.bytes.subarray(keyOffset, keyOffset + keyLength));
      this.#savedBytes.set(from.bytes.subarray(valueOffset, valueOffset + valueLength), valueAt);
    }
    saved.keyOffset = 0;
    saved.keyLength = keyLength;
    saved.valueOffset = valueAt;
    saved.valueLength = valueLength;
    saved.kind = from.kind;
    saved.sequence = from.sequence;
  }

  #atKey(key: KeyBuffer): boolean {
    const entry = this.#source.entry;
    return equalAligned(entry.words, entry.keyOffset, entry.keyLength, key.words, 0, key.length);
  }
}

function compareBuffers(a: KeyBuffer, b: KeyBuffer): number {
  return compareAligned(a.words, 0, a.length, b.words, 0, b.length);
}
