/**
 * Rows of writes until the first memtable is full: the way of a write without flush and merge.
 *
 * Every round has a fresh database with the default options. The raw write of the same bytes, which no write that
 * reaches the system can beat, takes its turn among them.
 */
import { type Db, type Durability, open } from '@lsm/engine';
import { VoidFigure } from '../run/checks.ts';
import type { WorkDirectory } from '../run/work-directory.ts';
import { rawWrites } from './raw-writes.ts';
import { SpeedKeys, type SpeedRows, type SpeedTask, speedValue as value } from './speed-rows.ts';

/** Fills five sixths of a memtable of the default size. */
const PUTS = 150_000;
const IN_FLIGHT = 256;
const BATCH = 1000;
const DURABLE_PUTS = 300;
const ROUNDS = 5;
/** A memtable of a million entries, and what is measured in it. */
const MILLION = 1_000_000;
const LARGE = { memoryBytes: 1 << 30, memtableBytes: 512 << 20 };
const LARGE_PUTS = 100_000;

const keys = new SpeedKeys();

/** Adds the rows. */
export async function measureWrites(rows: SpeedRows, directory: WorkDirectory): Promise<void> {
  await rows.inTurns(
    [
      rawWrites(directory, PUTS),
      fresh(directory, 'putSync', 'memory', PUTS, putAll),
      fresh(directory, 'putSync', 'os', PUTS, putAll),
      fresh(directory, 'await put, one by one', 'os', PUTS, awaitEach),
      fresh(directory, `await put, ${IN_FLIGHT} in flight`, 'os', PUTS, awaitGroups),
      batches(directory),
    ],
    ROUNDS,
  );
  await intoLargeMemtable(rows, directory);
  await rows.inTurns([fresh(directory, 'putSync', 'fsync', DURABLE_PUTS, putAll)], ROUNDS);
}

type Work = (db: Db, count: number, round: number) => void | Promise<void>;

function putAll(db: Db, count: number, round: number): void {
  for (let i = 0; i < count; i++) db.putSync(keys.of(round * count + i), value(i));
}

async function awaitEach(db: Db, count: number, round: number): Promise<void> {
  for (let i = 0; i < count; i++) await db.put(keys.of(round * count + i), value(i));
}

async function awaitGroups(db: Db, count: number, round: number): Promise<void> {
  for (let i = 0; i < count; ) {
    const group: Promise<void>[] = [];
    for (let j = 0; j < IN_FLIGHT && i < count; j++, i++) {
      group.push(db.put(keys.of(round * count + i), value(i)));
    }
    await Promise.all(group);
  }
}

/** A task whose rounds have a fresh database each. */
function fresh(
  directory: WorkDirectory,
  name: string,
  durability: Durability,
  operations: number,
  work: Work,
): SpeedTask {
  const path = directory.next();
  let db: Db;
  return {
    name,
    durability,
    operations,
    async before() {
      db = await open(path, { durability });
    },
    work: (round) => work(db, operations, round),
    async after() {
      if (db.stats().counters.flushes > 0) throw new VoidFigure('A memtable was flushed.');
      await db.close();
      directory.drop(path);
    },
  };
}

function batches(directory: WorkDirectory): SpeedTask {
  const operations = Array.from({ length: BATCH }, (_, i) => ({
    type: 'put' as const,
    key: new Uint8Array(16),
    value: value(i),
  }));
  return fresh(directory, `batchSync of ${BATCH}, per entry`, 'os', PUTS, (db, count, round) => {
    for (let i = 0; i < count; i += BATCH) {
      for (let j = 0; j < BATCH; j++) operations[j]!.key.set(keys.of(round * count + i + j));
      db.batchSync(operations);
    }
  });
}

/** The same calls where the index of the memtable is out of the processor's caches. */
async function intoLargeMemtable(rows: SpeedRows, directory: WorkDirectory): Promise<void> {
  const path = directory.next();
  const db = await open(path, { ...LARGE, durability: 'os' });
  const groups = MILLION / BATCH;
  for (let group = 0; group < groups; group++) {
    const first = group * BATCH;
    db.batchSync(
      Array.from({ length: BATCH }, (_, i) => ({
        type: 'put' as const,
        key: keys.of(first + i).slice(),
        value: value(i),
      })),
    );
  }
  const first = (round: number): number => MILLION / LARGE_PUTS + 2 * round;
  await rows.inTurns(
    [
      {
        name: 'putSync, among 1 M entries',
        durability: 'os',
        operations: LARGE_PUTS,
        work: (round) => putAll(db, LARGE_PUTS, first(round)),
      },
      {
        name: 'await put, one by one, among 1 M entries',
        durability: 'os',
        operations: LARGE_PUTS,
        work: (round) => awaitEach(db, LARGE_PUTS, first(round) + 1),
      },
    ],
    ROUNDS,
  );
  if (db.stats().counters.flushes > 0) throw new VoidFigure('A memtable was flushed.');
  await db.close();
  directory.drop(path);
}
