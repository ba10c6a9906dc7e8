/** Wrong calls, wrong directories, wrong media: each gets its own error, and the files stay as they were. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type OpenOptions, open } from '@lsm/engine';
import { memoryFileSystem, nodeFileSystem, systemRandom } from '@lsm/fs';
import { ManifestStore } from '@lsm/manifest';
import { describe, expect, it } from 'vitest';
import { runScript, watch } from './support/child.ts';
import {
  describeImage,
  flipped,
  type Image,
  restoreImage,
  takeImage,
  truncated,
  without,
} from './support/image.ts';
import { openInMemory, pairs, TINY, temporaryDirectory, text } from './support/open.ts';
import { refused } from './support/refused.ts';

describe('options', () => {
  it('an unknown name is refused and the nearest named; nothing is made', async () => {
    const fs = memoryFileSystem();
    for (const [name, nearest] of [
      ['durabilty', 'durability'],
      ['memtableByte', 'memtableBytes'],
      ['createIfMising', 'createIfMissing'],
      ['readonly', 'readOnly'],
      ['compact', 'compaction'],
      ['filters', 'filter'],
    ] as const) {
      const message = await refused('LSM_INVALID_ARGUMENT', () => open('/db', { fs, [name]: 1 }));
      expect(message).toContain(`"${nearest}"`);
      expect(fs.statSync('/db')).toBeNull();
    }
  });

  it('a wrong type or value is refused and named; nothing is made', async () => {
    const fs = memoryFileSystem();
    const wrong: Record<string, unknown[]> = {
      createIfMissing: [1, 'yes', null],
      errorIfExists: ['false'],
      readOnly: [0],
      durability: ['sync', 'OS', null, 3],
      memoryBytes: [0, -1, 1.5, '64MB', Number.NaN, 2 ** 60, null],
      memtableBytes: [1, '1', Number.POSITIVE_INFINITY],
      cacheBytes: [1, {}],
      indexBytes: [-1],
      combinedIndex: ['on', true],
      memtable: ['skiplist'],
      blockBytes: [100, 1 << 20],
      tableBytes: [1],
      compression: ['zstd', [], ['none', 'gzip'], null],
      reads: ['fast'],
      executor: ['thread'],
      maxTasks: [0, 100, 1.5],
      compaction: [
        'level',
        5,
        null,
        {},
        { strategy: 'leveld' },
        { strategy: 'leveled', ratioo: 4 },
      ],
      filter: ['bloom', 5, {}, null, { bitsPerKey: -1 }, { bitsPerKey: 'x' }, { perLevel: [] }],
    };
    for (const [name, values] of Object.entries(wrong)) {
      for (const value of values) {
        await refused('LSM_INVALID_ARGUMENT', () => open('/db', { fs, [name]: value }));
        expect(fs.statSync('/db'), `${name}: ${String(value)}`).toBeNull();
      }
    }
    for (const options of [null, 5, 'options']) {
      await refused('LSM_INVALID_ARGUMENT', () => open('/db', options as never));
    }
    for (const path of ['', 5, null, undefined]) {
      await refused('LSM_INVALID_ARGUMENT', () => open(path as never));
    }
    await refused('LSM_INVALID_ARGUMENT', () => open('/db', { fs, executor: 'worker' }));
    expect(fs.statSync('/db')).toBeNull();
  });

  it('a name of a strategy or choice that is nearly right is answered with the right one', async () => {
    const fs = memoryFileSystem();
    for (const [options, nearest] of [
      [{ compaction: 'leveld' }, 'leveled'],
      [{ compaction: { strategy: 'tired' } }, 'tiered'],
      [{ durability: 'fsnc' }, 'fsync'],
      [{ compression: 'lz5' }, 'lz4'],
    ] as const) {
      const message = await refused('LSM_INVALID_ARGUMENT', () =>
        open('/db', { fs, ...options } as never),
      );
      expect(message).toContain(nearest);
    }
  });
});

describe('keys, values and options of calls', () => {
  it('wrong types are refused by both twins and change nothing', async () => {
    const db = await openInMemory();
    db.putSync('k', 'v');
    for (const bad of [undefined, null, 5, {}, [], true, 5n, new ArrayBuffer(2), Symbol('k')]) {
      for (const call of [
        () => db.put(bad as never, ''),
        () => db.putSync(bad as never, ''),
        () => db.put('k', bad as never),
        () => db.putSync('k', bad as never),
        () => db.del(bad as never),
        () => db.delSync(bad as never),
        () => db.get(bad as never),
        () => db.getSync(bad as never),
        () => db.has(bad as never),
        () => db.hasSync(bad as never),
        () => db.getInto(bad as never, new Uint8Array(1)),
        () => db.getMany([bad as never]),
      ]) {
        await refused('LSM_INVALID_ARGUMENT', call);
      }
    }
    for (const target of [undefined, null, [], 'x', new ArrayBuffer(1)]) {
      await refused('LSM_INVALID_ARGUMENT', () => db.getInto('k', target as never));
    }
    for (const options of [null, 5, 'fsync', { durabilty: 'fsync' }, { durability: 'disk' }]) {
      await refused('LSM_INVALID_ARGUMENT', () => db.put('k', 'x', options as never));
      await refused('LSM_INVALID_ARGUMENT', () => db.putSync('k', 'x', options as never));
      await refused('LSM_INVALID_ARGUMENT', () => db.batch([], options as never));
      await refused('LSM_INVALID_ARGUMENT', () => db.delSync('k', options as never));
    }
    await refused('LSM_INVALID_ARGUMENT', () => db.on('flush' as never, () => undefined));
    await refused('LSM_INVALID_ARGUMENT', () => db.on('flushEnd', 5 as never));
    await refused('LSM_INVALID_ARGUMENT', () => db.setCompaction('level' as never));
    expect(pairs(db)).toEqual(['k=v']);
  });

  it('values and batches beyond the limits are refused before anything is taken', async () => {
    const db = await openInMemory();
    const huge = new Uint8Array(2 ** 30);
    await refused('LSM_INVALID_ARGUMENT', () => db.put('k', huge));
    await refused('LSM_INVALID_ARGUMENT', () => db.putSync('k', huge));
    const half = huge.subarray(0, 600_000_000);
    await refused('LSM_INVALID_ARGUMENT', () =>
      db.batch([
        { type: 'put', key: 'a', value: half },
        { type: 'put', key: 'b', value: half },
      ]),
    );
    expect(db.stats().sequence).toBe(0);
  });
});

/** Files of a small database, closed. */
async function closedImage(options: OpenOptions = {}): Promise<Image> {
  const fs = memoryFileSystem();
  const db = await open('/db', { ...TINY, ...options, fs });
  for (let i = 0; i < 100; i++) db.putSync(`k${i}`, `v${i}`);
  await db.flush();
  db.putSync('k1', 'in the log');
  await db.close();
  return takeImage(fs, '/db');
}

