/** `db.compaction.plan`: what is told of a switch beforehand, beside what then happens. */
import { type CompactionStrategy, seededRandom } from '@lsm/core';
import { memoryFileSystem } from '@lsm/fs';
import { SimulatedFileSystem } from '@lsm/testkit';
import { expect, test } from 'vitest';
import { type CompactionControl, type Db, open, type StrategySetting } from '../src/index.ts';
import { openInMemory, pairs, TINY } from './support/open.ts';
import { refused } from './support/refused.ts';
import { type DrivenDatabase, openSimulated } from './support/simulated-database.ts';

const KEYS = 6000;
const VALUE_BYTES = 60;

/** Every key once, then most of them again, so that there are obsolete versions; at rest afterwards. */
async function load(compaction: StrategySetting): Promise<DrivenDatabase> {
  const database = await openSimulated(new SimulatedFileSystem(), {
    compaction,
    memtableBytes: 32_768,
    compression: 'none',
  });
  const random = seededRandom(7);
  const value = new Uint8Array(VALUE_BYTES);
  for (let i = 0; i < 3 * KEYS; i++) {
    const key = i < KEYS ? i : random.next() % KEYS;
    for (let at = 0; at < VALUE_BYTES; at++) value[at] = random.next();
    await database.run(database.db.put(`key${String(key).padStart(5, '0')}`, value));
  }
  await database.flush();
  await database.run(database.db.idle());
  return database;
}

const written = (db: Db): number => db.stats().counters.compactionWriteBytes;

test.each<[StrategySetting, StrategySetting]>([
  ['leveled', 'hybrid'],
  ['tiered', 'leveled'],
  ['hybrid', { strategy: 'unified', scaling: 'L8' }],
  ['unified', { strategy: 'tiered', maxRuns: 2 }],
])('tells what a switch from %j to %j then does, if nothing is written', async (from, to) => {
  const database = await load(from);
  const { db } = database;
  const plan = db.compaction.plan(to);
  expect(plan.current).toMatchObject({ writtenBytes: 0, merges: 0, isComplete: true });
  expect(plan.next).toMatchObject({ refused: 0, isComplete: true });
  expect(plan.extraWrittenBytes).toBe(plan.next.writtenBytes);
  const before = written(db);
  let largest = 0;
  db.on('compactionBegin', ({ kind, inputBytes }) => {
    if (kind === 'merge') largest = Math.max(largest, inputBytes);
  });
  await database.run(db.setCompaction(to));
  await database.run(db.idle());
  const live = KEYS * (8 + VALUE_BYTES);
  const real = written(db) - before;
  expect(real).toBeGreaterThan(0.1 * live);
  expect(Math.abs(plan.next.writtenBytes - real)).toBeLessThan(0.3 * real);
  expect(plan.next.largestTaskBytes).toBeGreaterThan(0.7 * largest);
  expect(plan.next.largestTaskBytes).toBeLessThan(1.5 * largest);
  expect(Math.abs(plan.next.shape.length - db.stats().runs)).toBeLessThanOrEqual(2);
  await database.close();
});

test('reckons with writes meanwhile, the same for both strategies', async () => {
  const database = await load('leveled');
  const { db } = database;
  const quiet = db.compaction.plan('hybrid');
  expect(quiet.next).toMatchObject({ flushedBytes: 0, writesEndMs: 0 });
  // Half a flush: less than any strategy would merge for.
  const few = db.compaction.plan('hybrid', { writes: { bytesPerMs: 10, leastMs: 1000 } });
  expect(few.next.flushedBytes).toBeGreaterThanOrEqual(10_000);
  expect(few.current.flushedBytes).toBeCloseTo(few.next.flushedBytes, 3);
  expect(few.current.writesEndMs).toBe(few.next.writesEndMs);

  const bytesPerMs = 100;
  const leastMs = 3000;
  const plan = db.compaction.plan('hybrid', { writes: { bytesPerMs, leastMs } });
  expect(plan.next.flushedBytes).toBeGreaterThanOrEqual(bytesPerMs * leastMs);
  expect(plan.current.writtenBytes).toBeGreaterThan(bytesPerMs * leastMs);
  const before = written(db);
  await database.run(db.setCompaction('hybrid'));
  const random = seededRandom(8);
  const value = new Uint8Array(VALUE_BYTES);
  const { flushBytes: flushed } = db.stats().counters;
  while (db.stats().counters.flushBytes - flushed < plan.next.flushedBytes) {
    for (let at = 0; at < VALUE_BYTES; at++) value[at] = random.next();
    await database.run(db.put(`key${String(random.next() % KEYS).padStart(5, '0')}`, value));
  }
  await database.flush();
  await database.run(db.idle());
  const real = written(db) - before;
  expect(real).toBeGreaterThan(quiet.next.writtenBytes);
  expect(Math.abs(plan.next.writtenBytes - real)).toBeLessThan(0.3 * real);
  await database.close();
});

test('tells what the present strategy has still to do, which is not the price of the switch', async () => {
  await using db = await open('/db', { ...TINY, fs: memoryFileSystem(), compaction: 'leveled' });
  await db.compaction.pause();
  for (let run = 0; run < 8; run++) {
    for (let i = 0; i < 100; i++) db.putSync(`key${i}`, `${run}`.padEnd(60, '.'));
    await db.flush();
  }
  const same = db.compaction.plan('leveled');
  expect(same.current.writtenBytes).toBeGreaterThan(0);
  expect(same).toMatchObject({ from: 'leveled', to: 'leveled', extraWrittenBytes: 0, extraMs: 0 });
  expect(same.next).toEqual(same.current);
  const other = db.compaction.plan('tiered');
  expect(other.extraWrittenBytes).toBe(other.next.writtenBytes - same.current.writtenBytes);
});

