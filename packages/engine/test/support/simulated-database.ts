/**
 * The database inside a simulation: files, time, randomness and the interleaving of background work follow from seeds.
 *
 * 1. Promises of the database only settle when the clock is stepped. `DrivenDatabase` steps it while it waits for one,
 *    so that a promise nobody would ever settle is a "Deadlock" error instead of a test that hangs.
 * 2. Between two operations, background work moves on by a random number of tasks.
 * 3. Looking at the time lets some of it pass, so that time slices end at random borders.
 */
import type { Clock, FileSystem, Random } from '@lsm/core';
import { seededRandom } from '@lsm/core';
import { type Db, type OpenOptions, open, type Snapshot } from '@lsm/engine';
import {
  type CursorUnderTest,
  type DatabaseAdapter,
  type DatabaseUnderTest,
  type KeyRange,
  type ModelWrite,
  type ReadUnderTest,
  type ScanUnderTest,
  SimulatedClock,
  type WriteUnderTest,
} from '@lsm/testkit';
import { TINY } from './open.ts';

/** Directory of simulated databases. */
export const DIRECTORY = 'db';

/** Strategies that operation lists swap between. */
export const STRATEGIES = ['leveled', 'tiered', 'hybrid'] as const;

/** A clock that goes on a little whenever somebody looks at it. */
class RestlessClock extends SimulatedClock implements Clock {
  readonly #random: Random;

  constructor(random: Random) {
    super(1_767_225_600_000, random);
    this.#random = random;
  }

  override elapsed(): number {
    const draw = this.#random.next();
    if ((draw & 3) === 0) this.advance((draw >>> 8) % 4);
    return super.elapsed();
  }
}

/** An open database together with the clock that drives it. */
export class DrivenDatabase implements DatabaseUnderTest<Snapshot> {
  readonly db: Db;
  readonly clock: SimulatedClock;

  constructor(db: Db, clock: SimulatedClock) {
    this.db = db;
    this.clock = clock;
  }

  /** Lets everything go on until a promise of the database is settled. */
  run<T>(work: Promise<T>): Promise<T> {
    return this.clock.run(work);
  }

  put(key: Uint8Array, value: Uint8Array, options?: WriteUnderTest): Promise<void> {
    return this.run(this.db.put(key, value, options));
  }

  putSync(key: Uint8Array, value: Uint8Array, options?: WriteUnderTest): void {
    this.db.putSync(key, value, options);
  }

  del(key: Uint8Array, options?: WriteUnderTest): Promise<void> {
    return this.run(this.db.del(key, options));
  }

  delSync(key: Uint8Array, options?: WriteUnderTest): void {
    this.db.delSync(key, options);
  }

  delRange(range: KeyRange, options: WriteUnderTest = {}): Promise<void> {
    return this.run(this.db.delRange(range, options));
  }

  delRangeSync(range: KeyRange, options: WriteUnderTest = {}): void {
    this.db.delRangeSync(range, options);
  }

  batch(writes: readonly ModelWrite[], options?: WriteUnderTest): Promise<void> {
    return this.run(this.db.batch(writes, options));
  }

  batchSync(writes: readonly ModelWrite[], options?: WriteUnderTest): void {
    this.db.batchSync(writes, options);
  }

  get(key: Uint8Array, options?: ReadUnderTest<Snapshot>): Promise<Uint8Array | undefined> {
    return this.run(this.db.get(key, options));
  }

  getSync(key: Uint8Array, options?: ReadUnderTest<Snapshot>): Uint8Array | undefined {
    return this.db.getSync(key, options);
  }

  getMany(
    keys: readonly Uint8Array[],
    options?: ReadUnderTest<Snapshot>,
  ): Promise<(Uint8Array | undefined)[]> {
    return this.run(this.db.getMany(keys, options));
  }

  getManySync(
    keys: readonly Uint8Array[],
    options?: ReadUnderTest<Snapshot>,
  ): (Uint8Array | undefined)[] {
    return this.db.getManySync(keys, options);
  }

  entries(range?: ScanUnderTest<Snapshot>): CursorUnderTest {
    return driveCursor(this.db.entries(range), this.clock);
  }

  snapshot(): Snapshot {
    return this.db.snapshot();
  }

  flush(): Promise<void> {
    return this.run(this.db.flush());
  }

  sync(): Promise<void> {
    return this.run(this.db.sync());
  }

  compact(range?: KeyRange): Promise<void> {
    return this.run(this.db.compact(range));
  }

  close(): Promise<void> {
    return this.run(this.db.close());
  }
}

function driveCursor(cursor: CursorUnderTest, clock: SimulatedClock): CursorUnderTest {
  return {
    nextSync: () => cursor.nextSync(),
    next: () => clock.run(cursor.next()),
    nextBatchSync: (count) => cursor.nextBatchSync(count),
    nextBatch: (count) => clock.run(cursor.nextBatch(count)),
    seek: (key) => cursor.seek(key),
    close: () => cursor.close(),
    [Symbol.iterator]: () => cursor[Symbol.iterator](),
    [Symbol.asyncIterator]() {
      const iterator = cursor[Symbol.asyncIterator]();
      return { next: () => clock.run(iterator.next()) };
    },
  };
}

/** How a simulated database is opened. */
export interface SimulationOptions extends OpenOptions {
  /** Decides ids, time and the order of background work; default 1. */
  readonly seed?: number;
}

/** Opens a tiny database on a simulated disk. */
export async function openSimulated(
  fs: FileSystem,
  { seed = 1, ...options }: SimulationOptions = {},
  directory: string = DIRECTORY,
): Promise<DrivenDatabase> {
  const random = seededRandom(seed);
  const clock = new RestlessClock(seededRandom(seed ^ 0x5bd1e995));
  const db = await clock.run(open(directory, { ...TINY, ...options, fs, clock, random }));
  return new DrivenDatabase(db, clock);
}

/** The engine as the interpreter of operation lists wants it. */
export function simulatedAdapter({
  seed = 1,
  ...options
}: SimulationOptions = {}): DatabaseAdapter<Snapshot> {
  const random = seededRandom(seed);
  const driven = (database: DatabaseUnderTest<Snapshot>): DrivenDatabase =>
    database as DrivenDatabase;
  return {
    durability: options.durability ?? 'os',
    strategies: STRATEGIES.length,
    // Every opening draws other ids and another course of time, as in life.
    open: (fs) => openSimulated(fs, { ...options, seed: random.next() | 0 }),
    async swapStrategy(database, index) {
      const { db, clock } = driven(database);
      await clock.run(db.setCompaction(STRATEGIES[index % STRATEGIES.length]!));
    },
    settle: (database) => driven(database).run(driven(database).db.idle()),
    checkInvariants(database) {
      const { clock } = driven(database);
      for (let steps = random.next() % 3; steps > 0; steps--) clock.step();
    },
  };
}
