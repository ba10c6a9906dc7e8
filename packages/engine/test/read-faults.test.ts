/** Reads that the disk refuses or gives wrongly: each says where, and the next one is right. */
import { isLsmError, type LsmError } from '@lsm/core';
import { formatEntries, ModelDatabase, SimulatedFileSystem } from '@lsm/testkit';
import { describe, expect, it } from 'vitest';
import { type DrivenDatabase, openSimulated } from './support/simulated-database.ts';
import { bytes, del, expectCommit, put } from './support/simulated-history.ts';
import { unlocked } from './support/simulated-scripts.ts';

const model = new ModelDatabase();

/** A disk with several runs; `model` says what they hold. */
async function runsOnDisk(): Promise<SimulatedFileSystem> {
  model.rollBackTo(0);
  const fs = new SimulatedFileSystem();
  const database = await openSimulated(fs, { compaction: 'tiered' });
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 24; i++) {
      const key = `k${(i * 7 + round * 5) % 31}`;
      const writes = [i % 6 === 5 ? del(key) : put(key, round, 90)];
      if (i === 20) writes.push({ type: 'delRange', gte: bytes('k2'), lt: bytes('k21') });
      database.batchSync(writes);
      model.commit(writes);
    }
    await database.flush();
  }
  await database.run(database.db.idle());
  expect(database.db.stats().runs).toBeGreaterThan(2);
  await database.close();
  return fs.fork();
}

type Read = (database: DrivenDatabase) => Promise<string>;

const keys = (): Uint8Array[] => [bytes('absent'), ...model.entries().map(([key]) => key)];

const shown = (values: readonly (Uint8Array | undefined)[]): string =>
  formatEntries(keys().flatMap((key, i) => (values[i] === undefined ? [] : [[key, values[i]]])));

const READS: readonly (readonly [string, Read])[] = [
  ['getSync', async ({ db }) => shown(keys().map((key) => db.getSync(key)))],
  [
    'get',
    async ({ db, clock }) => {
      const values: (Uint8Array | undefined)[] = [];
      for (const key of keys()) values.push(await clock.run(db.get(key)));
      return shown(values);
    },
  ],
  ['getManySync', async ({ db }) => shown(db.getManySync(keys()))],
  ['getMany', async ({ db, clock }) => shown(await clock.run(db.getMany(keys())))],
  ['a scan', async ({ db }) => formatEntries([...db.entries()])],
  ['a reverse scan', async ({ db }) => formatEntries([...db.entries({ reverse: true })].reverse())],
  [
    'an asynchronous scan',
    async ({ db, clock }) => formatEntries(await clock.run(db.entries().nextBatch(1000))),
  ],
];

/** What a call ends with: its result, or the error that it rejects with. */
async function outcomeOf<T>(call: Promise<T>): Promise<T | LsmError> {
  try {
    return await call;
  } catch (error) {
    if (!isLsmError(error)) throw error;
    return error;
  }
}

interface Damage {
  readonly errno?: 'EIO';
  readonly flip?: { readonly offset: number; readonly mask: number };
}

/**
 * Hits the n-th read of a table, for n = 0, 1, … until a run completes untouched; returns that n.
 *
 * @param attempt - calls `wasHit` once the call that may be hit has ended; what it reads later is spared
 */
async function eachRead(
  damage: Damage,
  attempt: (fs: SimulatedFileSystem, wasHit: () => boolean) => Promise<void>,
): Promise<number> {
  const disk = await runsOnDisk();
  for (let n = 0; ; n++) {
    const fs = disk.fork();
    let reads = 0;
    fs.inject({
      at: ({ kind, path }) => kind === 'read' && path.endsWith('.sst') && reads++ === n,
      ...damage,
    });
    let isHit = false;
    await attempt(fs, () => {
      fs.clearFaults();
      isHit = reads > n;
      return isHit;
    });
    if (!isHit) return n;
  }
}

describe.each(['sync', 'async'] as const)('a read that the disk refuses (reads: %s)', (reads) => {
  it.each(READS)('%s says so with file and offset, and is right the next time', async (_, read) => {
    const count = await eachRead({ errno: 'EIO' }, async (fs, wasHit) => {
      const database = await openSimulated(fs, { compaction: 'tiered', reads });
      // Time that passes while a call is awaited is no time to look for space: that reads tables, too.
      await database.run(database.db.compaction.pause());
      const outcome = await outcomeOf(read(database));
      if (wasHit()) {
        const { code, file, offset } = outcome as LsmError;
        expect([code, file, offset]).toEqual([
          'LSM_IO',
          expect.stringMatching(/\.sst$/),
          expect.any(Number),
        ]);
      } else expect(outcome).toBe(formatEntries(model.entries()));
      expect(await read(database)).toBe(formatEntries(model.entries()));
      await database.close();
      expect(fs.openHandles).toBe(0);
    });
    expect(count).toBeGreaterThan(10);
  });
});

