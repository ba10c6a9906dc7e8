/** Options that act: each one at all; durability for each database and write, strategies that stay, checkpoints. */
import type { CompactionStrategy, FileSystem } from '@lsm/core';
import { type Durability, type OpenOptions, open } from '@lsm/engine';
import { memoryFileSystem, nodeFileSystem } from '@lsm/fs';
import { readManifest } from '@lsm/manifest';
import { SimulatedFileSystem } from '@lsm/testkit';
import { describe, expect, it } from 'vitest';
import { parseOptions } from '../src/options.ts';
import { describeImage, restoreImage, takeImage } from './support/image.ts';
import { openInMemory, pairs, TINY, temporaryDirectory, text } from './support/open.ts';
import { OPTION_EFFECTS } from './support/option-effects.ts';
import { refused, turn } from './support/refused.ts';

describe('every option', () => {
  const entries = Object.entries(OPTION_EFFECTS).flatMap(([name, effects]) =>
    effects.map((effect) => ({ name, given: JSON.stringify(effect.value()) ?? '', effect })),
  );

  it('has an entry that says what it does', () => {
    const { settings } = parseOptions({ fs: memoryFileSystem() });
    const components = ['compaction', 'filter', 'fs', 'clock', 'random'];
    expect(Object.keys(OPTION_EFFECTS).toSorted()).toEqual(
      [...Object.keys(settings), ...components].toSorted(),
    );
    expect(Object.values(OPTION_EFFECTS).every((effects) => effects.length > 0)).toBe(true);
  });

  it.each(entries)('acts, and would be missed: $name $given', async ({ name, effect }) => {
    const seen = await effect.observe(() => ({ [name]: effect.value() }));
    // The control: as if the engine ignored the option.
    const ignored = await effect.observe(() => ({}));
    if ('expected' in effect) expect(seen).toEqual(effect.expected);
    expect(ignored).not.toEqual(seen);
  });
});

describe('memoryBytes', () => {
  it('is the sum of its shares at most, three memtables counted', () => {
    const fs = memoryFileSystem();
    for (
      let memoryBytes = 2 ** 20;
      memoryBytes <= 2 ** 36;
      memoryBytes = memoryBytes * 2 + 12_345
    ) {
      const given = Math.min(memoryBytes, 2 ** 36);
      const { settings } = parseOptions({ fs, memoryBytes: given });
      const { memtableBytes, cacheBytes, indexBytes } = settings;
      const sum = 3 * memtableBytes + cacheBytes + indexBytes;
      expect(sum).toBeLessThanOrEqual(given);
      if (given < 2 ** 32) expect(sum).toBeGreaterThan(0.99 * given);
    }
  });
});

describe('settings', () => {
  const recorded = (fs: FileSystem): { settings: unknown; strategy: unknown; edits: number } => {
    const { state, edits } = readManifest(fs, '/db');
    return { settings: state.settings, strategy: state.strategy, edits };
  };
  const reopen = async (fs: FileSystem, options: OpenOptions): Promise<void> => {
    const db = await open('/db', { ...TINY, ...options, fs });
    await db.close();
  };

  it('are recorded at each opening, without an edit if nothing is new', async () => {
    const fs = memoryFileSystem();
    await reopen(fs, {});
    const first = recorded(fs);
    expect(first.settings).toMatchObject({ ...TINY, durability: 'os', lossy: false });
    expect(first.settings).not.toHaveProperty('createIfMissing');
    await reopen(fs, {});
    const second = recorded(fs);
    expect(second.settings).toEqual(first.settings);
    const usual = second.edits - first.edits;
    await reopen(fs, { errorIfExists: false, createIfMissing: false });
    expect(recorded(fs).edits - second.edits).toBe(usual);
    const before = recorded(fs).edits;
    await reopen(fs, { durability: 'fsync', blockBytes: 512 });
    const changed = recorded(fs);
    expect(changed.settings).toMatchObject({ durability: 'fsync', blockBytes: 512 });
    expect(changed.edits - before).toBe(usual + 1);
    await reopen(fs, { readOnly: true, durability: 'memory' });
    expect(recorded(fs)).toEqual(changed);
  });

  it('of the strategy that are given at a reopening stay, and its state does if its format does', async () => {
    const fs = memoryFileSystem();
    const seen: unknown[] = [];
    const make = (formatVersion: number, level: number): CompactionStrategy => ({
      name: 'own',
      formatVersion,
      settings: { level },
      initialState: () => ({ began: level }),
      plan: (_, state) => {
        seen.push(state);
        return { tasks: [] };
      },
      assess: () => ({ debtBytes: 0, pressure: 0, delay: 'none', quiescent: true }),
    });
    await reopen(fs, { compaction: make(1, 1) });
    await reopen(fs, { compaction: make(1, 2) });
    expect(recorded(fs).strategy).toMatchObject({ settings: { level: 2 }, state: { began: 1 } });
    expect(seen.at(-1)).toEqual({ began: 1 });
    await reopen(fs, { compaction: make(2, 3) });
    expect(recorded(fs).strategy).toMatchObject({ formatVersion: 2, state: { began: 3 } });
    expect(seen.at(-1)).toEqual({ began: 3 });
    await reopen(fs, { compaction: { strategy: 'leveled', ratio: 5 } });
    await reopen(fs, { compaction: { strategy: 'leveled', ratio: 6 } });
    await reopen(fs, {});
    expect(recorded(fs).strategy).toMatchObject({ name: 'leveled', settings: { ratio: 6 } });
  });

  it('that cannot be recorded on a full disk keep nobody from opening', async () => {
    const fs = new SimulatedFileSystem();
    await reopen(fs, {});
    fs.capacityBytes = fs.usedBytes;
    const db = await open('/db', { ...TINY, fs, blockBytes: 1024 });
    expect([...db.keys()]).toEqual([]);
    fs.capacityBytes = Number.POSITIVE_INFINITY;
    await db.close();
    await reopen(fs, { blockBytes: 1024 });
    expect(recorded(fs).settings).toMatchObject({ blockBytes: 1024 });
  });
});

