/**
 * What each option does, as something that can be observed from outside: by answers, errors, figures, files and calls
 * of the seams. One entry at least for each option; options.test.ts runs it with the option and without.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Clock,
  type CompactionStrategy,
  type FileHandle,
  type FileSystem,
  isLsmError,
  seededRandom,
} from '@lsm/core';
import { memoryFileSystem, systemClock } from '@lsm/fs';
import { type Db, type OpenOptions, open } from '../../src/index.ts';
import { pairs, TINY, temporaryDirectory } from './open.ts';

/** How an option shows. */
export interface OptionEffect {
  /** A value that is not the default; made anew for each opening, because some keep a state. */
  readonly value: () => unknown;
  /** Opens databases with the options and tells what it sees. Plain data. */
  readonly observe: (options: () => OpenOptions) => Promise<unknown>;
  /** What has to be seen; if absent, only something else than without the option. */
  readonly expected?: unknown;
}

/** What is observed of a database that is opened, used and closed. */
async function observing(
  base: OpenOptions,
  given: () => OpenOptions,
  use: (db: Db) => unknown,
): Promise<unknown> {
  const db = await open('/db', { executor: 'inline', fs: memoryFileSystem(), ...base, ...given() });
  try {
    return await use(db);
  } finally {
    await db.close();
  }
}

/** The code of the error that a call ends with, `none` without. */
async function codeOf(call: () => unknown): Promise<string> {
  try {
    await call();
    return 'none';
  } catch (error) {
    return isLsmError(error) ? error.code : String(error);
  }
}

/** Writes keys with values of 100 bytes, not compressible, each one block of writes after the other. */
function fill(db: Db, count: number): void {
  const random = seededRandom(1);
  const value = new Uint8Array(100);
  for (let i = 0; i < count; i++) {
    for (let at = 0; at < value.length; at++) value[at] = random.next();
    db.putSync(`k${String(i).padStart(6, '0')}`, value);
  }
}