it('a block that was read wrongly once is not kept', async () => {
  for (const [, read] of READS) {
    await eachRead({ flip: { offset: 17, mask: 0x40 } }, async (fs, wasHit) => {
      const database = await openSimulated(fs, { compaction: 'tiered' });
      const outcome = await outcomeOf(read(database));
      if (wasHit()) expect(outcome).toMatchObject({ code: 'LSM_CORRUPTION' });
      expect(await read(database)).toBe(formatEntries(model.entries()));
      await database.close();
    });
  }
});

describe('a merge that cannot read', () => {
  it('says so with file and offset, changes nothing, leaves nothing, and succeeds the next time', async () => {
    const count = await eachRead({ errno: 'EIO' }, async (fs, wasHit) => {
      const database = await openSimulated(fs, { compaction: 'tiered' });
      const { db, clock } = database;
      const before = fs.listSync('db').toSorted();
      const outcome = await outcomeOf(clock.run(db.compact()));
      if (wasHit()) {
        expect(outcome).toMatchObject({ code: 'LSM_IO', file: expect.stringMatching(/\.sst$/) });
        expect((outcome as LsmError).offset).toEqual(expect.any(Number));
        expect(fs.listSync('db').toSorted()).toEqual(before);
      }
      expectCommit(database, model, model.commits);
      await clock.run(db.compact());
      expect(db.stats().runs).toBe(1);
      expectCommit(database, model, model.commits);
      await database.close();
      expect(fs.openHandles).toBe(0);
    });
    expect(count).toBeGreaterThan(10);
  });

  it('is tried again every second, not at once, and writes go on meanwhile', async () => {
    const fs = new SimulatedFileSystem();
    const database = await openSimulated(fs, { compaction: 'leveled' });
    const { db, clock } = database;
    const errors: LsmError[] = [];
    db.on('error', ({ error }) => errors.push(error));
    await clock.run(db.compaction.pause());
    for (let round = 0; round < 8; round++) {
      for (let i = 0; i < 12; i++) database.batchSync([put(`k${i}`, round, 90)]);
      await database.flush();
    }
    fs.inject({
      at: ({ kind, path }) => kind === 'read' && path.endsWith('.sst'),
      errno: 'EIO',
      persistent: true,
    });
    db.compaction.resume();
    const until = async (end: number): Promise<void> => {
      while (clock.elapsed() < end) {
        clock.step();
        clock.advance(1);
        await Promise.resolve();
      }
    };
    const started = clock.elapsed();
    await until(started + 3500);
    expect(errors.length).toBeGreaterThanOrEqual(2);
    expect(errors.length).toBeLessThanOrEqual(4);
    for (const error of errors)
      expect(error).toMatchObject({ code: 'LSM_IO', offset: expect.any(Number) });
    db.putSync('meanwhile', 'written', { durability: 'fsync' });
    expect(db.getSync('meanwhile')).toBeDefined();
    fs.clearFaults();
    await clock.run(db.idle());
    expect(db.stats().counters.compactions).toBeGreaterThan(0);
    expect([...db.keys()]).toHaveLength(13);
    await database.close();
  });
});

it('an opening that cannot read says which file, and the next one succeeds', async () => {
  const disk = await runsOnDisk();
  const killed = await openSimulated(disk, { compaction: 'tiered' });
  killed.putSync(bytes('k1'), bytes('logged'));
  for (let n = 0; ; n++) {
    const fs = disk.fork();
    let reads = 0;
    fs.inject({ at: ({ kind }) => kind === 'read' && reads++ === n, errno: 'EIO' });
    const outcome = await outcomeOf(
      openSimulated(unlocked(fs)).then((database) => database.close()),
    );
    if (reads <= n) {
      expect(n).toBeGreaterThan(4);
      return;
    }
    if (outcome !== undefined) {
      expect(outcome).toMatchObject({
        code: 'LSM_IO',
        file: expect.any(String),
        offset: expect.any(Number),
      });
    }
    expect(fs.openHandles).toBe(0);
    const again = await openSimulated(unlocked(fs));
    expect(again.getSync(bytes('k1'))).toEqual(Buffer.from('logged'));
    await again.close();
  }
});
