/** The engine behind the bench's seam. */
import { type Db, type OpenOptions, open } from '@lsm/engine';
import type { Store, StoreEvent, StoreOperation, StoreRange, StoreStats, Visit } from './store.ts';

const SCAN_BATCH = 256;

/** See the head of the file. */
export class EngineStore implements Store {
  readonly name = 'lsm';
  readonly directory: string;
  /** For measurements of calls that the seam does not have. */
  readonly db: Db;

  private constructor(db: Db, directory: string) {
    this.db = db;
    this.directory = directory;
  }

  /** Opens a new database. */
  static async open(directory: string, options: Record<string, unknown>): Promise<EngineStore> {
    return new EngineStore(
      await open(directory, { ...(options as OpenOptions), errorIfExists: true }),
      directory,
    );
  }

  put(key: Uint8Array, value: Uint8Array): Promise<void> {
    return this.db.put(key, value);
  }

  putSync(key: Uint8Array, value: Uint8Array): void {
    this.db.putSync(key, value);
  }

  del(key: Uint8Array): Promise<void> {
    return this.db.del(key);
  }

  deletePrefix(prefix: Uint8Array): Promise<void> {
    return this.db.delRange({ prefix });
  }

  deleteRange(gte: Uint8Array, lt: Uint8Array): Promise<void> {
    return this.db.delRange({ gte, lt });
  }

  batch(operations: readonly StoreOperation[]): Promise<void> {
    return this.db.batch(operations);
  }

  get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.db.get(key);
  }

  getSync(key: Uint8Array): Uint8Array | undefined {
    return this.db.getSync(key);
  }

  scan(range: StoreRange, visit: Visit): number {
    const iterator = this.db.entries(range);
    let count = 0;
    try {
      for (;;) {
        const batch = iterator.nextBatchSync(SCAN_BATCH);
        for (const [key, value] of batch) visit(key, value);
        count += batch.length;
        if (batch.length < SCAN_BATCH) return count;
      }
    } finally {
      iterator.close();
    }
  }

  flush(): Promise<void> {
    return this.db.flush();
  }

  idle(): Promise<void> {
    return this.db.idle();
  }

  compact(): Promise<void> {
    return this.db.compact();
  }

  stats(): StoreStats {
    return this.db.stats();
  }

  onEvent(listener: (event: StoreEvent) => void): void {
    this.db.on('flushEnd', ({ ms, bytes }) => {
      listener({ kind: 'flush', ms, detail: `${bytes} bytes` });
    });
    this.db.on('compactionEnd', ({ ms, kind, reason, level, writtenBytes }) => {
      const detail = `${kind} to level ${level}, ${writtenBytes} bytes: ${reason}`;
      listener({ kind: 'compaction', ms, detail });
    });
    this.db.on('stallEnd', ({ ms, cause }) => {
      listener({ kind: 'stall', ms, detail: cause });
    });
    this.db.on('slowdown', ({ cause }) => {
      listener({ kind: 'slowdown', ms: 0, detail: cause });
    });
  }

  close(): Promise<void> {
    return this.db.close();
  }
}
