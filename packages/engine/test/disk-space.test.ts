/** Rule A7: a merge that the disk has no room for is not started, and nothing else suffers from it. */
import { seededRandom } from '@lsm/core';
import { SimulatedClock, SimulatedFileSystem } from '@lsm/testkit';
import { expect, it } from 'vitest';
import { type Db, type LsmError, open } from '../src/index.ts';
import { pairs, TINY } from './support/open.ts';
import { refused } from './support/refused.ts';

/** Room that the engine keeps for flushes. */
const RESERVED_BYTES = 2 * TINY.memtableBytes!;
const RUNS = 6;

interface Small {
  readonly db: Db;
  readonly fs: SimulatedFileSystem;
  readonly clock: SimulatedClock;
  readonly told: string[];
}

/** A database with some runs to merge, on a disk that has room for a quarter of them. */
async function openOnSmallDisk(compaction: 'leveled' | 'tiered' | 'hybrid'): Promise<Small> {
  const fs = new SimulatedFileSystem();
  const clock = new SimulatedClock();
  const options = { ...TINY, fs, clock, random: seededRandom(1), compaction } as const;
  const db = await clock.run(open('db', options));
  const told: string[] = [];
  db.on('error', ({ error }) => told.push(error.code));
  db.on('diskShort', ({ neededBytes, freeBytes }) => {
    expect(neededBytes).toBeGreaterThan(freeBytes);
    expect(freeBytes).toBe(Math.max(0, fs.freeBytesSync() - RESERVED_BYTES));
    told.push('short');
  });
  await clock.run(db.compaction.pause());
  for (let run = 0; run < RUNS; run++) {
    for (let i = 0; i < 60; i++) db.putSync(`k${i}`, `${run}`.repeat(100));
    await clock.run(db.flush());
  }
  fs.capacityBytes = fs.usedBytes + RESERVED_BYTES + db.stats().tableBytes / 4;
  return { db, fs, clock, told };
}

/** Steps the clock until `done`, at most for a while. */
async function stepUntil(clock: SimulatedClock, done: () => boolean): Promise<void> {
  for (let steps = 0; steps < 10_000 && !done(); steps++) {
    clock.step();
    await Promise.resolve();
  }
  expect(done()).toBe(true);
}

it.each(['leveled', 'tiered', 'hybrid'] as const)(
  'a merge that does not fit on the disk is not started, and runs when there is space: %s',
  async (strategy) => {
    const { db, fs, clock, told } = await openOnSmallDisk(strategy);
    const before = pairs(db);
    const { runs } = db.stats();
    db.compaction.resume();
    await clock.run(db.idle());
    expect(told).toEqual(['short']);
    const short = db.stats();
    expect(short.disk).toEqual({ freeBytes: fs.freeBytesSync(), isShort: true });
    expect(short.counters).toMatchObject({ compactions: 0, diskShortages: 1 });
    expect(short.runs).toBe(runs);
    expect(db.compaction.strategy.name).toBe(strategy);
    // Writing, flushing and reading go on; the shortage is told once.
    await clock.run(db.put('more', '1'));
    await clock.run(db.flush());
    await clock.run(db.idle());
    expect(pairs(db)).toEqual([...before, 'more=1']);
    expect(told).toEqual(['short']);
    // Nobody has to write or ask: the space is noticed.
    fs.capacityBytes = Number.POSITIVE_INFINITY;
    await stepUntil(clock, () => db.stats().counters.compactions > 0);
    await clock.run(db.idle());
    expect(db.stats().disk).toEqual({ freeBytes: Number.POSITIVE_INFINITY, isShort: false });
    expect(db.stats().runs).toBeLessThan(runs);
    expect(pairs(db)).toEqual([...before, 'more=1']);
    expect(told).toEqual(['short']);
    await clock.run(db.close());
  },
);

it('a manual compaction that does not fit is refused with LSM_DISK_FULL, a part of it is done', async () => {
  const { db, fs, clock } = await openOnSmallDisk('leveled');
  const message = await refused('LSM_DISK_FULL', () => clock.run(db.compact()));
  expect(message).toMatch(/needs \d+ bytes of disk and \d+ are free/);
  expect(db.stats().runs).toBe(RUNS);
  for (let i = 0; i < 5; i++) db.putSync(`z${i}`, 'apart');
  await clock.run(db.flush());
  for (let i = 0; i < 5; i++) db.putSync(`z${i}`, 'apart from the rest');
  await clock.run(db.flush());
  await clock.run(db.compact({ gte: 'z' }));
  expect(db.stats().runs).toBe(RUNS + 1);
  fs.capacityBytes = Number.POSITIVE_INFINITY;
  await clock.run(db.compact());
  expect(db.stats().runs).toBe(1);
  await clock.run(db.close());
});

it('a loop of synchronous writes on a disk without room for merges ends, by LSM_DISK_FULL', async () => {
  const { db, clock } = await openOnSmallDisk('leveled');
  db.compaction.resume();
  let written = 0;
  let failure: LsmError | null = null;
  for (let i = 0; i < 5000 && failure === null; i++) {
    try {
      db.putSync(`n${i}`, 'v'.repeat(100));
      written++;
    } catch (error) {
      failure = error as LsmError;
    }
  }
  expect(failure?.code).toBe('LSM_DISK_FULL');
  expect([...db.keys({ gte: 'n' })].length).toBe(written);
  await clock.run(db.close().catch(() => undefined));
});
