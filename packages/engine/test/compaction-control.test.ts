import { memoryFileSystem } from '@lsm/fs';
import { expect, test } from 'vitest';
import { type Db, open } from '../src/index.ts';
import { text } from './support/open.ts';

const openSmall = (): Promise<Db> =>
  open('db', { fs: memoryFileSystem(), memtableBytes: 16_384, tableBytes: 16_384 });

async function writeRuns(db: Db, runs: number, from: number): Promise<void> {
  for (let run = from; run < from + runs; run++) {
    for (let i = 0; i < 100; i++) db.putSync(`key${i}`, `${run}`.padEnd(60, '.'));
    await db.flush();
  }
}

function expectNewest(db: Db, run: number): void {
  for (let i = 0; i < 100; i++) {
    expect(text(db.getSync(`key${i}`))).toBe(`${run}`.padEnd(60, '.'));
  }
}

test('a paused database flushes and does not merge; resumed, it catches up', async () => {
  await using db = await openSmall();
  await db.compaction.pause();
  expect(db.compaction.paused).toBe(true);
  const before = db.stats().counters;
  await writeRuns(db, 24, 0);
  const paused = db.stats();
  expect(paused.counters.compactions + paused.counters.moves).toBe(
    before.compactions + before.moves,
  );
  expect(paused.counters.flushes).toBeGreaterThanOrEqual(24);
  expect(paused.runs).toBe(paused.counters.flushes);
  expect(paused.counters.stalls + paused.counters.slowdowns).toBe(0);
  await db.idle();
  expectNewest(db, 23);

  db.compaction.resume();
  await db.idle();
  expect(db.compaction.paused).toBe(false);
  expect(db.stats().runs).toBeLessThan(12);
  expectNewest(db, 23);
});

test('pause waits for running tasks, and a manual compaction works meanwhile', async () => {
  await using db = await openSmall();
  await writeRuns(db, 4, 0);
  await db.compaction.pause();
  const { compactions } = db.stats().counters;
  await writeRuns(db, 6, 4);
  expect(db.stats().counters.compactions).toBe(compactions);
  await db.compact();
  expect(db.stats().runs).toBe(1);
  expectNewest(db, 9);
});

test('a pause ends with the database, and a closed one refuses it', async () => {
  const db = await openSmall();
  await writeRuns(db, 4, 0);
  const pausing = db.compaction.pause();
  await db.close();
  await pausing;
  expect(() => db.compaction.resume()).toThrow('closed');
  await expect(db.compaction.pause()).rejects.toMatchObject({ code: 'LSM_CLOSED' });
});
