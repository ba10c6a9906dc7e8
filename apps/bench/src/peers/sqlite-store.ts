/** SQLite of the runtime (node:sqlite): one table without rowid, write-ahead log, `synchronous` NORMAL or FULL. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { Store, StoreOperation, StoreRange, Visit } from '../stores/store.ts';

interface Row {
  readonly k: Uint8Array;
  readonly v: Uint8Array;
}

/** See the head of the file. */
export class SqliteStore implements Store {
  readonly name = 'node:sqlite';
  readonly directory: string;
  readonly #database: DatabaseSync;
  readonly #put: StatementSync;
  readonly #delete: StatementSync;
  readonly #get: StatementSync;
  readonly #forward: StatementSync;
  readonly #backward: StatementSync;

  private constructor(directory: string, database: DatabaseSync) {
    this.directory = directory;
    this.#database = database;
    this.#put = database.prepare('INSERT OR REPLACE INTO entry VALUES (?, ?)');
    this.#delete = database.prepare('DELETE FROM entry WHERE k = ?');
    this.#get = database.prepare('SELECT v FROM entry WHERE k = ?');
    this.#forward = database.prepare('SELECT k, v FROM entry WHERE k >= ? ORDER BY k LIMIT ?');
    this.#backward = database.prepare('SELECT k, v FROM entry ORDER BY k DESC LIMIT ?');
  }

  /** Opens a new database. */
  static async open(directory: string, durability: string): Promise<SqliteStore> {
    mkdirSync(directory, { recursive: true });
    const database = new DatabaseSync(join(directory, 'peer.sqlite'));
    database.exec('PRAGMA journal_mode = WAL');
    database.exec(`PRAGMA synchronous = ${durability === 'fsync' ? 'FULL' : 'NORMAL'}`);
    database.exec('CREATE TABLE entry (k BLOB PRIMARY KEY, v BLOB) WITHOUT ROWID');
    return new SqliteStore(directory, database);
  }

  async put(key: Uint8Array, value: Uint8Array): Promise<void> {
    this.#put.run(key, value);
  }

  async del(key: Uint8Array): Promise<void> {
    this.#delete.run(key);
  }

  async batch(operations: readonly StoreOperation[]): Promise<void> {
    this.#database.exec('BEGIN');
    for (const { key, value } of operations) this.#put.run(key, value);
    this.#database.exec('COMMIT');
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.getSync(key);
  }

  getSync(key: Uint8Array): Uint8Array | undefined {
    return (this.#get.get(key) as Row | undefined)?.v;
  }

  scan(range: StoreRange, visit: Visit): number {
    const limit = range.limit ?? -1;
    const rows =
      range.reverse === true
        ? this.#backward.iterate(limit)
        : this.#forward.iterate(range.gte ?? new Uint8Array(0), limit);
    let count = 0;
    for (const row of rows) {
      const { k, v } = row as unknown as Row;
      visit(k, v);
      count++;
    }
    return count;
  }

  async flush(): Promise<void> {}

  async idle(): Promise<void> {}

  async close(): Promise<void> {
    this.#database.close();
  }
}
