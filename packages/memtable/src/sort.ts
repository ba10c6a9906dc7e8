/**
 * Sorts cells by the keys of their records; the keys are distinct.
 *
 * 1. A group of cells whose keys agree in `depth` bytes is sorted by the four bytes after their common prefix, taken
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
import { cellKeyLength, cellKeyOffset } from './cell.ts';

/** Up to this many cells insertion sort is faster. */
const INSERTION_COUNT_MAX = 20;

/** Sorts `cells` in place by key, ascending. */
export function sortCellsByKey(words: Int32Array, bytes: Uint8Array, cells: Int32Array): void {
  new CellSorter(words, bytes, cells).sort();
}

class CellSorter {
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #cells: Int32Array;
  readonly #otherCells: Int32Array;
  readonly #numbers: Uint32Array;
  readonly #otherNumbers: Uint32Array;
  readonly #counts = new Int32Array(1024);
  /** Groups to sort: start, end, bytes in which the keys agree. */
  readonly #groups: number[] = [];

  constructor(words: Int32Array, bytes: Uint8Array, cells: Int32Array) {
    this.#words = words;
    this.#bytes = bytes;
    this.#cells = cells;
    this.#otherCells = new Int32Array(cells.length);
    this.#numbers = new Uint32Array(cells.length);
    this.#otherNumbers = new Uint32Array(cells.length);
  }

  sort(): void {
    const groups = this.#groups;
    groups.push(0, this.#cells.length, 0);
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
    const cells = this.#cells;
    for (let i = start + 1; i < end; i++) {
      const cell = cells[i]!;
      const offset = cellKeyOffset(words, cell);
      const length = cellKeyLength(words, cell);
      let place = i;
      while (place > start) {
        const other = cells[place - 1]!;
        const otherOffset = cellKeyOffset(words, other);
        const otherLength = cellKeyLength(words, other);
        if (compareAligned(words, otherOffset, otherLength, words, offset, length) <= 0) break;
        cells[place] = other;
        place--;
      }
      cells[place] = cell;
    }
  }

  /** Length of the prefix that all keys of a group share; they are known to agree in `depth` bytes. */
  #sharedLength(start: number, end: number, depth: number): number {
    const words = this.#words;
    const first = this.#cells[start]!;
    const firstOffset = cellKeyOffset(words, first);
    let shared = cellKeyLength(words, first);
    for (let i = start + 1; i < end && shared > depth; i++) {
      const cell = this.#cells[i]!;
      const limit = Math.min(shared, cellKeyLength(words, cell));
      shared = agreedLength(words, firstOffset, words, cellKeyOffset(words, cell), depth, limit);
    }
    return shared;
  }

  #sortGroup(start: number, end: number, depth: number): void {
    const words = this.#words;
    const bytes = this.#bytes;
    const cells = this.#cells;
    const numbers = this.#numbers;
    const counts = this.#counts;
    counts.fill(0);
    for (let i = start; i < end; i++) {
      const cell = cells[i]!;
      const offset = cellKeyOffset(words, cell) + depth;
      const number = bigEndian(bytes, offset, cellKeyLength(words, cell) - depth);
      numbers[i] = number;
      counts[number & 255]!++;
      counts[256 + ((number >>> 8) & 255)]!++;
      counts[512 + ((number >>> 16) & 255)]!++;
      counts[768 + (number >>> 24)]!++;
    }
    for (let pass = 0; pass < 4; pass++) this.#distribute(start, end, pass);
    // An even number of passes: the result is back in `cells`.
    let runStart = start;
    for (let i = start + 1; i <= end; i++) {
      if (i < end && numbers[i] === numbers[runStart]) continue;
      if (i - runStart > 1) this.#pushTies(runStart, i, depth + 4);
      runStart = i;
    }
  }

  /** One pass: moves cells and numbers to the other arrays (odd passes: back) in the order of one byte. */
  #distribute(start: number, end: number, pass: number): void {
    const back = (pass & 1) === 1;
    const cells = back ? this.#otherCells : this.#cells;
    const numbers = back ? this.#otherNumbers : this.#numbers;
    const targetCells = back ? this.#cells : this.#otherCells;
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
      targetCells[target] = cells[i]!;
      targetNumbers[target] = number;
    }
  }

  /** Puts the keys of a run that are shorter than `depth` first, by length, and the rest on the stack. */
  #pushTies(start: number, end: number, depth: number): void {
    const words = this.#words;
    const cells = this.#cells;
    let rest = start;
    for (let i = start; i < end; i++) {
      const cell = cells[i]!;
      const length = cellKeyLength(words, cell);
      if (length >= depth) continue;
      cells[i] = cells[rest]!;
      let place = rest++;
      while (place > start && cellKeyLength(words, cells[place - 1]!) > length) {
        cells[place] = cells[place - 1]!;
        place--;
      }
      cells[place] = cell;
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
