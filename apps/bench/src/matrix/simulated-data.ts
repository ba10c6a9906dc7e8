/**
 * The data set of simulated runs: index i has the key 2·i in four bytes, as generated data has it in digits, and its
 * value is index and version.
 */
import type { DataSet, PrefixGroup } from '../data/data-set.ts';

/** Entries of generated data, reduced to numbers. */
export class SimulatedData implements DataSet {
  readonly name = 'generated';
  readonly description: string;
  readonly count: number;
  readonly capacity: number;
  readonly #entryBytes: number;
  readonly #key = new DataView(new ArrayBuffer(4));
  readonly #value = new DataView(new ArrayBuffer(8));

  /**
   * @param count - entries to load
   * @param capacity - entries that there may be
   * @param entryBytes - bytes of key and value of the data that this stands for
   */
  constructor(count: number, capacity: number, entryBytes: number) {
    this.count = count;
    this.capacity = capacity;
    this.#entryBytes = entryBytes;
    this.description = `${count} simulated entries`;
  }

  /** How many keys there are, those that never exist included. */
  get keyCount(): number {
    return 2 * this.capacity + 2;
  }

  key(index: number): Uint8Array {
    return this.#number(2 * index);
  }

  missingKey(index: number): Uint8Array {
    return this.#number(2 * index + 1);
  }

  value(index: number, version: number): Uint8Array {
    this.#value.setUint32(0, index);
    this.#value.setUint32(4, version);
    return new Uint8Array(this.#value.buffer);
  }

  matches(index: number, version: number, bytes: Uint8Array): boolean {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return bytes.length === 8 && view.getUint32(0) === index && view.getUint32(4) === version;
  }

  entryBytes(): number {
    return this.#entryBytes;
  }

  sorted(): Uint32Array {
    return Uint32Array.from({ length: this.capacity }, (_, index) => index);
  }

  groups(): readonly PrefixGroup[] {
    return [{ prefix: new Uint8Array(), members: this.sorted().subarray(0, this.count) }];
  }

  #number(number: number): Uint8Array {
    this.#key.setUint32(0, number);
    return new Uint8Array(this.#key.buffer);
  }
}

/** The number of a key of {@link SimulatedData}. */
export function keyNumber(key: Uint8Array): number {
  return new DataView(key.buffer, key.byteOffset, key.byteLength).getUint32(0);
}
