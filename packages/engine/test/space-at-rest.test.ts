/** Files of a real disk are given back when everything was deleted and nobody writes; and not what a trickle needs. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fifo, timeWindow } from '@lsm/compaction-fifo';
import { unified } from '@lsm/compaction-unified';
import { type Db, type OpenOptions, open } from '@lsm/engine';
import { SimulatedFileSystem } from '@lsm/testkit';
import { describe, expect, it } from 'vitest';
import { pairs, temporaryDirectory } from './support/open.ts';
import { type DrivenDatabase, openSimulated } from './support/simulated-database.ts';

const KEYS = 1200;
const VALUE = 'v'.repeat(1200);

const SIZES: OpenOptions = {
  memoryBytes: 1024 * 1024,
  memtableBytes: 131_072,
  tableBytes: 16_384,
  compression: 'none',
};

const key = (i: number): string => `key${String(i).padStart(6, '0')}`;

function fill(db: Db): void {
  for (let i = 0; i < KEYS; i++) db.putSync(key((i * 101) % KEYS), VALUE);
}

/** Bytes of tables and manifests, and of log files. */
function spaceOf(directory: string): { readonly tree: number; readonly log: number } {
  let tree = 0;
  let log = 0;
  for (const name of readdirSync(directory)) {
    const bytes = statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0;
    if (name.endsWith('.log')) log += bytes;
    else tree += bytes;
  }
  return { tree, log };
}

/** Lets the engine's timers run until so many ms have passed, or nothing is scheduled. */
async function wait({ clock }: DrivenDatabase, ms: number): Promise<void> {
  const end = clock.elapsed() + ms;
  while (clock.elapsed() < end && clock.step()) {
    for (let turn = 0; turn < 16; turn++) await Promise.resolve();
  }
}

function deleteInBatches(db: Db): void {
  for (let i = 0; i < KEYS; i += 40) {
    db.batchSync(Array.from({ length: 20 }, (_, j) => ({ type: 'del' as const, key: key(i + j) })));
    db.delRangeSync({ gte: key(i + 20), lt: key(i + 40) });
  }
}

/** Fills a database on disk, deletes everything, and settles when nearly nothing is left. */
async function emptyOnDisk(
  compaction: OpenOptions['compaction'],
  deleteAll: (db: Db) => void,
): Promise<void> {
  const directory = temporaryDirectory();
  const options: OpenOptions = { ...SIZES, compaction: compaction!, lossy: true };
  const db = await open(directory, options);
  fill(db);
  await db.idle();
  const peak = spaceOf(directory).tree;
  expect(peak).toBeGreaterThan((KEYS * VALUE.length) / 2);
  deleteAll(db);
  const isEmpty = (): boolean => {
    const { tree, log } = spaceOf(directory);
    return tree <= 0.01 * peak && log <= 65_536;
  };
  while (!isEmpty()) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(pairs(db)).toEqual([]);
  await db.close();
  const again = await open(directory, options);
  expect(pairs(again)).toEqual([]);
  await again.close();
  expect(isEmpty()).toBe(true);
}

it('files of a real disk go when everything was deleted, under every strategy', {
  timeout: 60_000,
}, async () => {
  const all = ['leveled', 'tiered', 'hybrid', unified(), fifo(), timeWindow()] as const;
  await Promise.all(all.map((compaction) => emptyOnDisk(compaction, deleteInBatches)));
});

describe('a trickle of writes', () => {
  it.each([
    [
      'a queue',
      (db: Db, i: number) => {
        db.putSync(`queue${i}`, 'job');
        db.delSync(`queue${i}`);
      },
    ],
    [
      'range deletes of nothing',
      (db: Db, i: number) => {
        db.delRangeSync({ gte: `none${i}`, lt: `none${i}x` });
      },
    ],
  ])('is not flushed over and over: %s', async (_, write) => {
    const database = await openSimulated(new SimulatedFileSystem(), SIZES);
    const { db } = database;
    fill(db);
    await database.run(db.idle());
    await wait(database, 20_000);
    const before = db.stats().counters;
    for (let i = 0; i < 40; i++) {
      write(db, i);
      await wait(database, 2500);
    }
    const { flushes, compactions } = db.stats().counters;
    expect({ flushes, compactions }).toEqual({
      flushes: before.flushes,
      compactions: before.compactions,
    });
    await database.close();
  });
});

it('a large spare log goes with the data, whoever gave that back', async () => {
  const fs = new SimulatedFileSystem();
  const database = await openSimulated(fs, { ...SIZES, compaction: 'leveled' });
  const { db } = database;
  const logBytes = (): number => db.stats().logBytes;
  fill(db);
  await database.run(db.idle());
  await wait(database, 20_000);
  expect(logBytes()).toBeGreaterThan(65_536);
  db.delRangeSync({ gte: 'k' });
  await database.compact();
  db.putSync('last', '1');
  expect(logBytes()).toBeGreaterThan(65_536);
  await wait(database, 20_000);
  expect(logBytes()).toBeLessThanOrEqual(65_536);
  expect(pairs(db)).toEqual(['last=1']);
  await database.close();
});
