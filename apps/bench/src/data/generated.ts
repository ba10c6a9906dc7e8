/**
 * Generated entries in the manner of db_bench: fixed-size decimal keys, values that compress to about half.
 *
 * Key of index i: the number 2·i in decimal, padded with zeros; odd numbers are the keys that never exist. Values are
 * cut from one pool of half-random bytes; their first 8 bytes are the index and the version, so that any value that
 * is read back can be checked without keeping a copy.
 */
import { mixWord, SeededDraws } from '../random.ts';
import type { DataSet, PrefixGroup } from './data-set.ts';

/** Sizes of generated data. */
export interface GeneratedShape {
  /** Entries to load, ≥ 1. */
  readonly entries: number;
  /** Most entries that a workload inserts later; default `entries`. */
  readonly inserts?: number;
  /** Bytes of a key, 8 … 1024, default 16. */
  readonly keyBytes?: number;
  /** Bytes of a value, 8 … 1 MiB, default 100. */
  readonly valueBytes?: number;
  readonly seed?: number;
}

const POOL_BYTES = 1 << 20;
const STAMP_BYTES = 8;
/** Digits after a group's prefix: a group is 1,000 numbers, so 500 keys. */
const GROUP_DIGITS = 3;

/** See the head of the file. */
export class GeneratedData implements DataSet {
  readonly name: string;
  readonly description: string;
  readonly count: number;
  readonly capacity: number;
  readonly #keyBytes: number;
  readonly #valueBytes: number;
  readonly #key: Uint8Array;
  readonly #value: Uint8Array;
  readonly #stamp: DataView;
  readonly #pool: Uint8Array;

  constructor(shape: GeneratedShape) {
    this.count = shape.entries;
    this.capacity = shape.entries + (shape.inserts ?? shape.entries);
    this.#keyBytes = shape.keyBytes ?? 16;
    this.#valueBytes = shape.valueBytes ?? 100;
    this.#key = new Uint8Array(this.#keyBytes);
    this.#value = new Uint8Array(this.#valueBytes);
    this.#stamp = new DataView(this.#value.buffer);
    this.#pool = makePool(shape.seed ?? 1, this.#valueBytes);
    this.name = 'generated';
    this.description = `${this.count} generated entries, keys of ${this.#keyBytes} bytes, values of ${this.#valueBytes} bytes`;
  }

  key(index: number): Uint8Array {
    return writeDecimal(this.#key, index * 2);
  }

  missingKey(index: number): Uint8Array {
    return writeDecimal(this.#key, index * 2 + 1);
  }

  value(index: number, version: number): Uint8Array {
    const value = this.#value;
    const start = this.#poolOffset(index, version);
    value.set(this.#pool.subarray(start, start + value.length));
    this.#stamp.setUint32(0, index, true);
    this.#stamp.setUint32(4, version, true);
    return value;
  }

  matches(index: number, version: number, bytes: Uint8Array): boolean {
    const length = this.#valueBytes;
    if (bytes.length !== length || word(bytes, 0) !== index || word(bytes, 4) !== version) {
      return false;
    }
    if (length === STAMP_BYTES) return true;
    const start = this.#poolOffset(index, version);
    const middle = STAMP_BYTES + ((length - STAMP_BYTES) >> 1);
    return (
      bytes[length - 1] === this.#pool[start + length - 1] &&
      bytes[middle] === this.#pool[start + middle]
    );
  }

  entryBytes(): number {
    return this.#keyBytes + this.#valueBytes;
  }

  sorted(): Uint32Array {
    return Uint32Array.from({ length: this.capacity }, (_, index) => index);
  }

  groups(): readonly PrefixGroup[] {
    const size = 10 ** GROUP_DIGITS / 2;
    const groups: PrefixGroup[] = [];
    for (let first = 0; first < this.count; first += size) {
      const prefix = this.key(first).slice(0, this.#keyBytes - GROUP_DIGITS);
      const length = Math.min(size, this.count - first);
      groups.push({ prefix, members: Uint32Array.from({ length }, (_, i) => first + i) });
    }
    return groups;
  }

  #poolOffset(index: number, version: number): number {
    return mixWord(index ^ Math.imul(version, 0x85ebca6b)) % (POOL_BYTES - this.#valueBytes);
  }
}

function word(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
  );
}

function writeDecimal(target: Uint8Array, number: number): Uint8Array {
  let rest = number;
  for (let i = target.length - 1; i >= 0; i--) {
    const next = Math.floor(rest / 10);
    target[i] = 48 + (rest - next * 10);
    rest = next;
  }
  return target;
}

/** Pieces as long as a value, the second half of each repeating the first. */
function makePool(seed: number, valueBytes: number): Uint8Array {
  const draws = new SeededDraws(seed);
  const pool = new Uint8Array(Math.max(POOL_BYTES, valueBytes * 2));
  const half = Math.max(1, valueBytes >> 1);
  for (let i = 0; i < pool.length; i++) {
    const within = i % (half * 2);
    pool[i] = within < half ? 32 + (draws.word() % 95) : pool[i - half]!;
  }
  return pool;
}