/** A file system that counts reads of tables by whether they block. */
function countingReads(): { fs: FileSystem; reads: { sync: number; async: number } } {
  const inner = memoryFileSystem();
  const reads = { sync: 0, async: 0 };
  const openSync: FileSystem['openSync'] = (path, mode) => {
    const handle = inner.openSync(path, mode);
    if (!path.endsWith('.sst')) return handle;
    return new Proxy(handle, {
      get(target, name: keyof FileHandle) {
        if (name === 'readSync') reads.sync++;
        if (name === 'read') reads.async++;
        const member = target[name];
        return typeof member === 'function' ? member.bind(target) : member;
      },
    });
  };
  const fs = new Proxy(inner, {
    get(target, name: keyof FileSystem) {
      if (name === 'openSync') return openSync;
      const member = target[name];
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
  return { fs, reads };
}

/** The machine's clock, on which each look at the time takes so many ms. */
function clockWithSteps(ms: number): Clock {
  let elapsed = 0;
  return { ...systemClock(), elapsed: () => (elapsed += ms) };
}

/** Whether point reads that miss the cache block the thread, once the engine knows how slow the disk is. */
async function readingMode(given: () => OpenOptions, clock: Clock): Promise<string> {
  const { fs, reads } = countingReads();
  const base = { fs, clock, memtableBytes: 65_536, cacheBytes: 65_536 };
  await observing(base, given, async (db) => {
    fill(db, 5000);
    await db.compact();
    for (let i = 0; i < 2000; i++) db.getSync(`k${String((i * 7) % 5000).padStart(6, '0')}`);
    reads.sync = 0;
    reads.async = 0;
    for (let i = 0; i < 200; i++) await db.get(`k${String((i * 31) % 5000).padStart(6, '0')}`);
  });
  return reads.async > reads.sync ? 'async' : 'sync';
}

/** A strategy that only looks, and may be told to call itself lossy. */
function watcher(look: (now: number) => void, lossy: boolean = false): CompactionStrategy {
  return {
    name: 'watcher',
    formatVersion: 1,
    settings: {},
    lossy,
    plan: ({ now }) => {
      look(now);
      return { tasks: [] };
    },
    assess: () => ({ debtBytes: 0, pressure: 0, delay: 'none', quiescent: true }),
  };
}

/** Writes each run anew, once, all at the same time. */
function rewriter(): CompactionStrategy {
  const done = new Set<number>();
  return {
    name: 'rewriter',
    formatVersion: 1,
    settings: {},
    plan: ({ runs }) => ({
      tasks: (runs.length < 6 ? [] : runs)
        .filter((run) => run.tables.length > 0 && !done.has(run.id) && done.add(run.id))
        .map((run) => ({
          kind: 'rewrite',
          inputs: run.tables.map((table) => table.id),
          shape: { tableBytes: 1 << 20 },
          reason: 'once',
          score: 1,
        })),
    }),
    assess: () => ({ debtBytes: 0, pressure: 0, delay: 'none', quiescent: false }),
  };
}

/** Every option with what it does. A new option needs an entry here. */
export const OPTION_EFFECTS: { readonly [name in keyof Required<OpenOptions>]: OptionEffect[] } = {
  createIfMissing: [
    {
      value: () => false,
      expected: 'LSM_MISSING',
      observe: (given) => codeOf(() => observing({}, given, () => 0)),
    },
  ],
  errorIfExists: [
    {
      value: () => true,
      expected: 'LSM_EXISTS',
      observe: async (given) => {
        const fs = memoryFileSystem();
        await observing(
          { fs },
          () => ({}),
          () => 0,
        );
        return codeOf(() => observing({ fs }, given, () => 0));
      },
    },
  ],
  readOnly: [
    {
      value: () => true,
      expected: { lock: 'none', write: 'LSM_READ_ONLY', files: 'as they were' },
      observe: async (given) => {
        const fs = memoryFileSystem();
        await observing(
          { fs },
          () => ({}),
          (db) => db.putSync('k', 'v'),
        );
        const sizes = (): string =>
          JSON.stringify(fs.listSync('/db').map((name) => [name, fs.statSync(`/db/${name}`)]));
        const before = sizes();
        return observing({ fs }, given, async (db) => ({
          lock: db.stats().lock,
          write: await codeOf(() => db.put('k', 'w')),
          files: sizes() === before ? 'as they were' : 'changed',
        }));
      },
    },
  ],
  durability: (['memory', 'fsync'] as const).map((durability) => ({
    value: () => durability,
    expected: durability === 'memory' ? [0, 0] : [1, 1],
    observe: (given) =>
      observing({}, given, (db) => {
        db.putSync('k', 'v');
        const { logWrites, logSyncs } = db.stats().counters;
        return [logWrites, logSyncs];
      }),
  })),
  memoryBytes: [
    {
      value: () => 4 << 20,
      // A memtable takes an eighth; half of the cache's half is too small for 3 MB of tables.
      expected: { memtableBytes: 4 << 17, evicts: true },
      observe: (given) =>
        observing({}, given, async (db) => {
          fill(db, 30_000);
          await db.compact();
          for (const _ of db.keys());
          for (let i = 0; i < 30_000; i += 7) db.getSync(`k${String(i).padStart(6, '0')}`);
          const { memory, cache } = db.stats();
          return { memtableBytes: memory.memtableBytes, evicts: cache.evictions > 0 };
        }),
    },
  ],
  memtableBytes: [
    {
      value: () => 65_536,
      expected: { memtableBytes: 65_536, hasFlushed: true },
      observe: (given) =>
        observing({}, given, (db) => {
          const { memtableBytes } = db.stats().memory;
          fill(db, 2000);
          return { memtableBytes, hasFlushed: db.stats().counters.flushes > 0 };
        }),
    },
  ],
  cacheBytes: [
    {
      value: () => 65_536,
      expected: true,
      observe: (given) =>
        observing({}, given, async (db) => {
          fill(db, 5000);
          await db.flush();
          for (let i = 0; i < 5000; i++) db.getSync(`k${String(i).padStart(6, '0')}`);
          return db.stats().cache.evictions > 0;
        }),
    },
  ],
  indexBytes: [
    {
      value: () => 0,
      expected: [0],
      observe: (given) =>
        observing({}, given, async (db) => {
          fill(db, 1000);
          await db.flush();
          return db.stats().filters.bitsPerKey.map(({ bits }) => bits);
        }),
    },
  ],
  combinedIndex: (['always', 'off'] as const).map((mode) => ({
    value: () => mode,
    expected: mode === 'always' ? 'built' : 'none',
    observe: (given) =>
      observing({ compaction: watcher(() => {}) }, given, async (db) => {
        for (let run = 0; run < 6; run++) {
          for (const key of ['a', `k${run}`, 'z']) db.putSync(key, 'v');
          await db.flush();
        }
        // By default it takes more than one lookup, and no more than so many.
        for (let i = mode === 'always' ? 1 : 2000; i > 0; i--) db.getSync('k0');
        return db.stats().memory.combinedIndexBytes > 0 ? 'built' : 'none';
      }),
  })),
  memtable: [
    {
      value: () => 'hash',
      // The index of a hash table takes other room than a tree's, so it is full after other writes.
      observe: (given) =>
        observing({ memtableBytes: 65_536 }, given, async (db) => {
          const flushed: number[] = [];
          db.on('flushBegin', ({ entries }) => flushed.push(entries));
          fill(db, 2000);
          await db.idle();
          return flushed[0];
        }),
    },
  ],
  blockBytes: [
    {
      value: () => 256,
      expected: true,
      observe: (given) =>
        observing({}, given, async (db) => {
          fill(db, 1000);
          await db.flush();
          return (await db.verify()).blocks > 100;
        }),
    },
  ],
  tableBytes: [
    {
      value: () => 16_384,
      expected: true,
      observe: (given) =>
        observing({}, given, async (db) => {
          fill(db, 1000);
          await db.compact();
          return db.stats().tables > 3;
        }),
    },
  ],
  compression: [
    {
      value: () => 'lz4',
      expected: true,
      observe: (given) =>
        observing({}, given, async (db) => {
          for (let i = 0; i < 100; i++) db.putSync(`k${i}`, 'abcdefgh'.repeat(100));
          await db.flush();
          return db.stats().tableBytes < 40_000;
        }),
    },
    {
      // Levels 0 and 1, by a list.
      value: () => ['none', 'lz4'],
      expected: [false, true],
      observe: (given) =>
        observing({}, given, async (db) => {
          for (let i = 0; i < 100; i++) db.putSync(`k${i}`, 'abcdefgh'.repeat(100));
          await db.flush();
          const flushed = db.stats().tableBytes < 40_000;
          await db.compact();
          return [flushed, db.stats().tableBytes < 40_000];
        }),
    },
  ],
  reads: [
    {
      value: () => 'async',
      expected: 'async',
      observe: (given) => readingMode(given, clockWithSteps(0)),
    },
    {
      value: () => 'sync',
      expected: 'sync',
      observe: (given) => readingMode(given, clockWithSteps(1)),
    },
  ],
  executor: [
    {
      value: () => 'inline',
      expected: 'inline',
      observe: async (given) => {
        const db = await open(temporaryDirectory(), { memtableBytes: 65_536, ...given() });
        db.putSync('k', 'v');
        await db.flush();
        const { executor } = db.stats();
        await db.close();
        return executor;
      },
    },
  ],
  maxTasks: [1, 4].map((maxTasks) => ({
    value: () => maxTasks,
    expected: maxTasks,
    observe: (given) =>
      observing({ ...TINY, compaction: rewriter() }, given, async (db) => {
        let running = 0;
        let most = 0;
        db.on('compactionBegin', () => (most = Math.max(most, ++running)));
        db.on('compactionEnd', () => running--);
        for (let run = 0; run < 6; run++) {
          db.putSync(`k${run}`, 'v');
          await db.flush();
        }
        await db.idle();
        return most;
      }),
  })),
  lossy: [
    {
      value: () => true,
      expected: 'none',
      observe: (given) =>
        codeOf(() => observing({ compaction: watcher(() => {}, true) }, given, () => 0)),
    },
  ],
  compaction: [
    {
      value: () => ({ strategy: 'leveled', level0Runs: 2 }),
      expected: { name: 'leveled', merged: true },
      observe: (given) =>
        observing(TINY, given, async (db) => {
          for (let run = 0; run < 3; run++) {
            db.putSync('k', `${run}`);
            await db.flush();
          }
          await db.idle();
          const { name } = db.compaction.strategy;
          return { name, merged: db.stats().counters.compactions > 0 };
        }),
    },
  ],
  filter: [
    {
      value: () => ({ bitsPerKey: 20 }),
      expected: [20],
      observe: (given) =>
        observing({}, given, async (db) => {
          fill(db, 3000);
          await db.flush();
          return db.stats().filters.bitsPerKey.map(({ bits }) => Math.round(bits));
        }),
    },
    {
      value: () => ({ perLevel: ['none'], oldest: 'hash-index' }),
      expected: [0, 40],
      observe: (given) =>
        observing({}, given, async (db) => {
          fill(db, 3000);
          await db.compact();
          fill(db, 3000);
          await db.flush();
          return db.stats().filters.bitsPerKey.map(({ bits }) => Math.round(bits));
        }),
    },
  ],
  fs: [
    {
      value: () => memoryFileSystem(),
      expected: { onDisk: false, reads: ['k=v'] },
      observe: async (given) => {
        const path = join(temporaryDirectory(), 'db');
        const db = await open(path, { executor: 'inline', ...given() });
        db.putSync('k', 'v');
        const seen = { onDisk: existsSync(path), reads: pairs(db) };
        await db.close();
        return seen;
      },
    },
  ],
  clock: [
    {
      value: () => ({ ...systemClock(), now: () => 12_345 }),
      expected: [12_345],
      observe: async (given) => {
        const seen = new Set<number>();
        await observing({ compaction: watcher((now) => seen.add(now)) }, given, () => 0);
        return [...seen];
      },
    },
  ],
  random: [
    {
      value: () => seededRandom(7),
      expected: true,
      observe: async (given) => {
        const pointers: string[] = [];
        for (let i = 0; i < 2; i++) {
          const fs = memoryFileSystem();
          await observing({ fs }, given, () => {
            const bytes = new Uint8Array(100);
            const handle = fs.openSync('/db/CURRENT', 'read');
            pointers.push(bytes.subarray(0, handle.readSync(bytes, 0, 100, 0)).join());
            handle.close();
          });
        }
        return pointers[0] === pointers[1];
      },
    },
  ],
};
