/**
 * What a store has to hold: for each entry of the data set the version last written, 0 if absent. Reads are checked
 * against it, and so is the whole content at the end of a run.
 */
import type { DataSet } from './data/data-set.ts';

/** Thrown when a store answers wrongly: the run and all its figures are void. */
export class WrongAnswer extends Error {
  /** @param message - what was asked, what came back */
  constructor(message: string) {
    super(message);
    this.name = 'WrongAnswer';
  }
}

/** See the head of the file. */
export class Model {
  readonly data: DataSet;
  /** Below 0: deleted; the magnitude is the last version that was written. */
  readonly #versions: Int32Array;
  /** Entries whose time is over: there or not, both is right. */
  readonly #expired: Uint8Array;
  /** Entries ever written: indexes below it may exist. */
  inserted = 0;
  /** Entries that exist and have not expired. */
  liveEntries = 0;
  /** Reads compared with the model. */
  checkedReads = 0;

  constructor(data: DataSet) {
    this.data = data;
    this.#versions = new Int32Array(data.capacity);
    this.#expired = new Uint8Array(data.capacity);
  }

  /** The version of an entry, 0 if it is absent or has expired. */
  version(index: number): number {
    return this.#expired[index] === 1 ? 0 : Math.max(0, this.#versions[index]!);
  }

  /** The version that an expired entry has if it is still there, else 0. */
  expiredVersion(index: number): number {
    return this.#expired[index] === 1 ? this.#versions[index]! : 0;
  }

  /** Notes a write and returns the version that it has to write. */
  write(index: number): number {
    const version = Math.abs(this.#versions[index]!) + 1;
    if (this.version(index) === 0) this.liveEntries++;
    this.#expired[index] = 0;
    this.#versions[index] = version;
    if (index >= this.inserted) this.inserted = index + 1;
    return version;
  }

  /** Notes a delete. A later write takes the next version, so that no older value can ever be right again. */
  remove(index: number): void {
    if (this.version(index) > 0) this.liveEntries--;
    this.#expired[index] = 0;
    this.#versions[index] = -Math.abs(this.#versions[index]!);
  }

  /** Notes that an entry is too old to be kept: the store may forget it, or not yet have. */
  expire(index: number): void {
    if (this.version(index) === 0) return;
    this.liveEntries--;
    this.#expired[index] = 1;
  }

  /** Checks the answer to a lookup of an entry. */
  check(index: number, value: Uint8Array | undefined): void {
    this.checkedReads++;
    const expired = this.expiredVersion(index);
    if (expired > 0 && value !== undefined && this.data.matches(index, expired, value)) return;
    const version = this.version(index);
    const right =
      version === 0
        ? value === undefined
        : value !== undefined && this.data.matches(index, version, value);
    if (right) return;
    throw new WrongAnswer(
      `Key ${JSON.stringify(Buffer.from(this.data.key(index)).toString())} should have ${
        version === 0 ? 'no value' : `version ${version}`
      } and has ${value === undefined ? 'none' : `a value of ${value.length} bytes that differs`}.`,
    );
  }

  /** Checks the answer to a lookup of a key that never existed. */
  checkMissing(value: Uint8Array | undefined): void {
    this.checkedReads++;
    if (value === undefined) return;
    throw new WrongAnswer(`A key that was never written has a value of ${value.length} bytes.`);
  }

  /** Live entries and the bytes of their keys and values. */
  live(): { entries: number; bytes: number } {
    let entries = 0;
    let bytes = 0;
    for (let index = 0; index < this.inserted; index++) {
      const version = this.version(index);
      if (version === 0) continue;
      entries++;
      bytes += this.data.entryBytes(index, version);
    }
    return { entries, bytes };
  }
}
