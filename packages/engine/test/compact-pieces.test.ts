/** `compact()` of a tree that is larger than one task. */
import { seededRandom } from '@lsm/core';
import { SimulatedClock, SimulatedFileSystem } from '@lsm/testkit';
import { expect, it } from 'vitest';
import { type CompactionEvent, type Db, open } from '../src/index.ts';
import { pairs, TINY } from './support/open.ts';

const TABLE_BYTES = 16_384;
const LIMIT = 16 * TABLE_BYTES;
const MEMTABLE_BYTES = 131_072;

interface Large {
  readonly db: Db;
  readonly fs: SimulatedFileSystem;
  readonly clock: SimulatedClock;
  readonly tasks: CompactionEvent[];
}

/** A database of several tasks' size in a dozen runs, with overwritten and deleted keys. */
async function openLarge(): Promise<Large> {
  const fs = new SimulatedFileSystem();
  const clock = new SimulatedClock();
  const random = seededRandom(5);
  const sizes = {
    memtableBytes: MEMTABLE_BYTES,
    tableBytes: TABLE_BYTES,
    compression: 'none',
  } as const;
  const db = await clock.run(open('db', { ...TINY, ...sizes, fs, clock, random }));
  await clock.run(db.compaction.pause());
  for (let i = 0; i < 20_000; i++) {
    const key = `k${String(random.next() % 12_000).padStart(5, '0')}`;
    if (random.next() % 4 > 0) db.putSync(key, `${i}`.repeat(20));
    else db.delSync(key);
  }
  await clock.run(db.flush());
  const tasks: CompactionEvent[] = [];
  db.on('compactionBegin', (event) => tasks.push(event));
  return { db, fs, clock, tasks };
}

it('a compaction of a large tree goes in tasks of bounded size and leaves one run of what is visible', async () => {
  const { db, clock, tasks } = await openLarge();
  const before = pairs(db);
  expect(db.stats().tableBytes).toBeGreaterThan(3.75 * LIMIT);
  expect(db.stats().runs).toBeGreaterThan(5);
  await clock.run(db.compact());
  expect(pairs(db)).toEqual(before);
  expect(db.stats().runs).toBe(1);
  expect(db.stats().levels.reduce((sum, { entries }) => sum + entries, 0)).toBe(before.length);
  expect(tasks.length).toBeGreaterThan(4);
  for (const { inputBytes } of tasks)
    expect(inputBytes).toBeLessThanOrEqual(1.5 * LIMIT + MEMTABLE_BYTES);
  await clock.run(db.close());
});

it('a compaction needs room for a task, not for the tree', async () => {
  const { db, fs, clock } = await openLarge();
  const before = pairs(db);
  const { tableBytes } = db.stats();
  fs.capacityBytes = fs.usedBytes + 2 * MEMTABLE_BYTES + 1.75 * LIMIT;
  expect(1.75 * LIMIT).toBeLessThan(tableBytes / 2);
  await clock.run(db.compact());
  expect(db.stats().runs).toBe(1);
  expect(pairs(db)).toEqual(before);
  await clock.run(db.close());
});

it('writes and flushes go on between the tasks of a compaction, and what is written meanwhile is seen', async () => {
  const { db, clock } = await openLarge();
  const expected = new Map(pairs(db).map((pair) => pair.split('=') as [string, string]));
  let tasks = 0;
  db.on('compactionEnd', () => {
    tasks++;
    for (let i = 0; i < 400; i++) {
      const key = `k${String((tasks * 400 + i) % 12_000).padStart(5, '0')}`;
      db.putSync(key, `meanwhile ${tasks}`.repeat(8));
      expected.set(key, `meanwhile ${tasks}`.repeat(8));
    }
  });
  await clock.run(db.compact());
  expect(tasks).toBeGreaterThan(4);
  const sorted = [...expected].map(([key, value]) => `${key}=${value}`).toSorted();
  expect(pairs(db)).toEqual(sorted);
  await clock.run(db.close());
});

it('a compaction ends with LSM_CLOSED if the database closes between its tasks', async () => {
  const { db, clock, tasks } = await openLarge();
  const compaction = db.compact();
  let closing: Promise<void> | null = null;
  db.on('compactionEnd', () => {
    closing ??= db.close();
  });
  await expect(clock.run(compaction)).rejects.toMatchObject({ code: 'LSM_CLOSED' });
  await clock.run(closing!);
  expect(tasks.length).toBeLessThan(3);
});