describe('durability', () => {
  it('decides what of a write reaches the file and the device before it counts as done', async () => {
    for (const durability of ['memory', 'os', 'fsync'] as const) {
      const fs = memoryFileSystem();
      const db = await openInMemory({ durability }, fs);
      db.putSync('k', 'v');
      const { counters } = db.stats();
      expect(counters.logWrites).toBe(durability === 'memory' ? 0 : 1);
      expect(counters.logSyncs).toBe(durability === 'fsync' ? 1 : 0);
      await turn();
      expect(db.stats().counters.logWrites).toBe(1);
      // What is in the files is what a crash of the process would leave.
      const after = await open('/db', { ...TINY, fs: restoreImage(takeImage(fs, '/db'), '/db') });
      expect(pairs(after)).toEqual(['k=v']);
      await after.close();
      db.putSync('k', 'w');
      await db.sync();
      expect(db.stats().counters.logSyncs).toBeGreaterThan(0);
    }
  });

  it('of a call may be stronger than the database, never weaker, for every kind of write', async () => {
    const order: Durability[] = ['memory', 'os', 'fsync'];
    for (const least of order) {
      const db = await openInMemory({ durability: least });
      for (const given of order) {
        const options = { durability: given };
        const calls: (() => unknown)[] = [
          () => db.put('k', '', options),
          () => db.putSync('k', '', options),
          () => db.del('k', options),
          () => db.delSync('k', options),
          () => db.delRange({ gte: 'x' }, options),
          () => db.delRangeSync({ gte: 'x', durability: given }),
          () => db.batch([{ type: 'put', key: 'k', value: '' }], options),
          () => db.batchSync([{ type: 'put', key: 'k', value: '' }], options),
        ];
        const before = db.stats();
        for (const call of calls) {
          if (order.indexOf(given) < order.indexOf(least)) {
            await refused('LSM_INVALID_ARGUMENT', call);
          } else {
            await call();
          }
        }
        const after = db.stats();
        const isAllowed = order.indexOf(given) >= order.indexOf(least);
        expect(after.sequence - before.sequence).toBe(isAllowed ? calls.length : 0);
        if (given === 'fsync') {
          expect(after.counters.logSyncs - before.counters.logSyncs).toBe(calls.length);
        }
      }
    }
  });
});

describe('setCompaction', () => {
  it('acts at once and at the next open, settings included', async () => {
    const fs = memoryFileSystem();
    const db = await openInMemory({ compaction: 'leveled' }, fs);
    for (let i = 0; i < 6; i++) {
      db.putSync(`k${i}`, '');
      await db.flush();
    }
    expect(db.stats().strategy).toBe('leveled');
    await db.setCompaction({ strategy: 'tiered' });
    expect(db.stats().strategy).toBe('tiered');
    const { settings } = db.compaction.strategy;
    await db.close();
    const again = await open('/db', { ...TINY, fs });
    expect(again.compaction.strategy.name).toBe('tiered');
    expect(again.compaction.strategy.settings).toEqual(settings);
    await again.close();
    const given = await open('/db', { ...TINY, fs, compaction: 'hybrid' });
    expect(given.stats().strategy).toBe('hybrid');
    await given.close();
    const last = await open('/db', { ...TINY, fs });
    expect(last.stats().strategy).toBe('hybrid');
    expect([...last.keys()].length).toBe(6);
    await last.close();
  });
});