describe('directories', () => {
  it('createIfMissing, errorIfExists, files and foreign directories', async () => {
    const fs = memoryFileSystem();
    await refused('LSM_MISSING', () => open('/none', { fs, createIfMissing: false }));
    await refused('LSM_MISSING', () => open('/none', { fs, readOnly: true }));
    expect(fs.statSync('/none')).toBeNull();
    await (await open('/db', { fs, errorIfExists: true })).close();
    const before = describeImage(takeImage(fs, '/db'));
    await refused('LSM_EXISTS', () => open('/db', { fs, errorIfExists: true }));
    expect(describeImage(takeImage(fs, '/db'))).toEqual(before);
    fs.makeDirectorySync('/home');
    fs.openSync('/home/letter.txt', 'create').close();
    await refused('LSM_INVALID_ARGUMENT', () => open('/home', { fs }));
    await refused('LSM_INVALID_ARGUMENT', () => open('/home/letter.txt', { fs }));
    expect(fs.listSync('/home')).toEqual(['letter.txt']);
    await (await open('/new/deep/database', { fs })).close();
  });

  it("a stranger's file in the directory stays", async () => {
    const image = await closedImage();
    const fs = restoreImage(new Map([...image, ['notes.txt', Buffer.from('mine')]]), '/db');
    const db = await open('/db', { ...TINY, fs });
    await db.compact();
    await db.close();
    expect(fs.listSync('/db')).toContain('notes.txt');
  });

  it('missing, cut and flipped files: LSM_CORRUPTION with the file, and the files stay as they were', async () => {
    const image = await closedImage();
    const [manifest, log] = [/^MANIFEST/, /\.log$/].map(
      (pattern) => [...image.keys()].find((name) => pattern.test(name))!,
    ) as [string, string];
    const damaged: [Image, RegExp][] = [
      [without(image, 'CURRENT'), /CURRENT/],
      [truncated(image, 'CURRENT', 0), /CURRENT/],
      [flipped(image, 'CURRENT', 5, 0x01), /CURRENT/],
      [without(image, manifest), /MANIFEST/],
      [truncated(image, manifest, 20), /MANIFEST/],
      [flipped(image, manifest, 0, 0xff), /MANIFEST/],
      [flipped(image, manifest, 100, 0xff), /MANIFEST/],
      [without(image, log), /\.log/],
      [truncated(image, log, 10), /\.log/],
      [flipped(image, log, 70, 0xff), /\.log/],
    ];
    for (const [picture, file] of damaged) {
      for (const readOnly of [true, false]) {
        const fs = restoreImage(picture, '/db');
        let message = '';
        try {
          await (await open('/db', { ...TINY, fs, readOnly })).close();
        } catch (error) {
          expect(error).toMatchObject({
            code: 'LSM_CORRUPTION',
            file: expect.stringMatching(file),
          });
          message = (error as Error).message;
        }
        expect(message).toMatch(file);
        expect(describeImage(takeImage(fs, '/db'))).toEqual(describeImage(picture));
      }
    }
  });

  it('a newer format: LSM_UNSUPPORTED_FORMAT with the file, and the files stay as they were', async () => {
    for (const newer of [{ requiredFeatures: 1 }, { requiredFeatures: 2 ** 30 }]) {
      const fs = memoryFileSystem();
      fs.makeDirectorySync('/db');
      ManifestStore.create(fs, '/db', newer, { random: systemRandom() }).close();
      const image = describeImage(takeImage(fs, '/db'));
      for (const readOnly of [true, false]) {
        const file = expect.stringMatching(/MANIFEST/) as unknown;
        await expect(open('/db', { ...TINY, fs, readOnly })).rejects.toMatchObject({
          code: 'LSM_UNSUPPORTED_FORMAT',
          file,
        });
        expect(describeImage(takeImage(fs, '/db'))).toEqual(image);
      }
    }
  });

  it('a strategy that is not built in has to be given when the database is opened again', async () => {
    const image = await closedImage({
      compaction: {
        name: 'my-own',
        formatVersion: 1,
        settings: {},
        plan: () => ({ tasks: [] }),
        assess: () => ({ debtBytes: 0, pressure: 0, delay: 'none', quiescent: true }),
      },
    });
    const fs = restoreImage(image, '/db');
    expect(await refused('LSM_INVALID_ARGUMENT', () => open('/db', { ...TINY, fs }))).toContain(
      'my-own',
    );
    expect(describeImage(takeImage(fs, '/db'))).toEqual(describeImage(image));
    // Who only reads plans nothing.
    const reader = await open('/db', { ...TINY, fs, readOnly: true });
    expect(text(reader.getSync('k1'))).toBe('in the log');
    expect(reader.compaction.strategy.name).toBe('my-own');
    expect(reader.stats().strategy).toBe('my-own');
    await reader.close();
    const db = await open('/db', { ...TINY, fs, compaction: 'tiered' });
    expect(text(db.getSync('k1'))).toBe('in the log');
    expect(db.compaction.strategy.name).toBe('tiered');
    await db.close();
  });
});

