/** Bugs that were found by crashes and loads before, each with the shortest life that meets it. */
import type { FileHandle, FileSystem } from '@lsm/core';
import { arenaPool } from '@lsm/memtable';
import { SimulatedClock, SimulatedFileSystem, type SurvivalVariant } from '@lsm/testkit';
import { describe, expect, it } from 'vitest';
import { newCounters } from '../src/counters.ts';
import { EventHub } from '../src/events.ts';
import { Backpressure, type Load } from '../src/write/backpressure.ts';
import {
  DIRECTORY,
  type DrivenDatabase,
  openSimulated,
  type SimulationOptions,
} from './support/simulated-database.ts';
import { unlocked } from './support/simulated-scripts.ts';

const SYNCED_ONLY: SurvivalVariant = { name: 'synced-only', data: 'none', names: 'none' };
const SMALL: SimulationOptions = { memtableBytes: 16_384 };
const CALM: Load = { sealed: 0, delay: 'none', pressure: 0, compacting: false };

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

describe('a write', () => {
  it.each(['art', 'hash'] as const)(
    'that is nearly as large as the arena made for it keeps clear of the index (%s)',
    async (memtable) => {
      for (const arena of [1 << 17, 1 << 18, 1 << 20]) {
        // The sequence table takes a sixteenth of an arena.
        for (const part of [0.9, 0.93, 0.9376, 0.95, 0.98, 0.999]) {
          const fs = new SimulatedFileSystem();
          const options = { memtableBytes: 65_536, memtable };
          const { db } = await openSimulated(fs, options);
          const value = Buffer.alloc(Math.floor(arena * part), 'v');
          db.putSync('k', value);
          // A reader makes the memtable link what came.
          expectSame(db.getSync('k'), value);
          db.putSync('l', '1');
          expectSame(db.getSync('k'), value);
          const next = await openSimulated(unlocked(fs), { ...options, seed: 2 });
          expectSame(next.db.getSync('k'), value);
          expect(keysOf(next)).toEqual(['k', 'l']);
        }
      }
    },
  );

  it('may be made by a listener in the midst of another one', async () => {
    const { db, clock } = await openSimulated(new SimulatedFileSystem(), { memtableBytes: 8192 });
    const model = new Map<string, string>();
    const put = (key: string, value: string): void => {
      db.putSync(key, value);
      model.set(key, value);
    };
    let heard = 0;
    for (const event of ['flushBegin', 'flushEnd', 'slowdown', 'compactionBegin'] as const) {
      db.on(event, () => {
        heard++;
        put(`${event}${heard % 50}`, 'y'.repeat(1 + (heard % 5000)));
      });
    }
    for (let i = 0; i < 200; i++) {
      put(`k${i % 70}`, `${i}`.repeat(1 + (i % 300)));
      clock.step();
    }
    expect(heard).toBeGreaterThan(20);
    for (const [key, value] of model) expectSame(db.getSync(key), Buffer.from(value));
    expect([...db.keys()].map(String)).toEqual([...model.keys()].toSorted());
  });
});

