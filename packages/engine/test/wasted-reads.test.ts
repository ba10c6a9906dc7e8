/** `TableInfo.wastedReads`: what a strategy is told of lookups that looked into a table in vain. */
import type { CompactionStrategy, TreeSnapshot } from '@lsm/core';
import { memoryFileSystem } from '@lsm/fs';
import { expect, test } from 'vitest';
import { type Db, type OpenOptions, open } from '../src/index.ts';
import { TINY } from './support/open.ts';

/** A strategy that does nothing and keeps what it is shown. */
function watching(seen: TreeSnapshot[]): CompactionStrategy {
  return {
    name: 'watching',
    formatVersion: 1,
    settings: {},
    plan: (snapshot) => {
      seen.push(snapshot);
      return { tasks: [] };
    },
    assess: () => ({ debtBytes: 0, pressure: 0, delay: 'none', quiescent: true }),
  };
}

const key = (i: number): string => `key${String(i).padStart(4, '0')}`;

/** Two runs: even keys below, odd ones above; both over the same range. */
async function openTwoRuns(seen: TreeSnapshot[], options: OpenOptions): Promise<Db> {
  const db = await open('/db', {
    ...TINY,
    fs: memoryFileSystem(),
    compaction: watching(seen),
    combinedIndex: 'off',
    ...options,
  });
  for (const first of [0, 1]) {
    for (let i = first; i < 100; i += 2) db.putSync(key(i), 'value');
    await db.flush();
  }
  return db;
}

/** Counts of the newest plan, newest run first. */
function counted(seen: readonly TreeSnapshot[]): (number | undefined)[] {
  return seen.at(-1)!.runs.flatMap(({ tables }) => tables.map((table) => table.wastedReads));
}

const noFilter: NonNullable<OpenOptions['filter']> = {
  name: 'none',
  choose: () => ({ kind: 'none', bitsPerKey: 0 }),
};

test('counts each lookup that found nothing where the filter did not say no, table by table', async () => {
  const seen: TreeSnapshot[] = [];
  const db = await openTwoRuns(seen, { filter: noFilter });
  // Of the even keys each asks the newer run in vain; of the odd ones none.
  for (let i = 2; i < 40; i += 2) db.getSync(key(i));
  for (let i = 1; i < 40; i += 2) db.getSync(key(i));
  // Each of these asks both in vain, by single reads and by many at once.
  for (let i = 1; i < 6; i++) expect(db.getSync(`${key(i)}x`)).toBe(undefined);
  db.getManySync([key(2), `${key(7)}x`, `${key(8)}x`, key(3)]);
  db.compaction.resume();
  expect(counted(seen)).toEqual([19 + 5 + 3, 5 + 2]);
  expect(db.stats().filters.falsePositives).toBe(34);
  // What was shown before stays as it was.
  expect(seen.find(({ runs }) => runs.length === 2)!.runs[0]!.tables[0]!.wastedReads).toBe(0);
  await db.close();
});

test('a filter that says no spares the table the count', async () => {
  const seen: TreeSnapshot[] = [];
  const db = await openTwoRuns(seen, { filter: { bitsPerKey: 20 } });
  for (let i = 0; i < 100; i++) db.getSync(`${key(i)}x`);
  db.compaction.resume();
  const total = counted(seen).reduce<number>((sum, count) => sum + count!, 0);
  expect(total).toBe(db.stats().filters.falsePositives);
  expect(total).toBeLessThan(5);
  await db.close();
});
