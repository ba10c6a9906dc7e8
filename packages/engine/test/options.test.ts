/** Options that act: durability for each database and write, strategies that stay, checkpoints. */
import { type Durability, open } from '@lsm/engine';
import { memoryFileSystem, nodeFileSystem } from '@lsm/fs';
import { describe, expect, it } from 'vitest';
import { describeImage, restoreImage, takeImage } from './support/image.ts';
import { openInMemory, pairs, TINY, temporaryDirectory, text } from './support/open.ts';
import { refused, turn } from './support/refused.ts';

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