describe('writes that wait for the background', () => {
  /** Back-pressure over a clock that stands still, whose waits end at once, with what it applied and how often it waited. */
  function heldWriters() {
    const applied: unknown[] = [];
    const state = { waits: 0 };
    const host = {
      needsSeal: () => true,
      waitSync() {
        state.waits++;
        backpressure.update(CALM);
      },
      apply(operations: readonly unknown[]) {
        applied.push(operations.length);
        return Promise.resolve();
      },
    };
    const events = new EventHub();
    const backpressure = new Backpressure(host, new SimulatedClock(), newCounters(), events);
    return { backpressure, events, applied, state };
  }

  it('keep their order when one of them seals a memtable and nobody has to wait any more', () => {
    const applied: number[] = [];
    const host = {
      needsSeal: () => true,
      waitSync() {},
      apply(operations: readonly unknown[]) {
        // What a write path does that has to seal first.
        if (applied.length === 0) backpressure.update({ ...CALM, sealed: 1 });
        applied.push(operations.length);
        return Promise.resolve();
      },
    };
    const clock = new SimulatedClock();
    const backpressure = new Backpressure(host, clock, newCounters(), new EventHub());
    backpressure.update({ ...CALM, sealed: 2 });
    for (const count of [1, 2, 3]) {
      const operations = Array.from({ length: count }, () => ({ type: 'del', key: 'k' }) as const);
      void backpressure.queue(operations, 'os');
    }
    backpressure.update(CALM);
    expect(applied).toEqual([1, 2, 3]);
  });

  it('are held at the next seal while the tree is too far behind, and not only behind another memtable', () => {
    const { backpressure, state } = heldWriters();
    // A stop that nobody works on would never end.
    backpressure.update({ ...CALM, delay: 'stop', pressure: 6 });
    expect(backpressure.mustQueue('key', 'value')).toBe(false);
    backpressure.update({ ...CALM, delay: 'stop', pressure: 6, compacting: true });
    expect(backpressure.mustQueue('key', 'value')).toBe(true);
    backpressure.admitSync('key', 'value');
    expect(state.waits).toBe(1);
  });

  it('are let through for one memtable each second, however long the tree stays behind', () => {
    const applied: number[] = [];
    const behind: Load = { ...CALM, delay: 'stop', pressure: 6, compacting: true };
    const clock = new SimulatedClock();
    const host = {
      needsSeal: () => true,
      waitSync: (ms: number) => clock.advance(ms),
      apply: (operations: readonly unknown[]) => {
        applied.push(operations.length);
        // It seals: that memtable is flushed at once.
        backpressure.update({ ...behind, sealed: 1 });
        return Promise.resolve();
      },
    };
    const backpressure = new Backpressure(host, clock, newCounters(), new EventHub());
    backpressure.update(behind);
    for (const count of [1, 2, 3]) {
      const operations = Array.from({ length: count }, () => ({ type: 'del', key: 'k' }) as const);
      void backpressure.queue(operations, 'os');
    }
    const started = clock.elapsed();
    for (const expected of [[1], [1, 2], [1, 2, 3]]) {
      clock.step();
      expect(applied).toEqual(expected);
      backpressure.update(behind);
    }
    expect(clock.elapsed() - started).toBe(3000);
    backpressure.admitSync('key', 'value');
    expect(clock.elapsed() - started).toBe(4000);
  });

  it('are not held in a listener, for which the background may wait', () => {
    const { backpressure, events, applied, state } = heldWriters();
    let calls = 0;
    const write = (): void => {
      calls++;
      backpressure.admitSync('key', 'value');
      applied.push('of a listener');
      backpressure.admitBatchSync([{ type: 'del', key: 'key' }]);
    };
    events.on('flushBegin', write);
    events.on('slowdown', write);
    backpressure.update({ ...CALM, sealed: 2 });
    void backpressure.queue([{ type: 'del', key: 'key' }], 'os');
    events.emit('flushBegin', { entries: 1 });
    expect([calls, state.waits]).toEqual([2, 0]);
    // Who was queued before is not overtaken.
    expect(applied).toEqual(['of a listener', 1, 'of a listener']);
    backpressure.admitSync('key', 'value');
    expect(state.waits).toBe(1);
  });

  it.each([
    'flushBegin',
    'flushEnd',
    'compactionBegin',
    'compactionEnd',
    'slowdown',
    'stallBegin',
    'stallEnd',
  ] as const)('may be made by a listener of %s', async (name) => {
    const { db, clock } = await openSimulated(new SimulatedFileSystem(), SMALL);
    let calls = 0;
    db.on(name, () => {
      if (calls < 300) db.putSync(`noted${calls++}`, name);
    });
    const value = new Uint8Array(1000);
    for (let i = 0; i < 40; i++) {
      const puts = Array.from({ length: 25 }, (_, j) => db.put(`k${(i * 25 + j) % 300}`, value));
      await clock.run(Promise.all(puts));
    }
    await clock.run(db.idle());
    expect(calls).toBeGreaterThan(0);
    expect(keysOf({ db } as DrivenDatabase).length).toBe(300 + calls);
  });

  it('include empty ones, which vouch for those before', async () => {
    const fs = new SimulatedFileSystem();
    const { db, clock } = await openSimulated(fs, SMALL);
    const value = new Uint8Array(1000);
    const puts = Array.from({ length: 60 }, (_, i) => db.put(`k${i}`, value));
    expect(db.stats().counters.stalls).toBe(1);
    await clock.run(db.batch([], { durability: 'fsync' }));
    await clock.run(Promise.all(puts));
    expect(keysOf(await openAfterPowerCut(fs))).toHaveLength(60);
  });
});

it("a block that is loaded while the database closes goes into no memory that is another one's", async () => {
  const disk = new SimulatedFileSystem();
  let hold: Promise<void> | null = null;
  const slowly = (handle: FileHandle): FileHandle =>
    wrapped(handle, 'read', async (...args: Parameters<FileHandle['read']>) => {
      const count = await handle.read(...args);
      await hold;
      return count;
    });
  const openSync: FileSystem['openSync'] = (path, mode) => slowly(disk.openSync(path, mode));
  const { db, clock } = await openSimulated(wrapped<FileSystem>(disk, 'openSync', openSync), {
    memtableBytes: 65_536,
    tableBytes: 1 << 20,
    cacheBytes: 65_536,
    reads: 'async',
  });
  for (let i = 0; i < 100; i++) db.putSync(`k${i}`, new Uint8Array(200));
  await clock.run(db.flush());
  await clock.run(db.get('k1'));
  let go = (): void => {};
  hold = new Promise((resolve) => (go = resolve));
  const late = db.get('k77').catch((error: { code: string }) => error.code);
  await clock.run(db.close());
  const arenas = Array.from({ length: arenaPool.idleCount }, () => arenaPool.acquire(65_536));
  for (const { bytes } of arenas) bytes.fill(0xab);
  go();
  expect(await clock.run(late)).toBe('LSM_CLOSED');
  for (const { bytes } of arenas) expect(bytes.every((byte) => byte === 0xab)).toBe(true);
  for (const arena of arenas) arenaPool.release(arena);
});

function expectSame(found: Uint8Array | undefined, wanted: Uint8Array): void {
  expect(found !== undefined && Buffer.compare(found, wanted) === 0).toBe(true);
}

/** An object that does one thing another way. */
function wrapped<T extends object>(target: T, name: keyof T, member: unknown): T {
  return new Proxy(target, {
    get(_, asked) {
      if (asked === name) return member;
      const found: unknown = Reflect.get(target, asked, target);
      return typeof found === 'function' ? found.bind(target) : found;
    },
  });
}