describe('a strategy of which the manifest could not keep all', () => {
  const whole: CompactionStrategy = {
    name: 'own',
    formatVersion: 1,
    settings: {},
    plan: () => ({ tasks: [] }),
    assess: () => ({ debtBytes: 0, pressure: 0, delay: 'none', quiescent: true }),
  };
  const broken: [string, object][] = [
    ['no name', { name: '' }],
    ['a name that is no text', { name: 5 }],
    ['a version that is no integer', { formatVersion: 1.5 }],
    ['no version', { formatVersion: undefined }],
    ['settings that are not JSON', { settings: { since: new Date(0) } }],
    ['an initial state that is not JSON', { initialState: () => new Set([1]) }],
    ['no initial state although it has one', { initialState: () => [undefined] }],
    ['an initial state that throws', { initialState: () => JSON.parse('{') as never }],
    ['no judgement', { assess: undefined }],
  ];

  it.each(broken)('is refused, and nothing is made or changed: %s', async (_, flaw) => {
    const compaction = { ...whole, ...flaw } as CompactionStrategy;
    const fs = memoryFileSystem();
    await refused('LSM_INVALID_ARGUMENT', () => open('/db', { ...TINY, fs, compaction }));
    expect(fs.statSync('/db')).toBe(null);
    const db = await openInMemory({}, fs);
    await refused('LSM_INVALID_ARGUMENT', () => db.setCompaction(compaction));
    expect(db.compaction.strategy.name).toBe('hybrid');
  });
});

describe('checkpoint', () => {
  it('is a database of its own with the state at the call, made while writes go on', async () => {
    const directory = temporaryDirectory();
    const db = await open(`${directory}/db`, { ...TINY });
    for (let i = 0; i < 2000; i++) db.putSync(`k${i}`, `v${i}`);
    db.delRangeSync({ gte: 'k5', lt: 'k6' });
    const expected = pairs(db);
    const made = db.checkpoint(`${directory}/copy`);
    const writes: Promise<void>[] = [];
    for (let i = 0; i < 2000; i++) writes.push(db.put(`k${i}`, 'later'));
    await made;
    await Promise.all(writes);
    await db.compact();
    const fs = nodeFileSystem();
    const image = describeImage(takeImage(fs, `${directory}/copy`));
    const copy = await open(`${directory}/copy`, { ...TINY });
    expect(pairs(copy)).toEqual(expected);
    await copy.verify();
    copy.putSync('own', '1');
    await copy.close();
    expect(db.hasSync('own')).toBe(false);
    expect(db.hasSync('k50')).toBe(true);
    await refused('LSM_EXISTS', () => db.checkpoint(`${directory}/copy`));
    await refused('LSM_EXISTS', () => db.checkpoint(directory));
    expect(image.length).toBeGreaterThan(2);
    expect(fs.listSync(directory).toSorted()).toEqual(['copy', 'db']);
    await db.close();
  });

  it('of an empty database, and of one in memory, opens as well', async () => {
    const fs = memoryFileSystem();
    const db = await openInMemory({}, fs);
    await db.checkpoint('/empty');
    db.putSync('k', 'v');
    await db.checkpoint('/one');
    for (const [path, expected] of [
      ['/empty', []],
      ['/one', ['k=v']],
    ] as const) {
      const copy = await open(path, { ...TINY, fs });
      expect(pairs(copy)).toEqual(expected);
      await copy.close();
    }
  });

  it('that is cut short at any step leaves no target, and the next attempt succeeds', async () => {
    let steps = 0;
    for (let failAt = 0; failAt < 60; failAt++) {
      const inner = memoryFileSystem();
      let left = Number.POSITIVE_INFINITY;
      const fs = new Proxy(inner, {
        get(target, name: keyof typeof inner) {
          const member = target[name];
          if (typeof member !== 'function') return member;
          return (...parameters: unknown[]) => {
            const changes = [
              'openSync',
              'linkSync',
              'renameSync',
              'syncDirectorySync',
              'makeDirectorySync',
            ];
            if (changes.includes(name) && left-- === 0) throw new Error('cut short');
            return (member as (...all: unknown[]) => unknown).apply(target, parameters);
          };
        },
      });
      const db = await open('/db', { ...TINY, fs });
      for (let i = 0; i < 30; i++) db.putSync(`k${i}`, '');
      await db.flush();
      db.putSync('more', '');
      await db.flush();
      left = failAt;
      const failed = await db.checkpoint('/copy').then(
        () => false,
        () => true,
      );
      const isDone = left >= 0;
      left = Number.POSITIVE_INFINITY;
      if (failed) {
        steps++;
        if (inner.statSync('/copy') === null) await db.checkpoint('/copy');
      } else {
        expect(isDone || inner.statSync('/copy') !== null).toBe(true);
      }
      const copy = await open('/copy', { ...TINY, fs: inner });
      expect([...copy.keys()].length).toBe(31);
      await copy.close();
      await db.close();
      if (!failed && isDone) break;
    }
    expect(steps).toBeGreaterThan(5);
  });

  it("does not touch a stranger's directory of the name that it works under", async () => {
    const fs = memoryFileSystem();
    fs.makeDirectorySync('/copy.partial');
    fs.openSync('/copy.partial/thesis.txt', 'create').close();
    const db = await openInMemory({}, fs);
    db.putSync('k', 'v');
    await refused('LSM_EXISTS', () => db.checkpoint('/copy'));
    expect(fs.listSync('/copy.partial')).toEqual(['thesis.txt']);
    expect(text(db.getSync('k'))).toBe('v');
  });
});
