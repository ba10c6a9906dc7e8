/**
 * Entries that stand in memory as they were given: the data set over real data (the cities, a user's file).
 *
 * Version 1 of a value is what was given. A later version is the same bytes followed by `#` and the version in five
 * digits, so that each version of each key can be told from every other.
 */
import { compareBytes } from '@lsm/core';
import type { DataSet, PrefixGroup } from './data-set.ts';

/** One key with its value. */
export interface StoredEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

const VERSION_DIGITS = 5;
const MARK_BYTES = 1 + VERSION_DIGITS;
const HASH = 35;

/** See the head of the file. */
export class StoredEntries implements DataSet {
  readonly name: string;
  readonly description: string;
  readonly count: number;
  readonly capacity: number;
  readonly #entries: readonly StoredEntry[];
  readonly #prefixOf: (key: Uint8Array) => Uint8Array;
  #missing: Uint8Array = new Uint8Array(64);
  #value: Uint8Array = new Uint8Array(256);

  /**
   * @param name - shown in the report
   * @param description - one line about where it comes from
   * @param entries - with distinct keys; borrowed
   * @param prefixOf - the prefix by which a key is grouped
   */
  constructor(
    name: string,
    description: string,
    entries: readonly StoredEntry[],
    prefixOf: (key: Uint8Array) => Uint8Array,
  ) {
    this.name = name;
    this.description = description;
    this.count = entries.length;
    this.capacity = entries.length;
    this.#entries = entries;
    this.#prefixOf = prefixOf;
  }

  key(index: number): Uint8Array {
    return this.#entries[index]!.key;
  }

  missingKey(index: number): Uint8Array {
    const key = this.key(index);
    if (this.#missing.length < key.length + 1) this.#missing = new Uint8Array(key.length * 2 + 1);
    this.#missing.set(key);
    // No key of text holds a byte 0, so the key with one appended stands right behind it and never exists.
    this.#missing[key.length] = 0;
    return this.#missing.subarray(0, key.length + 1);
  }

  value(index: number, version: number): Uint8Array {
    const first = this.#entries[index]!.value;
    if (version === 1) return first;
    const length = first.length + MARK_BYTES;
    if (this.#value.length < length) this.#value = new Uint8Array(length * 2);
    const value = this.#value.subarray(0, length);
    value.set(first);
    value[first.length] = HASH;
    let rest = version;
    for (let i = length - 1; i > first.length; i--) {
      value[i] = 48 + (rest % 10);
      rest = Math.floor(rest / 10);
    }
    return value;
  }

  matches(index: number, version: number, bytes: Uint8Array): boolean {
    const first = this.#entries[index]!.value;
    const length = first.length;
    if (bytes.length !== (version === 1 ? length : length + MARK_BYTES)) return false;
    if (length > 0) {
      const middle = length >> 1;
      if (bytes[0] !== first[0] || bytes[middle] !== first[middle]) return false;
      if (bytes[length - 1] !== first[length - 1]) return false;
    }
    if (version === 1) return true;
    let rest = version;
    for (let i = bytes.length - 1; i > length; i--) {
      if (bytes[i] !== 48 + (rest % 10)) return false;
      rest = Math.floor(rest / 10);
    }
    return bytes[length] === HASH;
  }

  entryBytes(index: number, version: number): number {
    const { key, value } = this.#entries[index]!;
    return key.length + value.length + (version === 1 ? 0 : MARK_BYTES);
  }

  sorted(): Uint32Array {
    const order = Uint32Array.from({ length: this.count }, (_, index) => index);
    return order.sort((a, b) => compareBytes(this.key(a), this.key(b)));
  }

  groups(): readonly PrefixGroup[] {
    const members = new Map<string, number[]>();
    for (let index = 0; index < this.count; index++) {
      const text = Buffer.from(this.#prefixOf(this.key(index))).toString('latin1');
      const list = members.get(text);
      if (list === undefined) members.set(text, [index]);
      else list.push(index);
    }
    return [...members].map(([text, list]) => ({
      prefix: new Uint8Array(Buffer.from(text, 'latin1')),
      members: Uint32Array.from(list),
    }));
  }
}
