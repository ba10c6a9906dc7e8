/** Lives of a database whose disk may fail at any operation: they note what was promised and look all the while. */
import { isLsmError, type LsmError } from '@lsm/core';
import type { Db, Durability } from '@lsm/engine';
import {
  formatEntries,
  ModelDatabase,
  type ModelEntry,
  type ModelWrite,
  type SimulatedFileSystem,
} from '@lsm/testkit';
import {
  type DrivenDatabase,
  openSimulated,
  type SimulationOptions,
} from './simulated-database.ts';
import { bytes, del, expectCommit, put } from './simulated-history.ts';
import { unlocked } from './simulated-scripts.ts';

/** What a call may be refused with while the disk fails. */
const DISK_CODES = ['LSM_IO', 'LSM_DISK_FULL', 'LSM_READ_ONLY', 'LSM_COMMIT_UNKNOWN'];

/** Passes on what is no refusal by the disk, or does not say where it happened. */
export function requireDiskError(error: unknown): LsmError {
  if (!isLsmError(error) || !DISK_CODES.includes(error.code)) throw error;
  if (error.file === undefined) throw new Error('The error names no file', { cause: error });
  if (/^Cannot (read|write)\b/.test(error.message) && error.offset === undefined) {
    throw new Error('The error of a transfer names no offset', { cause: error });
  }
  return error;
}

/** One life under faults, and the model of what it was promised. */
export class Life {
  readonly model: ModelDatabase = new ModelDatabase();
  readonly options: SimulationOptions;
  /** `null` until it is open. */
  database: DrivenDatabase | null = null;
  /** Commits that are durable. */
  durableCommits = 0;
  /** Batches that were rejected since the last one that was accepted. */
  rejected: (readonly ModelWrite[])[] = [];
  /** What became of `close`. */
  closed: 'no' | 'well' | 'failed' = 'no';
  /** Commit that the checkpoint `copy` was made at; −1: there is none. */
  copied = -1;

  constructor(options: SimulationOptions) {
    this.options = { memtableBytes: 4096, ...options };
  }

  /** From an empty disk: writes of all kinds, flushes, a merge, a change of the strategy. */
  async fresh(fs: SimulatedFileSystem): Promise<void> {
    const { db } = await this.#open(fs);
    for (let i = 0; i < 12; i++) {
      const writes = [i % 4 === 3 ? del(`k${i - 2}`) : put(`k${i % 5}`, i, 60 + i)];
      const durability: Durability | undefined = i % 3 === 0 ? 'fsync' : undefined;
      this.#writeSync(writes, durability);
      if (i === 4) await this.#attempt(() => db.flush(), true);
      if (i === 7) await this.#attempt(() => db.sync(), true);
      await this.#writeTogether([[put(`g${i % 3}`, i, 30), put('both', i, 30)]]);
    }
    this.#writeSync([{ type: 'delRange', gte: bytes('k1'), lt: bytes('k3') }]);
    await this.#attempt(() => db.compact());
    await this.#attempt(() => db.setCompaction('tiered'));
  }

