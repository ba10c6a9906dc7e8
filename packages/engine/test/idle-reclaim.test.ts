/** Space comes back after deletes without any call, under every strategy. */
import { fifo, timeWindow } from '@lsm/compaction-fifo';
import { unified } from '@lsm/compaction-unified';
import { seededRandom } from '@lsm/core';
import { SimulatedClock, SimulatedFileSystem } from '@lsm/testkit';
import { describe, expect, it } from 'vitest';
import { type Db, type OpenOptions, open } from '../src/index.ts';
import { pairs, TINY } from './support/open.ts';

const KEYS = 6000;
const BATCH = 100;
const key = (i: number): string => `k${String(i).padStart(6, '0')}`;

const STRATEGIES: readonly (readonly [string, Partial<OpenOptions>])[] = [
  ['leveled', { compaction: 'leveled' }],
  ['tiered', { compaction: 'tiered' }],
  ['hybrid', { compaction: 'hybrid' }],
  ['unified', { compaction: unified() }],
  ['fifo', { compaction: fifo({ maxBytes: 1e12 }), lossy: true }],
  ['time windows', { compaction: timeWindow({ windowMs: 500, maxAgeMs: 1e12 }), lossy: true }],
];

interface Opened {
  readonly db: Db;
  readonly fs: SimulatedFileSystem;
  readonly clock: SimulatedClock;
}

async function openSimulated(options: Partial<OpenOptions>): Promise<Opened> {
  const fs = new SimulatedFileSystem();
  const clock = new SimulatedClock();
  const db = await clock.run(
    open('db', { ...TINY, ...SIZES, fs, clock, random: seededRandom(3), ...options }),
  );
  return { db, fs, clock };
}

const SIZES = { memtableBytes: 131_072, compression: 'none' } as const;

/** Bytes of all files, by what they are for. */
function bytesOf(fs: SimulatedFileSystem): {
  data: number;
  logs: number;
  files: readonly string[];
} {
  let data = 0;
  let logs = 0;
  const files = fs.listSync('db');
  for (const name of files) {
    const bytes = fs.statSync(`db/${name}`)?.size ?? 0;
    if (name.endsWith('.log')) logs += bytes;
    else data += bytes;
  }
  return { data, logs, files };
}

/** Lets time pass in which nobody does anything. */
async function beIdle({ clock }: Opened, ms: number): Promise<void> {
  const end = clock.elapsed() + ms;
  while (clock.elapsed() < end) {
    clock.step();
    for (let i = 0; i < 20; i++) await Promise.resolve();
  }
}

async function fill({ db, clock }: Opened, keys = KEYS): Promise<void> {
  for (let from = 0; from < keys; from += BATCH) {
    db.batchSync(
      Array.from({ length: BATCH }, (_, i) => {
        const value = `value ${from + i} `.repeat(20);
        return { type: 'put', key: key(((from + i) * 7919) % keys), value } as const;
      }),
    );
    clock.advance(20);
  }
  await clock.run(db.idle());
}

function deleteEach(db: Db, keys = KEYS): void {
  for (let from = 0; from < keys; from += BATCH) {
    db.batchSync(
      Array.from({ length: BATCH }, (_, i) => ({ type: 'del', key: key(from + i) }) as const),
    );
  }
}

const DELETES: readonly [string, (db: Db) => void, versions?: number][] = [
  ['each key', (db) => deleteEach(db)],
  ['each key, written four times', (db) => deleteEach(db), 4],
  ['one range', (db) => db.delRangeSync({ gte: 'k' })],
  [
    'many small ranges, of keys written three times',
    (db) => {
      for (let i = 0; i < KEYS; i += 20) db.delRangeSync({ gte: key(i), lt: key(i + 20) });
    },
    3,
  ],
  [
    'batches of both',
    (db) => {
      const half = KEYS / 2;
      db.batchSync(Array.from({ length: half }, (_, i) => ({ type: 'del', key: key(i) }) as const));
      db.batchSync([{ type: 'delRange', gte: key(half), lt: 'l' }]);
    },
  ],
];

describe.each(STRATEGIES)('after everything was deleted, under %s', (_, options) => {
  it.each(DELETES)(
    'at most 1 % of the space is left: %s',
    async (_how, deleteAll, versions = 1) => {
      const opened = await openSimulated(options);
      const { db, fs, clock } = opened;
      for (let i = 0; i < versions; i++) await fill(opened);
      const peak = bytesOf(fs).data;
      expect(peak).toBeGreaterThan(1_000_000);
      deleteAll(db);
      await beIdle(opened, 60_000);
      const left = bytesOf(fs);
      expect(left.data, left.files.join(' ')).toBeLessThanOrEqual(0.01 * peak);
      expect(left.logs).toBeLessThanOrEqual(65_536);
      expect(pairs(db)).toEqual([]);
      await clock.run(db.close());
      const again = await clock.run(open('db', { ...TINY, ...SIZES, fs, clock, ...options }));
      expect(pairs(again)).toEqual([]);
      await clock.run(again.close());
    },
  );
});

