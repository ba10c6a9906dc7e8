/** A cursor over a list of entries in memory: the plainest source there is. */
import { type Cursor, compareBytes, Entry, type KeyBuffer } from '@lsm/core';

export interface ListedEntry {
  readonly key: Uint8Array;
  readonly sequence: number;
  readonly kind: number;
  readonly value: Uint8Array;
}

export class EntryListCursor implements Cursor {
  readonly entry: Entry = new Entry();
  readonly #list: readonly ListedEntry[];
  #at = -1;
  closed = false;

  /** @param list - in internal order; may grow under the cursor's feet if kept sorted */
  constructor(list: readonly ListedEntry[]) {
    this.#list = list;
  }

  get valid(): boolean {
    return this.#at >= 0 && this.#at < this.#list.length;
  }

  seekToFirst(): void {
    this.#moveTo(0);
  }

  seekToLast(): void {
    this.#moveTo(this.#list.length - 1);
  }

  seek(key: KeyBuffer): void {
    const wanted = key.toBytes();
    const index = this.#list.findIndex((listed) => compareBytes(listed.key, wanted) >= 0);
    this.#moveTo(index < 0 ? this.#list.length : index);
  }

  next(): void {
    this.#moveTo(this.#at + 1);
  }

  prev(): void {
    this.#moveTo(this.#at - 1);
  }

  close(): void {
    this.closed = true;
  }

  #moveTo(index: number): void {
    this.#at = index;
    const listed = this.#list[index];
    if (listed === undefined) return;
    const { key, value } = listed;
    const valueOffset = (key.length + 3) & ~3;
    const buffer = new ArrayBuffer((valueOffset + value.length + 3) & ~3);
    const bytes = new Uint8Array(buffer);
    bytes.set(key);
    bytes.set(value, valueOffset);
    const entry = this.entry;
    entry.bytes = bytes;
    entry.words = new Int32Array(buffer);
    entry.keyOffset = 0;
    entry.keyLength = key.length;
    entry.valueOffset = valueOffset;
    entry.valueLength = value.length;
    entry.kind = listed.kind;
    entry.sequence = listed.sequence;
  }
}