describe('readOnly', () => {
  it('writes nothing, takes no lock, sees the log, also after a crash; every write is refused', async () => {
    const directory = temporaryDirectory();
    const writer = runScript(
      directory,
      `const db = await open(path, { executor: 'inline' });
       db.putSync('a', '1'); await db.flush(); db.putSync('b', '2'); await db.put('c', '3');
       process.kill(process.pid, 'SIGKILL');`,
    );
    await watch(writer);
    const fs = nodeFileSystem();
    const before = describeImage(takeImage(fs, directory));
    const db = await open(directory, { readOnly: true });
    const twin = await open(directory, { readOnly: true });
    expect(pairs(db)).toEqual(['a=1', 'b=2', 'c=3']);
    expect(pairs(twin, { reverse: true })).toEqual(['c=3', 'b=2', 'a=1']);
    expect(db.stats().lock).toBe('none');
    await db.verify();
    using snapshot = db.snapshot();
    expect(text(db.getSync('b', { snapshot }))).toBe('2');
    for (const call of [
      () => db.put('k', ''),
      () => db.putSync('k', ''),
      () => db.del('k'),
      () => db.delSync('k'),
      () => db.delRange({}),
      () => db.delRangeSync({}),
      () => db.batch([]),
      () => db.batchSync([]),
      () => db.flush(),
      () => db.sync(),
      () => db.compact(),
      () => db.setCompaction('tiered'),
      () => db.checkpoint(`${directory}-copy`),
    ]) {
      await refused('LSM_READ_ONLY', call);
    }
    await db.close();
    await twin.close();
    expect(describeImage(takeImage(fs, directory))).toEqual(before);
  });

  it('a directory without write permission: readOnly opens, writing is refused with LSM_READ_ONLY', async (context) => {
    const directory = temporaryDirectory();
    const path = join(directory, 'db');
    mkdirSync(path);
    const db = await open(path);
    db.putSync('k', 'v');
    await db.close();
    chmodSync(path, 0o500);
    let isEnforced = false;
    try {
      writeFileSync(join(path, 'probe'), '');
      rmSync(join(path, 'probe'));
    } catch {
      isEnforced = true;
    }
    if (!isEnforced) {
      console.warn('SKIPPED: this user may write everywhere, so permissions cannot be tested');
      context.skip();
    }
    await refused('LSM_READ_ONLY', () => open(path));
    const reader = await open(path, { readOnly: true });
    expect(pairs(reader)).toEqual(['k=v']);
    await reader.close();
    chmodSync(path, 0o700);
  });
});