  /** From {@link ancestor}'s disk: recovery, readers that stay open, writes at once, a checkpoint, the close. */
  async inherited(fs: SimulatedFileSystem): Promise<void> {
    this.#bequeathed(this.model);
    this.durableCommits = this.model.commits;
    const { db } = await this.#open(fs);
    await this.#lookAsync();
    const seen = this.model.commits;
    const snapshot = db.snapshot();
    const reader = new Reader(db, this.model.entries({}, seen));
    await this.#drive(() => reader.read(3));
    for (let i = 0; i < 4; i++) {
      await this.#writeTogether([
        [put(`k${i}`, i, 300)],
        [put(`k${i + 4}`, i, 300), put('both', i, 9)],
        [i % 2 === 0 ? put('z', i, 600) : { type: 'delRange', gte: bytes('k2'), lt: bytes('k4') }],
      ]);
      if (i === 1) await this.#attempt(() => db.flush(), true);
      await this.#drive(() => reader.read(4));
    }
    await this.#attempt(() => db.compact());
    this.#look(() => {
      const found = [...db.entries({ snapshot })];
      requireEqual(found, this.model.entries({}, seen), 'A snapshot');
    });
    snapshot.close();
    await this.#drive(() => reader.read(100));
    const copied = this.model.commits;
    await this.#attempt(async () => {
      await db.checkpoint('copy');
      this.copied = copied;
    });
    await this.#attempt(async () => void (await db.verify()));
    this.#writeSync([put('last', 1, 40)]);
    await this.#lookAsync();
    this.closed = 'failed';
    await this.#attempt(async () => {
      await db.close();
      this.closed = 'well';
    });
  }

  /** Makes the disk that {@link inherited} starts from: several runs, a log to replay, a process that was killed. */
  async ancestor(fs: SimulatedFileSystem): Promise<SimulatedFileSystem> {
    const { db, clock } = await openSimulated(fs, { ...this.options, durability: 'os' });
    let commits = 0;
    for (const writes of bequests()) {
      db.batchSync(writes);
      if (++commits % 6 === 0 && commits < 18) await clock.run(db.flush());
    }
    return fs.fork();
  }

  #bequeathed(model: ModelDatabase): void {
    for (const writes of bequests()) model.commit(writes);
  }

  async #open(fs: SimulatedFileSystem): Promise<DrivenDatabase> {
    this.database = await openSimulated(unlocked(fs), this.options);
    return this.database;
  }

  #writeSync(writes: readonly ModelWrite[], durability?: Durability): void {
    const { db } = this.database!;
    try {
      db.batchSync(writes, durability === undefined ? {} : { durability });
      this.#accepted(writes, durability);
    } catch (error) {
      this.#rejected(writes, error);
    }
    this.#lookAtAll();
  }

  /** Batches of one turn; the second is to be durable. */
  async #writeTogether(batches: readonly (readonly ModelWrite[])[]): Promise<void> {
    const { db } = this.database!;
    const durabilities = batches.map((_, i): Durability | undefined =>
      i === 1 ? 'fsync' : undefined,
    );
    const calls = batches.map((writes, i) => {
      const durability = durabilities[i];
      return db.batch(writes, durability === undefined ? {} : { durability });
    });
    const outcomes = await this.database!.run(Promise.allSettled(calls));
    for (const [i, outcome] of outcomes.entries()) {
      if (outcome.status === 'fulfilled') this.#accepted(batches[i]!, durabilities[i]);
      else this.#rejected(batches[i]!, outcome.reason);
    }
    this.#lookAtAll();
  }

  #accepted(writes: readonly ModelWrite[], durability?: Durability): void {
    this.model.commit(writes);
    this.rejected = [];
    if ((durability ?? this.options.durability) === 'fsync')
      this.durableCommits = this.model.commits;
  }

  /** Only LSM_COMMIT_UNKNOWN leaves a write in place. */
  #rejected(writes: readonly ModelWrite[], error: unknown): void {
    if (requireDiskError(error).code === 'LSM_COMMIT_UNKNOWN') this.model.commit(writes);
    else this.rejected.push(writes);
  }

  /** A call that the disk may refuse. */
  async #attempt(call: () => Promise<void>, makesDurable = false): Promise<void> {
    const { commits } = this.model;
    await this.#drive(async () => {
      await call();
      if (makesDurable) this.durableCommits = commits;
    });
    if (!this.database!.db.closed) this.#lookAtAll();
  }

  async #drive(call: () => Promise<void>): Promise<void> {
    try {
      await this.database!.run(call());
    } catch (error) {
      requireDiskError(error);
    }
  }

  /** A read may fail while the disk does; it may not be wrong. */
  #look(read: () => void): void {
    try {
      read();
    } catch (error) {
      requireDiskError(error);
    }
  }

  #lookAtAll(): void {
    this.#look(() => void expectCommit(this.database!, this.model, this.model.commits));
  }

  /** As {@link #lookAtAll}, by the calls that may leave the thread. */
  async #lookAsync(): Promise<void> {
    const { db } = this.database!;
    const wanted = this.model.entries();
    await this.#drive(async () => {
      const found: ModelEntry[] = [];
      for await (const entry of db.entries()) found.push(entry);
      requireEqual(found, wanted, 'An asynchronous scan');
    });
    const keys = [bytes('absent'), ...wanted.map(([key]) => key)];
    const values = [undefined, ...wanted.map(([, value]) => value)];
    await this.#drive(async () => {
      const found = await db.getMany(keys);
      for (const [i, value] of found.entries()) requireSame(value, values[i], 'getMany');
    });
    await this.#drive(async () => {
      const outcomes = await Promise.allSettled(keys.map((key) => db.get(key)));
      for (const [i, outcome] of outcomes.entries()) {
        if (outcome.status === 'fulfilled') requireSame(outcome.value, values[i], 'get');
        else requireDiskError(outcome.reason);
      }
    });
  }
}

/** An iterator that stays open while everything changes: what it gives is what was there, in order, without a hole. */
class Reader {
  readonly #iterator: ReturnType<Db['entries']>;
  readonly #wanted: readonly ModelEntry[];
  #given = 0;
  #failed = false;

  constructor(db: Db, wanted: readonly ModelEntry[]) {
    this.#iterator = db.entries();
    this.#wanted = wanted;
  }

  async read(count: number): Promise<void> {
    if (this.#failed) {
      // It must not look as if the range ended there.
      const next = await this.#iterator.nextBatch(count).catch((error: unknown) => error);
      if (!isLsmError(next, 'LSM_ITERATOR_CLOSED')) throw new Error('A failed iterator went on');
      return;
    }
    const start = this.#given;
    try {
      const found = await this.#iterator.nextBatch(count);
      this.#given += found.length;
      requireEqual(found, this.#wanted.slice(start, start + count), 'An iterator');
    } catch (error) {
      this.#failed = true;
      throw error;
    }
  }
}

/** What the first process leaves. */
function* bequests(): Generator<ModelWrite[]> {
  for (let i = 0; i < 22; i++) {
    yield i % 5 === 4
      ? [del(`k${i % 9}`)]
      : [put(`k${(i * 7) % 12}`, i, 80 + i), put(`m${i}`, i, 30)];
  }
}

function requireEqual(
  found: readonly ModelEntry[],
  wanted: readonly ModelEntry[],
  what: string,
): void {
  const text = formatEntries(found);
  const wantedText = formatEntries(wanted);
  const same =
    found.length === wanted.length &&
    found.every(([key, value], i) => {
      const [wantedKey, wantedValue] = wanted[i]!;
      return Buffer.compare(key, wantedKey) === 0 && Buffer.compare(value, wantedValue) === 0;
    });
  if (!same) throw new Error(`${what} gave ${text} instead of ${wantedText}`);
}

function requireSame(
  found: Uint8Array | undefined,
  wanted: Uint8Array | undefined,
  what: string,
): void {
  const same =
    found === undefined || wanted === undefined
      ? found === wanted
      : Buffer.compare(found, wanted) === 0;
  if (!same) throw new Error(`${what} gave a wrong value`);
}