describe('an idle database', () => {
  it('keeps what a snapshot sees, and gives it back once that is closed', async () => {
    const opened = await openSimulated({ compaction: 'hybrid' });
    const { db, fs, clock } = opened;
    await fill(opened);
    const before = pairs(db);
    const peak = bytesOf(fs).data;
    const snapshot = db.snapshot();
    deleteEach(db);
    await beIdle(opened, 60_000);
    expect(bytesOf(fs).data).toBeGreaterThan(0.9 * peak);
    expect(pairs(db, { snapshot })).toEqual(before);
    snapshot.close();
    await beIdle(opened, 60_000);
    expect(bytesOf(fs).data).toBeLessThanOrEqual(0.01 * peak);
    await clock.run(db.close());
  });

  it('does nothing while all is live, or a little was deleted', async () => {
    const opened = await openSimulated({ compaction: 'tiered' });
    const { db, clock } = opened;
    await fill(opened);
    const before = db.stats().counters;
    await beIdle(opened, 60_000);
    for (let i = 0; i < KEYS; i += 40) db.delSync(key(i));
    await beIdle(opened, 60_000);
    const { flushes, compactions } = db.stats().counters;
    expect({ flushes, compactions }).toEqual({
      flushes: before.flushes,
      compactions: before.compactions,
    });
    await clock.run(db.close());
  });

  it('leaves runs that stand for times alone while half of them is live', async () => {
    const opened = await openSimulated({ compaction: fifo({ maxBytes: 1e12 }), lossy: true });
    const { db, clock } = opened;
    await fill(opened);
    for (let i = 0; i < KEYS; i += 2) db.delSync(key(i));
    await beIdle(opened, 30_000);
    expect(db.stats().counters.compactions).toBe(0);
    const { runsProbed } = db.stats().counters;
    expect(runsProbed).toBe(0);
    expect(pairs(db).length).toBe(KEYS / 2);
    for (let i = 1; i < KEYS; i += 2) if (i % 8 > 1) db.delSync(key(i));
    const { tableBytes } = db.stats();
    await beIdle(opened, 30_000);
    expect(db.stats().tableBytes).toBeLessThan(0.3 * tableBytes);
    expect(pairs(db).length).toBe(KEYS / 8);
    await clock.run(db.close());
  });

  it.each([
    [6000, false],
    [24_000, true],
  ])(
    'judges what is dead by the piece, where tables reach over many: %d overwrites',
    async (overwrites, isDue) => {
      const opened = await openSimulated({ compaction: fifo({ maxBytes: 1e12 }), lossy: true });
      const { db, clock } = opened;
      await fill(opened);
      await clock.run(db.compact());
      const random = seededRandom(1);
      const value = 'w'.repeat(200);
      for (let i = 0; i < overwrites; i++) {
        const at = key(random.next() % KEYS);
        if (random.next() % 100 < 12) db.delSync(at);
        else db.putSync(at, value);
      }
      await clock.run(db.flush());
      await clock.run(db.idle());
      const before = db.stats();
      const left = pairs(db);
      await beIdle(opened, 40_000);
      const { counters, tableBytes } = db.stats();
      expect(counters.compactions > before.counters.compactions).toBe(isDue);
      if (isDue) expect(tableBytes).toBeLessThan(0.4 * before.tableBytes);
      expect(pairs(db)).toEqual(left);
      await clock.run(db.close());
    },
  );

  it('works on one part of the keys if only that was deleted', async () => {
    const opened = await openSimulated({ compaction: 'leveled' });
    const { db, clock } = opened;
    await fill(opened);
    await clock.run(db.compact());
    const { tableBytes } = db.stats();
    let written = 0;
    db.on('compactionEnd', ({ writtenBytes }) => {
      written += writtenBytes;
    });
    db.delRangeSync({ gte: key(0), lt: key(KEYS / 2) });
    await beIdle(opened, 60_000);
    expect(db.stats().tableBytes).toBeLessThan(0.6 * tableBytes);
    expect(written).toBeLessThan(0.25 * tableBytes);
    await clock.run(db.close());
  });

  it('rests while compaction is paused, and is not idle while somebody writes', async () => {
    const opened = await openSimulated({ compaction: 'hybrid' });
    const { db, clock } = opened;
    await fill(opened);
    await clock.run(db.compaction.pause());
    db.delRangeSync({ gte: 'k' });
    await beIdle(opened, 30_000);
    const { flushes } = db.stats().counters;
    db.compaction.resume();
    for (let i = 0; i < 40; i++) {
      db.putSync('z', `${i}`);
      await beIdle(opened, 500);
    }
    expect(db.stats().counters.flushes).toBe(flushes);
    await beIdle(opened, 40_000);
    expect(db.stats().counters.flushes).toBeGreaterThan(flushes);
    expect(pairs(db)).toEqual(['z=39']);
    await clock.run(db.close());
  });

  it('may be closed at any moment of it, and loses nothing', async () => {
    for (let steps = 0; steps < 40; steps += 2) {
      const opened = await openSimulated({ compaction: 'leveled' });
      const { db, fs, clock } = opened;
      await fill(opened, 1500);
      db.delRangeSync({ gte: key(1), lt: 'l' });
      for (let i = 0; i < steps; i++) {
        clock.step();
        for (let j = 0; j < 20; j++) await Promise.resolve();
      }
      await clock.run(db.close());
      const again = await clock.run(open('db', { ...TINY, ...SIZES, fs, clock }));
      expect(pairs(again).length).toBe(1);
      await clock.run(again.close());
    }
  });
});
