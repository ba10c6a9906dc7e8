/** Bugs that were found by crashes and loads before, each with the shortest life that meets it. */
import { SimulatedFileSystem, type SurvivalVariant } from '@lsm/testkit';
import { describe, expect, it } from 'vitest';
import {
  DIRECTORY,
  type DrivenDatabase,
  openSimulated,
  type SimulationOptions,
} from './support/simulated-database.ts';
import { unlocked } from './support/simulated-scripts.ts';

const SYNCED_ONLY: SurvivalVariant = { name: 'synced-only', data: 'none', names: 'none' };
const SMALL: SimulationOptions = { memtableBytes: 16_384 };

function keysOf({ db }: DrivenDatabase): string[] {
  return [...db.keys()].map((key) => Buffer.from(key).toString());
}

/** Opens what a loss of power leaves. */
function openAfterPowerCut(
  fs: SimulatedFileSystem,
  directory: string = DIRECTORY,
): Promise<DrivenDatabase> {
  return openSimulated(fs.survivors(SYNCED_ONLY, 1), SMALL, directory);
}

describe('a power cut', () => {
  it('does not take the segment that the manifest wants replay to begin with', async () => {
    const fs = new SimulatedFileSystem();
    const { db, clock } = await openSimulated(fs, SMALL);
    const value = new Uint8Array(1000);
    // A sealed memtable is flushed while the log of the next one is not durable.
    for (let i = 0; i < 24; i++) db.putSync(`k${i}`, value);
    await clock.run(db.idle());
    expect(db.stats().counters.flushes).toBeGreaterThan(0);
    const after = await openAfterPowerCut(fs);
    expect(keysOf(after)).toContain('k0');
    expect(keysOf(after)).not.toContain('k23');
  });

  it('leaves no gap where an earlier process wrote what was never synced', async () => {
    const fs = new SimulatedFileSystem();
    const first = await openSimulated(fs, SMALL);
    first.db.putSync('first', '1');
    const second = await openSimulated(unlocked(fs), SMALL);
    second.db.putSync('second', '2', { durability: 'fsync' });
    expect(keysOf(await openAfterPowerCut(fs))).toEqual(['first', 'second']);
  });

  it("does not take the names of the database's directory and of its parents", async () => {
    const fs = new SimulatedFileSystem();
    const { db } = await openSimulated(fs, SMALL, 'far/away/db');
    db.putSync('k', 'v', { durability: 'fsync' });
    expect(keysOf(await openAfterPowerCut(fs, 'far/away/db'))).toEqual(['k']);
  });

  it("does not take the names of a checkpoint's new parents", async () => {
    const fs = new SimulatedFileSystem();
    const { db, clock } = await openSimulated(fs, SMALL);
    db.putSync('k', 'v');
    await clock.run(db.checkpoint('far/away/copy'));
    expect(keysOf(await openAfterPowerCut(fs, 'far/away/copy'))).toEqual(['k']);
  });

  it('does not make a directory unusable whose pointer was not yet synced', async () => {
    const fs = new SimulatedFileSystem();
    let isNamed = false;
    fs.inject({
      at({ kind, path }) {
        if (kind === 'rename' && path.includes('CURRENT')) isNamed = true;
        return isNamed && kind === 'syncDirectory' && path === DIRECTORY;
      },
      errno: 'EIO',
    });
    await expect(openSimulated(unlocked(fs), SMALL)).rejects.toMatchObject({ name: 'LsmError' });
    const { db } = await openSimulated(unlocked(fs), SMALL);
    db.putSync('k', 'v');
    const newNamesOnly: SurvivalVariant = { name: 'additions', data: 'all', names: 'additions' };
    const after = await openSimulated(fs.survivors(newNamesOnly, 1), SMALL);
    expect(keysOf(after)).toEqual(['k']);
  });
});

describe('compact()', () => {
  /** A database in which a merge of the strategy is under way. */
  async function merging(): Promise<DrivenDatabase> {
    const driven = await openSimulated(new SimulatedFileSystem(), {
      ...SMALL,
      compaction: 'leveled',
    });
    const { db, clock } = driven;
    const running = new Set<number>();
    db.on('compactionBegin', ({ task }) => void running.add(task));
    db.on('compactionEnd', ({ task }) => void running.delete(task));
    const value = new Uint8Array(500);
    for (let i = 0; running.size === 0; i++) {
      db.putSync(`k${(i * 7) % 40}`, value);
      if (i % 8 === 7) await clock.run(db.flush());
      if (i > 4000) throw new Error('No merge began');
    }
    return driven;
  }

  it('ends while a merge of the strategy is under way', async () => {
    const { db, clock } = await merging();
    await clock.run(db.compact());
    expect(db.stats().runs).toBe(1);
  });

  it('ends when the database is closed while it waits, and while it runs', async () => {
    for (const when of ['waits', 'runs']) {
      const { db, clock } = await merging();
      if (when === 'runs') {
        await clock.run(db.idle());
        db.putSync('k0', 'again');
      }
      const began = new Promise((resolve) => db.on('compactionBegin', resolve));
      const outcome = db.compact().then(
        () => 'done',
        (error: { code: string }) => error.code,
      );
      if (when === 'runs') await clock.run(began);
      await clock.run(db.close());
      expect(await clock.run(outcome)).toBe('LSM_CLOSED');
    }
  });
});

it('asynchronous reads of blocks that do not fit the cache end', async () => {
  const fs = new SimulatedFileSystem();
  const { db, clock } = await openSimulated(fs, {
    memoryBytes: 16 << 20,
    memtableBytes: 2 << 20,
    tableBytes: 4 << 20,
    cacheBytes: 65_536,
    reads: 'async',
  });
  // Several versions of one key, each in a block of its own: a reader of an old one passes the newer ones.
  const snapshots = [1, 2, 3].map((fill) => {
    db.putSync('k', new Uint8Array(300_000).fill(fill));
    return db.snapshot();
  });
  await clock.run(db.flush());
  const before = fs.counts.get('read') ?? 0;
  // A lookup that loads for ever is cut short here instead of hanging the test.
  fs.inject({
    at: ({ kind }) => kind === 'read' && (fs.counts.get('read') ?? 0) - before > 200,
    errno: 'EIO',
    persistent: true,
  });
  const found = await clock.run(
    Promise.all(snapshots.map((snapshot) => db.get('k', { snapshot }))),
  );
  expect(found.map((value) => [value?.length, value?.[0]])).toEqual([
    [300_000, 1],
    [300_000, 2],
    [300_000, 3],
  ]);
});

it('a sync that hands over the writes of other calls fails for them: the test of commits has teeth', async () => {
  const fs = new SimulatedFileSystem();
  const { db, clock } = await openSimulated(fs, { ...SMALL, durability: 'memory' });
  db.putSync('first', '0', { durability: 'fsync' });
  // What commit.test.ts does, but with the sync that its bug used: one that hands over what waits.
  const put = db.put('a', '1', { durability: 'os' }).then(() => db.sync());
  queueMicrotask(() => {
    fs.inject({ at: ({ kind }) => kind === 'write', errno: 'ENOSPC', persistent: true });
    db.putSync('b', '2');
  });
  await expect(clock.run(put)).rejects.toMatchObject({ code: 'LSM_DISK_FULL' });
});
