/** LevelDB through classic-level, with its defaults (write buffer 4 MiB, cache 8 MiB, snappy). */
import type { Store, StoreOperation, StoreRange, Visit } from '../stores/store.ts';
import { loadPeer } from './load-peer.ts';

interface Iterator {
  nextv(size: number): Promise<[Uint8Array, Uint8Array][]>;
  close(): Promise<void>;
}

interface Level {
  open(): Promise<void>;
  put(key: Uint8Array, value: Uint8Array, options: object): Promise<void>;
  del(key: Uint8Array, options: object): Promise<void>;
  batch(operations: readonly StoreOperation[], options: object): Promise<void>;
  get(key: Uint8Array): Promise<Uint8Array | undefined>;
  getSync(key: Uint8Array): Uint8Array | undefined;
  iterator(range: object): Iterator;
  close(): Promise<void>;
}

const SCAN_BATCH = 1000;

/** See the head of the file. */
export class ClassicLevelStore implements Store {
  readonly name = 'classic-level';
  readonly directory: string;
  readonly #level: Level;
  readonly #options: object;

  private constructor(directory: string, level: Level, sync: boolean) {
    this.directory = directory;
    this.#level = level;
    this.#options = { sync };
  }

  /** Opens a new database. */
  static async open(directory: string, durability: string): Promise<ClassicLevelStore> {
    const { ClassicLevel } = loadPeer('classic-level') as {
      ClassicLevel: new (path: string, options: object) => Level;
    };
    const level = new ClassicLevel(directory, { keyEncoding: 'view', valueEncoding: 'view' });
    await level.open();
    return new ClassicLevelStore(directory, level, durability === 'fsync');
  }

  put(key: Uint8Array, value: Uint8Array): Promise<void> {
    return this.#level.put(key, value, this.#options);
  }

  del(key: Uint8Array): Promise<void> {
    return this.#level.del(key, this.#options);
  }

  batch(operations: readonly StoreOperation[]): Promise<void> {
    return this.#level.batch(operations, this.#options);
  }

  get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#level.get(key);
  }

  getSync(key: Uint8Array): Uint8Array | undefined {
    return this.#level.getSync(key);
  }

  async scan(range: StoreRange, visit: Visit): Promise<number> {
    const iterator = this.#level.iterator(range);
    let count = 0;
    try {
      for (;;) {
        const batch = await iterator.nextv(Math.min(SCAN_BATCH, range.limit ?? SCAN_BATCH));
        if (batch.length === 0) return count;
        for (const [key, value] of batch) visit(key, value);
        count += batch.length;
        if (count === range.limit) return count;
      }
    } finally {
      await iterator.close();
    }
  }

  async flush(): Promise<void> {}

  async idle(): Promise<void> {}

  close(): Promise<void> {
    return this.#level.close();
  }
}
