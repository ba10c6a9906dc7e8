/**
 * LMDB through lmdb-js: `noSync` unless every write is to be synced, reads by `getBinary` (a copy that the caller
 * owns), no compression.
 */
import type { Store, StoreOperation, StoreRange, Visit } from '../stores/store.ts';
import { loadPeer } from './load-peer.ts';

interface Lmdb {
  put(key: Uint8Array, value: Uint8Array): Promise<boolean>;
  putSync(key: Uint8Array, value: Uint8Array): boolean;
  remove(key: Uint8Array): Promise<boolean>;
  batch(work: () => void): Promise<boolean>;
  getBinary(key: Uint8Array): Uint8Array | undefined;
  getRange(range: object): Iterable<{ key: Uint8Array; value: Uint8Array }>;
  flushed: Promise<boolean>;
  close(): Promise<void>;
}

/** See the head of the file. */
export class LmdbStore implements Store {
  readonly name = 'lmdb';
  readonly directory: string;
  readonly #lmdb: Lmdb;

  private constructor(directory: string, lmdb: Lmdb) {
    this.directory = directory;
    this.#lmdb = lmdb;
  }

  /** Opens a new database. */
  static async open(directory: string, durability: string): Promise<LmdbStore> {
    const { open } = loadPeer('lmdb') as { open: (options: object) => Lmdb };
    const lmdb = open({
      path: `${directory}/`,
      encoding: 'binary',
      keyEncoding: 'binary',
      noSync: durability !== 'fsync',
      compression: false,
    });
    return new LmdbStore(directory, lmdb);
  }

  put(key: Uint8Array, value: Uint8Array): Promise<unknown> {
    // Both are read when the transaction runs, so they have to stay.
    return this.#lmdb.put(key.slice(), value.slice());
  }

  del(key: Uint8Array): Promise<unknown> {
    return this.#lmdb.remove(key.slice());
  }

  batch(operations: readonly StoreOperation[]): Promise<unknown> {
    return this.#lmdb.batch(() => {
      for (const { key, value } of operations) void this.#lmdb.put(key, value);
    });
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#lmdb.getBinary(key);
  }

  getSync(key: Uint8Array): Uint8Array | undefined {
    return this.#lmdb.getBinary(key);
  }

  scan(range: StoreRange, visit: Visit): number {
    const { gte, lt, limit, reverse } = range;
    const bounds = reverse === true ? { start: lt, end: gte } : { start: gte, end: lt };
    let count = 0;
    for (const { key, value } of this.#lmdb.getRange({
      ...(bounds.start === undefined ? {} : { start: bounds.start }),
      ...(bounds.end === undefined ? {} : { end: bounds.end }),
      ...(limit === undefined ? {} : { limit }),
      reverse: reverse === true,
    })) {
      visit(key, value);
      count++;
    }
    return count;
  }

  async flush(): Promise<void> {
    await this.#lmdb.flushed;
  }

  async idle(): Promise<void> {}

  close(): Promise<void> {
    return this.#lmdb.close();
  }
}
