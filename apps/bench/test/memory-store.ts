/** A store in memory for the tests of the bench: a map, sorted when it is scanned; it can be told to lie. */
import { compareBytes } from '@lsm/core';
import type { Store, StoreOperation, StoreRange, Visit } from '../src/stores/store.ts';

export class MemoryStore implements Store {
  readonly name = 'memory';
  readonly directory: string;
  readonly #entries = new Map<string, Uint8Array>();
  /** Puts from this one on are lost. */
  losesFrom: number = Number.POSITIVE_INFINITY;
  puts = 0;
  closed = false;

  constructor(directory: string) {
    this.directory = directory;
  }

  async put(key: Uint8Array, value: Uint8Array): Promise<void> {
    if (++this.puts >= this.losesFrom) return;
    this.#entries.set(Buffer.from(key).toString('latin1'), value.slice());
  }

  async del(key: Uint8Array): Promise<void> {
    this.#entries.delete(Buffer.from(key).toString('latin1'));
  }

  async deletePrefix(prefix: Uint8Array): Promise<void> {
    const text = Buffer.from(prefix).toString('latin1');
    for (const key of this.#entries.keys()) if (key.startsWith(text)) this.#entries.delete(key);
  }

  async deleteRange(gte: Uint8Array, lt: Uint8Array): Promise<void> {
    const [from, to] = [gte, lt].map((key) => Buffer.from(key).toString('latin1'));
    for (const key of this.#entries.keys()) {
      if (key >= from! && key < to!) this.#entries.delete(key);
    }
  }

  async batch(operations: readonly StoreOperation[]): Promise<void> {
    for (const { key, value } of operations) void this.put(key, value);
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.getSync(key);
  }

  getSync(key: Uint8Array): Uint8Array | undefined {
    return this.#entries.get(Buffer.from(key).toString('latin1'));
  }

  scan(range: StoreRange, visit: Visit): number {
    let all = [...this.#entries].map(([key, value]) => ({
      key: Buffer.from(key, 'latin1'),
      value,
    }));
    all.sort((a, b) => compareBytes(a.key, b.key));
    if (range.gte !== undefined) all = all.filter(({ key }) => compareBytes(key, range.gte!) >= 0);
    if (range.prefix !== undefined) {
      const text = Buffer.from(range.prefix).toString('latin1');
      all = all.filter(({ key }) => key.toString('latin1').startsWith(text));
    }
    if (range.reverse === true) all.reverse();
    all = all.slice(0, range.limit ?? all.length);
    for (const { key, value } of all) visit(key, value);
    return all.length;
  }

  async flush(): Promise<void> {}
  async idle(): Promise<void> {}
  async close(): Promise<void> {
    this.closed = true;
  }
}
