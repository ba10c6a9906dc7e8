/** Rows of writes, into a memtable that takes them all: the way of a write without flush and merge. */
import { type Db, type Durability, open } from '@lsm/engine';
import type { WorkDirectory } from '../run/work-directory.ts';
import { ROUNDS, SPEED_VALUES, SpeedKeys, type SpeedRows } from './speed-rows.ts';

const SYNC_PUTS = 200_000;
const AWAITED_PUTS = 100_000;
const IN_FLIGHT = 256;
const BATCH = 1000;
const DURABLE_PUTS = 300;
const MEMORY = { memoryBytes: 1 << 30, memtableBytes: 512 << 20 };

/** Adds the rows. */
export async function measureWrites(rows: SpeedRows, directory: WorkDirectory): Promise<void> {
  const keys = new SpeedKeys();
  const putAll = (db: Db, round: number): void => {
    for (let i = 0; i < SYNC_PUTS; i++) db.putSync(keys.of(round * SYNC_PUTS + i), value(i));
  };
  await withDb(directory, 'memory', (db) =>
    rows.time('putSync', 'memory', SYNC_PUTS, (round) => putAll(db, round)),
  );
  await withDb(directory, 'os', async (db) => {
    await rows.time('putSync', 'os', SYNC_PUTS, (round) => putAll(db, round));
    const next = ROUNDS * SYNC_PUTS;
    await rows.time('await put, one by one', 'os', AWAITED_PUTS, async (round) => {
      const first = next + round * AWAITED_PUTS;
      for (let i = 0; i < AWAITED_PUTS; i++) await db.put(keys.of(first + i), value(i));
    });
  });
  await withDb(directory, 'os', async (db) => {
    await rows.time(`await put, ${IN_FLIGHT} in flight`, 'os', SYNC_PUTS, async (round) => {
      for (let i = 0; i < SYNC_PUTS; ) {
        const group: Promise<void>[] = [];
        for (let j = 0; j < IN_FLIGHT && i < SYNC_PUTS; j++, i++) {
          group.push(db.put(keys.of(round * SYNC_PUTS + i), value(i)));
        }
        await Promise.all(group);
      }
    });
  });
  await withDb(directory, 'os', async (db) => {
    const batches = Array.from({ length: (ROUNDS * SYNC_PUTS) / BATCH }, (_, b) =>
      Array.from({ length: BATCH }, (__, i) => ({
        type: 'put' as const,
        key: keys.of(b * BATCH + i).slice(),
        value: value(i),
      })),
    );
    const perRound = SYNC_PUTS / BATCH;
    await rows.time(`batchSync of ${BATCH}, per entry`, 'os', SYNC_PUTS, (round) => {
      for (let b = 0; b < perRound; b++) db.batchSync(batches[round * perRound + b]!);
    });
  });
  await withDb(directory, 'fsync', (db) =>
    rows.time('putSync', 'fsync', DURABLE_PUTS, (round) => {
      for (let i = 0; i < DURABLE_PUTS; i++)
        db.putSync(keys.of(round * DURABLE_PUTS + i), value(i));
    }),
  );
}

function value(i: number): Uint8Array {
  return SPEED_VALUES[i & 63]!;
}

async function withDb(
  directory: WorkDirectory,
  durability: Durability,
  work: (db: Db) => Promise<void>,
): Promise<void> {
  const path = directory.next();
  const db = await open(path, { ...MEMORY, durability });
  await work(db);
  await db.close();
  directory.drop(path);
}
