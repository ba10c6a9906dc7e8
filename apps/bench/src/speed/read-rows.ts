/** Rows of lookups and scans over tables whose blocks are all cached; that tables were asked is checked. */
import type { Db } from '@lsm/engine';
import { VoidFigure } from '../run/checks.ts';
import type { WorkDirectory } from '../run/work-directory.ts';
import { openTables } from './open-tables.ts';
import { SpeedKeys, type SpeedRows, scattered } from './speed-rows.ts';

const SMALL_ENTRIES = 100_000;
const LOOKUPS = 200_000;
const MANY = 100;

/** Adds the rows. */
export async function measureReads(
  rows: SpeedRows,
  directory: WorkDirectory,
  entries: number,
): Promise<void> {
  await withTables(directory, SMALL_ENTRIES, async (db) => {
    await lookups(rows, db, SMALL_ENTRIES);
    const target = new Uint8Array(128);
    const keys = new SpeedKeys();
    await rows.time(`getInto, ${SMALL_ENTRIES} keys`, '–', LOOKUPS, (round) => {
      for (let i = 0; i < LOOKUPS; i++) {
        db.getInto(keys.of(scattered(i + round, SMALL_ENTRIES)), target);
      }
    });
  });
  await withTables(directory, entries, async (db) => {
    await lookups(rows, db, entries);
    await otherLookups(rows, db, entries);
    await scans(rows, db, entries);
  });
}

async function lookups(rows: SpeedRows, db: Db, entries: number): Promise<void> {
  const keys = new SpeedKeys();
  const before = db.stats().counters;
  await rows.time(`getSync, ${entries} keys`, '–', LOOKUPS, (round) => {
    for (let i = 0; i < LOOKUPS; i++) db.getSync(keys.of(scattered(i + round * LOOKUPS, entries)));
  });
  const { counters, tables } = db.stats();
  const gets = counters.gets - before.gets;
  if (tables === 0 || counters.runsProbed - before.runsProbed < gets / 2) {
    throw new VoidFigure('The lookups did not go to tables.');
  }
}

async function otherLookups(rows: SpeedRows, db: Db, entries: number): Promise<void> {
  const keys = new SpeedKeys();
  const place = (i: number, round: number): number => scattered(i + round * LOOKUPS, entries);
  await rows.time(`getSync of missing keys, ${entries} keys`, '–', LOOKUPS, (round) => {
    for (let i = 0; i < LOOKUPS; i++) {
      db.getSync(keys.missing(place(i, round)));
    }
  });
  await rows.time(`await get, ${entries} keys`, '–', LOOKUPS, async (round) => {
    for (let i = 0; i < LOOKUPS; i++) await db.get(keys.of(place(i, round)));
  });
  const groups = Array.from({ length: LOOKUPS / MANY }, (_, g) =>
    Array.from({ length: MANY }, (__, i) => keys.of(place(g * MANY + i, 7)).slice()),
  );
  await rows.time(`getManySync of ${MANY}, per key`, '–', LOOKUPS, () => {
    for (const group of groups) db.getManySync(group);
  });
}

async function scans(rows: SpeedRows, db: Db, entries: number): Promise<void> {
  const counted = (count: number): void => {
    if (count !== entries) throw new VoidFigure(`A scan returned ${count} of ${entries} entries.`);
  };
  await rows.time('for await over entries(), per entry', '–', entries, async () => {
    let count = 0;
    for await (const entry of db.entries()) count += entry.length - 1;
    counted(count);
  });
  await rows.time('nextBatchSync(1000), per entry', '–', entries, () => {
    const iterator = db.entries();
    let count = 0;
    for (let batch = iterator.nextBatchSync(1000); batch.length > 0; ) {
      count += batch.length;
      batch = iterator.nextBatchSync(1000);
    }
    iterator.close();
    counted(count);
  });
}

async function withTables(
  directory: WorkDirectory,
  entries: number,
  work: (db: Db) => Promise<void>,
): Promise<void> {
  const { db, path } = await openTables(directory, entries);
  await work(db);
  await db.close();
  directory.drop(path);
}
