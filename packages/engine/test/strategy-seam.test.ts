/** The parts of the strategy seam that no built-in strategy uses by default: time, hints of flushes, cut keys. */

import { withDeadline } from '@lsm/compaction';
import { fifo } from '@lsm/compaction-fifo';
import { hybrid } from '@lsm/compaction-hybrid';
import type { CompactionStrategy, Health } from '@lsm/core';
import { SimulatedFileSystem } from '@lsm/testkit';
import { expect, test } from 'vitest';
import { openInMemory, pairs } from './support/open.ts';
import { type DrivenDatabase, openSimulated } from './support/simulated-database.ts';

const bytes = (key: string): Uint8Array => new TextEncoder().encode(key);

/** Lets the engine's timers run until so many ms have passed, or nothing is scheduled. */
async function wait({ clock }: DrivenDatabase, ms: number): Promise<void> {
  const end = clock.elapsed() + ms;
  while (clock.elapsed() < end && clock.step()) {
    for (let turn = 0; turn < 16; turn++) await Promise.resolve();
  }
}

test('tables of fifo are dropped when their time has come, without a call', async () => {
  const compaction = fifo({ maxAgeMs: 60_000 });
  const database = await openSimulated(new SimulatedFileSystem(), { compaction, lossy: true });
  const { db } = database;
  for (let i = 0; i < 5; i++) db.putSync(`key${i}`, 'x'.repeat(500));
  await database.flush();
  expect(db.stats().tables).toBeGreaterThan(0);
  const written = database.clock.elapsed();
  let dropped = 0;
  db.on('compactionEnd', ({ kind }) => {
    if (kind === 'drop') dropped = database.clock.elapsed();
  });
  await wait(database, 70_000);
  expect(dropped - written).toBeGreaterThan(59_000);
  expect(dropped - written).toBeLessThan(62_000);
  expect(pairs(db)).toEqual([]);
  expect(db.stats().tables).toBe(0);
  await database.close();
});

test('tombstones go by their deadline, without a call', async () => {
  const compaction = withDeadline(hybrid(), 30_000);
  const database = await openSimulated(new SimulatedFileSystem(), { compaction });
  const { db } = database;
  for (let i = 0; i < 40; i++) db.putSync(`key${i}`, 'x'.repeat(500));
  await database.compact();
  for (let i = 0; i < 40; i++) db.delSync(`key${i}`);
  await database.flush();
  const before = db.stats();
  expect(before.tableBytes).toBeGreaterThan(5000);
  await wait(database, 60_000);
  expect(db.stats().tables).toBe(0);
  await database.close();
});

/** Merges all runs when there are two, and cuts where it is told. */
function cutting(cutKeys: unknown): CompactionStrategy {
  const calm: Health = { debtBytes: 0, pressure: 0, delay: 'none', quiescent: true };
  return {
    name: 'cutting',
    formatVersion: 1,
    settings: {},
    plan: ({ runs, inProgress, limits }) => {
      if (runs.length < 2 || inProgress.length > 0) return { tasks: [] };
      const inputs = runs.flatMap(({ tables }) => tables.map(({ id }) => id));
      const to = { newRun: { level: 1, before: null } };
      const shape = { tableBytes: limits.tableBytes, cutKeys: cutKeys as Uint8Array[] };
      return { tasks: [{ kind: 'merge', inputs, to, shape, reason: 'two', score: 1 }] };
    },
    assess: ({ runs }) => ({ ...calm, quiescent: runs.length < 2 }),
    flush: () => ({ splitKeys: cutKeys as Uint8Array[] }),
  };
}

test('a flush and a merge cut their tables where the strategy says', async () => {
  const db = await openInMemory({ compaction: cutting([bytes('d'), bytes('g')]) });
  for (const key of 'abcdefghi') db.putSync(key, key);
  await db.flush();
  expect(db.stats()).toMatchObject({ runs: 1, tables: 3 });
  for (const key of 'aei') db.putSync(key, `${key}2`);
  await db.flush();
  await db.idle();
  expect(db.stats().counters.compactions).toBe(1);
  expect(db.stats()).toMatchObject({ runs: 1, tables: 3 });
  expect(pairs(db)).toEqual(['a=a2', 'b=b', 'c=c', 'd=d', 'e=e2', 'f=f', 'g=g', 'h=h', 'i=i2']);
});

test.each([
  ['descending keys', [bytes('g'), bytes('d')]],
  ['too many keys', Array.from({ length: 300 }, (_, i) => bytes(`${1000 + i}`))],
  ['text', ['d', 'g']],
  ['no list', 7],
])('cuts that make no sense are left out: %s', async (_, keys) => {
  const db = await openInMemory({ compaction: cutting(keys) });
  for (const key of 'abcdefghi') db.putSync(key, key);
  await db.flush();
  for (const key of 'aei') db.putSync(key, `${key}2`);
  await db.flush();
  await db.idle();
  expect(db.stats()).toMatchObject({ runs: 1, tables: 1 });
  expect(db.compaction.strategy.name).toBe('cutting');
  expect(pairs(db)).toHaveLength(9);
});

test('a strategy whose hint throws, or whose tables would be tiny, harms nothing', async () => {
  const thrower: CompactionStrategy = {
    ...cutting([]),
    flush: () => {
      throw new Error('no hint today');
    },
  };
  const reasons: string[] = [];
  const db = await openInMemory({ compaction: thrower });
  db.on('strategyQuarantined', ({ reason }) => reasons.push(reason));
  db.putSync('a', '1');
  await db.flush();
  expect(reasons.join()).toContain('no hint today');
  expect(pairs(db)).toEqual(['a=1']);

  const merging = cutting([]);
  const tiny: CompactionStrategy = {
    ...merging,
    plan: (snapshot, state) => {
      const { tasks } = merging.plan(snapshot, state);
      return { tasks: tasks.map((task) => ({ ...task, shape: { tableBytes: 1 } })) };
    },
  };
  const other = await openInMemory({ compaction: tiny });
  for (let run = 0; run < 2; run++) {
    for (let i = 0; i < 200; i++) other.putSync(`key${i}`, `${run}`.repeat(40));
    await other.flush();
  }
  await other.idle();
  expect(other.stats().runs).toBe(1);
  expect(other.stats().tables).toBeLessThan(6);
  expect(pairs(other)).toHaveLength(200);
});
