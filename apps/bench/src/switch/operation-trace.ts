/**
 * The operations of a run by number, and what a database has to hold after them.
 *
 * Everything follows from the number of an operation: its key, whether it is a delete, the value that it writes. So a
 * trace is a range of numbers, and it can be replayed on a copy. The first `entries` operations put each key once;
 * keys look random, so that this is a load in random order.
 */
import type { Db } from '@lsm/engine';
import { WrongAnswer } from '../model.ts';
import { mixWord } from '../random.ts';

/** Bytes of a key. */
export const KEY_BYTES = 16;
/** One operation in so many, after the load, is a delete. */
const DELETE_EVERY = 64;
/** Where a key holds its number, so that a scan knows what it sees. */
const NUMBER_OFFSET = 8;

/** See the head of the file. */
export class OperationTrace {
  readonly entries: number;
  readonly valueBytes: number;
  /** Operations so far. */
  count = 0;
  /** Keys that have a value. */
  live = 0;
  readonly #seed: number;
  /** Number of the operation that last wrote a key, plus one; 0 or below: the key has no value. */
  readonly #written: Int32Array;
  readonly #key = Buffer.alloc(KEY_BYTES);
  readonly #value: Buffer;

  /**
   * @param entries - keys
   * @param valueBytes - a multiple of 4
   * @param seed - of keys after the load
   */
  constructor(entries: number, valueBytes: number, seed: number) {
    this.entries = entries;
    this.valueBytes = valueBytes;
    this.#seed = seed;
    this.#written = new Int32Array(entries);
    this.#value = Buffer.alloc(valueBytes);
  }

  /** Bytes of the keys and values that there are. */
  get liveBytes(): number {
    return this.live * (KEY_BYTES + this.valueBytes);
  }

  /** The key of an operation, as a number. */
  keyOf(operation: number): number {
    if (operation < this.entries) return operation;
    return Math.floor((mixWord(operation ^ this.#seed) / 2 ** 32) * this.entries);
  }

  /** Does the next operation, and notes it. */
  next(db: Db): Promise<void> {
    const operation = this.count++;
    const key = this.keyOf(operation);
    const isDelete = this.#isDelete(operation);
    const before = this.#written[key]! > 0;
    this.#written[key] = isDelete ? -1 : operation + 1;
    if (before !== !isDelete) this.live += isDelete ? -1 : 1;
    return this.replay(db, operation);
  }

  /** Does an operation again, on another database; notes nothing. */
  replay(db: Db, operation: number): Promise<void> {
    this.#fillKey(this.keyOf(operation));
    if (this.#isDelete(operation)) return db.del(this.#key);
    this.#fillValue(operation);
    return db.put(this.#key, this.#value);
  }

  /**
   * Compares the value of a key with what it has to be.
   *
   * @throws WrongAnswer
   */
  check(db: Db, key: number): void {
    this.#fillKey(key);
    const written = this.#written[key]!;
    const found = db.getSync(this.#key);
    if (written <= 0) {
      if (found !== undefined) throw new WrongAnswer(`Key ${key} was deleted, and has a value.`);
      return;
    }
    this.#fillValue(written - 1);
    if (found !== undefined && this.#value.equals(found)) return;
    throw new WrongAnswer(
      `Key ${key} has ${found === undefined ? 'no value' : 'another value'} than operation ${written - 1} wrote.`,
    );
  }

  /**
   * Compares everything that a scan shows with what there has to be.
   *
   * @returns entries seen
   * @throws WrongAnswer
   */
  async checkAll(db: Db): Promise<number> {
    let seen = 0;
    for await (const [bytes, value] of db.entries()) {
      const key = Buffer.from(bytes.buffer, bytes.byteOffset).readUInt32LE(NUMBER_OFFSET);
      const written = key < this.entries ? this.#written[key]! : 0;
      this.#fillKey(key);
      if (written > 0) this.#fillValue(written - 1);
      if (written <= 0 || !this.#key.equals(bytes) || !this.#value.equals(value)) {
        throw new WrongAnswer(`A scan shows a wrong entry for key ${key}.`);
      }
      seen++;
    }
    if (seen !== this.live) {
      throw new WrongAnswer(`A scan shows ${seen} entries, and there are ${this.live}.`);
    }
    return seen;
  }

  #isDelete(operation: number): boolean {
    return operation >= this.entries && mixWord(~operation) % DELETE_EVERY === 0;
  }

  /** 16 bytes without order, the key's number among them. */
  #fillKey(key: number): void {
    const bytes = this.#key;
    bytes.writeUInt32LE(mixWord(key), 0);
    bytes.writeUInt32LE(mixWord(key ^ 0x5bd1e995), 4);
    bytes.writeUInt32LE(key, NUMBER_OFFSET);
    bytes.writeUInt32LE(mixWord(key + 0x3c6ef372), 12);
  }

  /** Bytes that don't compress. */
  #fillValue(operation: number): void {
    const value = this.#value;
    let word = mixWord(operation);
    for (let offset = 0; offset < value.length; offset += 4) {
      word = mixWord(word + offset);
      value.writeUInt32LE(word, offset);
    }
  }
}