describe('a full disk', () => {
  it('writes are refused with LSM_DISK_FULL and not applied, reads go on, and writing resumes with the space', async (context) => {
    const mount = join(temporaryDirectory(), 'small');
    mkdirSync(mount);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', mount]);
    if (mounted.status !== 0) {
      console.warn('SKIPPED: no small tmpfs can be mounted here');
      context.skip();
    }
    try {
      const ballast = join(mount, 'ballast');
      writeFileSync(ballast, Buffer.alloc(1 << 20));
      const path = join(mount, 'db');
      const db = await open(path, {
        executor: 'inline',
        memoryBytes: 4 << 20,
        memtableBytes: 1 << 20,
      });
      const value = Buffer.alloc(20_000, 'v');
      let applied = 0;
      await refused('LSM_DISK_FULL', () => {
        for (; applied < 1000; applied++) db.putSync(`k${String(applied).padStart(4, '0')}`, value);
      });
      expect(applied).toBeGreaterThan(5);
      await refused('LSM_DISK_FULL', () => db.put('async', value));
      expect(db.hasSync('async')).toBe(false);
      expect([...db.keys()].length).toBe(applied);
      expect(db.getSync('k0000')).toEqual(value);
      rmSync(ballast);
      db.putSync('after', value);
      await db.put('async', value);
      expect([...db.keys()].length).toBe(applied + 2);
      await db.close();
      const again = await open(path, { executor: 'inline' });
      expect([...again.keys()].length).toBe(applied + 2);
      await again.close();
    } finally {
      spawnSync('umount', ['-l', mount]);
    }
  });
});