/** A plan without what depends on how long merges took. */
function timeless(control: CompactionControl, next: StrategySetting): unknown {
  const { current, next: other } = control.plan(next);
  return [current, other].map((forecast) => ({ ...forecast, durationMs: 0 }));
}

test('changes nothing, is the same each time, also while tasks run, and after a reopening without lock', async () => {
  const fs = memoryFileSystem();
  const db = await open('/db', { ...TINY, fs });
  let planned = 0;
  db.on('compactionBegin', () => {
    const first = timeless(db.compaction, 'leveled');
    expect(timeless(db.compaction, 'leveled')).toEqual(first);
    planned++;
  });
  for (let i = 0; i < 4000; i++) db.putSync(`key${i % 700}`, `${i}`.padEnd(80, '.'));
  await db.flush();
  await db.idle();
  expect(planned).toBeGreaterThan(4);
  const { strategy } = db.compaction;
  const before = [db.stats().counters, db.stats().levels];
  const plan = timeless(db.compaction, 'leveled');
  expect([db.stats().counters, db.stats().levels]).toEqual(before);
  expect(db.compaction.strategy).toBe(strategy);
  await db.idle();
  await db.close();
  expect(() => db.compaction.plan('leveled')).toThrow('closed');
  const reader = await open('/db', { ...TINY, fs, readOnly: true });
  expect(timeless(reader.compaction, 'leveled')).toEqual(plan);
  expect(reader.compaction.plan('leveled').isMeasured).toBe(false);
  await reader.close();
});

test('time is told by the speed of this database’s own merges, once it has any', async () => {
  const database = await openSimulated(new SimulatedFileSystem(), { compaction: 'tiered' });
  const { db } = database;
  const { next: before, ...unknown } = db.compaction.plan('leveled');
  expect(unknown).toMatchObject({ isMeasured: false, bytesPerMs: 100_000 });
  expect(before).toMatchObject({ durationMs: 0, shape: [] });
  for (let i = 0; i < 6000; i++) {
    await database.run(db.put(`key${i % 900}`, `${i}`.padEnd(80, '.')));
  }
  await database.flush();
  await database.run(db.idle());
  const { compactionMs, compactionReadBytes, compactionWriteBytes } = db.stats().counters;
  expect(compactionMs).toBeGreaterThan(0);
  expect(compactionMs).toBeLessThanOrEqual(database.clock.elapsed());
  const { next, bytesPerMs, isMeasured } = db.compaction.plan('leveled');
  expect(isMeasured).toBe(true);
  expect(bytesPerMs).toBeCloseTo((compactionReadBytes + compactionWriteBytes) / compactionMs, 6);
  expect(next.durationMs).toBeCloseTo((next.readBytes + next.writtenBytes) / bytesPerMs, 6);
  await database.close();
});

test('refuses what setCompaction refuses, and names who broke the contract', async () => {
  const db = await openInMemory();
  for (let i = 0; i < 300; i++) db.putSync(`key${i}`, 'x'.repeat(80));
  await db.flush();
  const bad = (call: () => unknown) => refused('LSM_INVALID_ARGUMENT', call);
  expect(await bad(() => db.compaction.plan('levelled' as never))).toContain('"leveled"');
  expect(await bad(() => db.compaction.plan('fifo'))).toContain('lossy: true');
  await bad(() => db.compaction.plan('fifo', { lossy: 1 as never }));
  await bad(() => db.compaction.plan('tiered', { loss: true } as never));
  await bad(() => db.compaction.plan({ strategy: 'leveled', ratio: 1 }));
  for (const bytesPerMs of [-1, Number.NaN, Number.POSITIVE_INFINITY, '1' as never]) {
    await bad(() => db.compaction.plan('leveled', { writes: { bytesPerMs } }));
  }
  const dropping = { strategy: 'fifo', maxBytes: 1 } as const;
  expect(db.compaction.plan(dropping, { lossy: true }).next).toMatchObject({
    shape: [],
    writtenBytes: 0,
  });
  const thrower: CompactionStrategy = {
    name: 'thrower',
    formatVersion: 1,
    settings: {},
    plan: () => {
      throw new Error('not today');
    },
    assess: () => ({ debtBytes: 0, pressure: 0, delay: 'none', quiescent: true }),
  };
  expect(await refused('LSM_STRATEGY', () => db.compaction.plan(thrower))).toContain('"thrower"');
  const before = timeless(db.compaction, 'leveled');
  const vandal: CompactionStrategy = {
    ...thrower,
    plan: ({ runs }) => {
      for (const { tables } of runs) for (const { minKey } of tables) minKey.fill(255);
      return { tasks: [] };
    },
  };
  expect(db.compaction.plan(vandal).next.isComplete).toBe(true);
  expect(timeless(db.compaction, 'leveled')).toEqual(before);
  const garbage = { ...thrower, plan: () => 7 as never };
  await refused('LSM_STRATEGY', () => db.compaction.plan(garbage));
  expect(db.compaction.strategy.name).toBe('hybrid');
  expect(pairs(db)).toHaveLength(300);
});
