/**
 * Sorts versions by key; the keys are distinct.
 *
 * 1. A group whose keys agree in `depth` bytes is sorted by the four bytes after their common prefix, taken
 *    as a big-endian number (zeros after the end of a short key): LSD radix sort, 8 bits a pass.
 * 2. Equal numbers form a group four bytes deeper. In it, the at most four keys that end within those bytes go first,
 *    by length: they are prefixes of all others.
 * 3. Small groups are sorted by insertion.
 *
 * The groups wait on an explicit stack, so that no set of keys can exhaust the call stack. Prefix compression of the
 * whole group (1.) makes long shared prefixes cost one pass over them. O(n) for random keys.
 */
import { compareAligned } from '@lsm/core';
import { agreedLength } from './art-node.ts';
import { versionKeyLength, versionKeyOffset } from './version.ts';

/** Up to this many versions insertion sort is faster. */
const INSERTION_COUNT_MAX = 20;

/** Sorts `versions` in place by key, ascending. */
export function sortVersions(words: Int32Array, bytes: Uint8Array, versions: Int32Array): void {
  new VersionSorter(words, bytes, versions).sort();
}

class VersionSorter {
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #versions: Int32Array;
  readonly #otherVersions: Int32Array;
  readonly #numbers: Uint32Array;
  readonly #otherNumbers: Uint32Array;
  readonly #counts = new Int32Array(1024);
  /** Groups to sort: start, end, bytes in which the keys agree. */
  readonly #groups: number[] = [];

  constructor(words: Int32Array, bytes: Uint8Array, versions: Int32Array) {
    this.#words = words;
    this.#bytes = bytes;
    this.#versions = versions;
    this.#otherVersions = new Int32Array(versions.length);
    this.#numbers = new Uint32Array(versions.length);
    this.#otherNumbers = new Uint32Array(versions.length);
  }

  sort(): void {
    const groups = this.#groups;
    groups.push(0, this.#versions.length, 0);
    while (groups.length > 0) {
      const depth = groups.pop()!;
      const end = groups.pop()!;
      const start = groups.pop()!;
      if (end - start <= INSERTION_COUNT_MAX) this.#sortSmall(start, end);
      else this.#sortGroup(start, end, this.#sharedLength(start, end, depth));
    }
  }

  #sortSmall(start: number, end: number): void {
    const words = this.#words;
    const versions = this.#versions;
    for (let i = start + 1; i < end; i++) {
      const version = versions[i]!;
      const offset = versionKeyOffset(words, version);
      const length = versionKeyLength(words, version);
      let place = i;
      while (place > start) {
        const other = versions[place - 1]!;
        const otherOffset = versionKeyOffset(words, other);
        const otherLength = versionKeyLength(words, other);
        if (compareAligned(words, otherOffset, otherLength, words, offset, length) <= 0) break;
        versions[place] = other;
        place--;
      }
      versions[place] = version;
    }
  }

  /** Length of the prefix that all keys of a group share; they are known to agree in `depth` bytes. */
  #sharedLength(start: number, end: number, depth: number): number {
    const words = this.#words;
    const first = this.#versions[start]!;
    const firstOffset = versionKeyOffset(words, first);
    let shared = versionKeyLength(words, first);
    for (let i = start + 1; i < end && shared > depth; i++) {
      const version = this.#versions[i]!;
      const limit = Math.min(shared, versionKeyLength(words, version));
      shared = agreedLength(
        words,
        firstOffset,
        words,
        versionKeyOffset(words, version),
        depth,
        limit,
      );
    }
    return shared;
  }

  #sortGroup(start: number, end: number, depth: number): void {
    const words = this.#words;
    const bytes = this.#bytes;
    const versions = this.#versions;
    const numbers = this.#numbers;
    const counts = this.#counts;
    counts.fill(0);
    for (let i = start; i < end; i++) {
      const version = versions[i]!;
      const offset = versionKeyOffset(words, version) + depth;
      const number = bigEndian(bytes, offset, versionKeyLength(words, version) - depth);
      numbers[i] = number;
      counts[number & 255]!++;
      counts[256 + ((number >>> 8) & 255)]!++;
      counts[512 + ((number >>> 16) & 255)]!++;
      counts[768 + (number >>> 24)]!++;
    }
    for (let pass = 0; pass < 4; pass++) this.#distribute(start, end, pass);
    // An even number of passes: the result is back in `versions`.
    let runStart = start;
    for (let i = start + 1; i <= end; i++) {
      if (i < end && numbers[i] === numbers[runStart]) continue;
      if (i - runStart > 1) this.#pushTies(runStart, i, depth + 4);
      runStart = i;
    }
  }

  /** One pass: moves versions and numbers to the other arrays (odd passes: back) in the order of one byte. */
  #distribute(start: number, end: number, pass: number): void {
    const back = (pass & 1) === 1;
    const versions = back ? this.#otherVersions : this.#versions;
    const numbers = back ? this.#otherNumbers : this.#numbers;
    const targetVersions = back ? this.#versions : this.#otherVersions;
    const targetNumbers = back ? this.#numbers : this.#otherNumbers;
    const counts = this.#counts;
    const base = pass << 8;
    const shift = pass << 3;
    let place = start;
    for (let i = base; i < base + 256; i++) {
      const count = counts[i]!;
      counts[i] = place;
      place += count;
    }
    for (let i = start; i < end; i++) {
      const number = numbers[i]!;
      const index = base + ((number >>> shift) & 255);
      const target = counts[index]!;
      counts[index] = target + 1;
      targetVersions[target] = versions[i]!;
      targetNumbers[target] = number;
    }
  }

  /** Puts the keys of a run that are shorter than `depth` first, by length, and the rest on the stack. */
  #pushTies(start: number, end: number, depth: number): void {
    const words = this.#words;
    const versions = this.#versions;
    let rest = start;
    for (let i = start; i < end; i++) {
      const version = versions[i]!;
      const length = versionKeyLength(words, version);
      if (length >= depth) continue;
      versions[i] = versions[rest]!;
      let place = rest++;
      while (place > start && versionKeyLength(words, versions[place - 1]!) > length) {
        versions[place] = versions[place - 1]!;
        place--;
      }
      versions[place] = version;
    }
    if (end - rest > 1) this.#groups.push(rest, end, depth);
  }
}

/** The first four of `length` bytes at `offset` as a number; missing ones count as zero. */
function bigEndian(bytes: Uint8Array, offset: number, length: number): number {
  if (length >= 4) {
    return (
      ((bytes[offset]! << 24) |
        (bytes[offset + 1]! << 16) |
        (bytes[offset + 2]! << 8) |
        bytes[offset + 3]!) >>>
      0
    );
  }
  let number = 0;
  for (let i = 0; i < length; i++) number |= bytes[offset + i]! << (24 - (i << 3));
  return number >>> 0;
}
