/** What this database adds to abstract-level's contract: options, durability, range deletes, formats, methods. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LsmLevel } from '@lsm/abstract-level';
import { memoryFileSystem } from '@lsm/fs';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { shapeOf } from '../src/format.ts';
import { LOCATION, openLevel, rejection } from './fixtures.ts';

const numbered = (count: number): { type: 'put'; key: string; value: string }[] =>
  Array.from({ length: count }, (_, i) => {
    const key = String(i).padStart(5, '0');
    return { type: 'put', key, value: `value ${key}` };
  });

describe('options', () => {
  test('of the engine are passed on', async () => {
    const db = await openLevel({ compaction: 'leveled' });
    expect(db.engine.compaction.strategy.name).toBe('leveled');
    expect(db.location).toBe(LOCATION);
    await db.close();
  });

  test('of open override those of the constructor', async () => {
    const fs = memoryFileSystem();
    const db = new LsmLevel(LOCATION, { fs, executor: 'inline', compaction: 'leveled' });
    await db.close();
    await db.open({ compaction: 'tiered' });
    expect(db.engine.compaction.strategy.name).toBe('tiered');
    await db.close();
  });

  test('with bad values are refused by name', async () => {
    const error = await rejection(openLevel({ blockBytes: 1 }));
    expect(error.cause?.code).toBe('LEVEL_INVALID_ARGUMENT');
    expect(error.cause?.message).toContain('blockBytes');
  });

  test('of LevelDB are refused with the name to use', async () => {
    const options = { cacheSize: 8 << 20 };
    const error = await rejection(openLevel(options as object));
    expect(error.cause?.code).toBe('LEVEL_INVALID_ARGUMENT');
    expect(error.cause?.message).toContain('use cacheBytes');
  });

  test('that belong to the application pass', async () => {
    const options = { application: 'mine' };
    await (await openLevel(options as object)).close();
  });
});

describe('durability', () => {
  test.each([{ sync: true }, { durability: 'fsync' }, { sync: true, durability: 'os' }] as const)(
    'of a write with %o is that of a sync to the device',
    async (options) => {
      const db = await openLevel();
      const syncs = (): number => db.stats().counters.logSyncs;
      const before = syncs();
      await db.put('a', '1', options);
      expect(syncs()).toBe(before + 1);
      await db.del('a', options);
      expect(syncs()).toBe(before + 2);
      await db.batch([{ type: 'put', key: 'b', value: '2' }], options);
      expect(syncs()).toBe(before + 3);
      await db.batch().put('c', '3').write(options);
      expect(syncs()).toBe(before + 4);
      await db.clear(options);
      expect(syncs()).toBe(before + 5);
      await db.sublevel('s').put('d', '4', options as object);
      expect(syncs()).toBe(before + 6);
      await db.close();
    },
  );

  test('without options is the database default: no sync', async () => {
    const db = await openLevel();
    const before = db.stats().counters.logSyncs;
    await db.put('a', '1');
    await db.put('b', '2', { sync: false });
    await db.batch(numbered(3));
    expect(db.stats().counters.logSyncs).toBe(before);
    await db.sync();
    expect(db.stats().counters.logSyncs).toBe(before + 1);
    await db.close();
  });

  test("of a database opened with 'fsync' holds for each write", async () => {
    const db = await openLevel({ durability: 'fsync' });
    const before = db.stats().counters.logSyncs;
    await db.put('a', '1');
    expect(db.stats().counters.logSyncs).toBe(before + 1);
    await db.close();
  });
});

describe('clear', () => {
  test('writes one range tombstone, whatever the number of keys', async () => {
    const db = await openLevel();
    await db.batch(numbered(500));
    await db.clear({ gte: '00100', lt: '00400' });
    const { rangeDeletes, deletes } = db.stats().counters;
    expect({ rangeDeletes, deletes }).toEqual({ rangeDeletes: 1, deletes: 0 });
    expect(await db.keys().all()).toEqual(
      numbered(500)
        .map(({ key }) => key)
        .filter((key) => key < '00100' || key >= '00400'),
    );
    await db.close();
  });

  test('with a limit deletes so many keys, from either end', async () => {
    const db = await openLevel();
    await db.batch(numbered(3000));
    await db.clear({ limit: 1200 });
    await db.clear({ limit: 1500, reverse: true });
    const keys = await db.keys().all();
    expect([keys.length, keys[0], keys.at(-1)]).toEqual([300, '01200', '01499']);
    expect(db.stats().counters.rangeDeletes).toBe(0);
    await db.close();
  });

  test('with a snapshot deletes what the snapshot has, in its range', async () => {
    const db = await openLevel();
    await db.batch(numbered(10));
    await using snapshot = db.snapshot();
    await db.put('00003 and a half', 'later');
    await db.clear({ gte: '00002', lt: '00005', snapshot });
    expect(await db.keys({ lt: '00006' }).all()).toEqual([
      '00000',
      '00001',
      '00003 and a half',
      '00005',
    ]);
    expect((await db.keys({ snapshot }).all()).length).toBe(10);
    await db.close();
  });

  test('of a sublevel leaves its neighbours, also after flush and reopen', async () => {
    const fs = memoryFileSystem();
    const db = await openLevel({ fs });
    for (const name of ['a', 'b', 'c']) await db.sublevel(name).batch(numbered(20));
    await db.flush();
    await db.sublevel('b').clear();
    await db.flush();
    await db.compactRange('', '\uffff');
    await db.close();
    const again = await openLevel({ fs });
    const counts = ['a', 'b', 'c'].map(
      async (name) => (await again.sublevel(name).keys().all()).length,
    );
    expect(await Promise.all(counts)).toEqual([20, 0, 20]);
    await again.close();
  });
});

describe('sublevels', () => {
  test('share atomic batches and keep their encodings', async () => {
    const db = await openLevel();
    const users = db.sublevel<string, { name: string }>('users', { valueEncoding: 'json' });
    const byName = db.sublevel('by-name');
    await db.batch<string, unknown>(
      [
        { type: 'put', sublevel: users, key: '1', value: { name: 'ada' } },
        { type: 'put', sublevel: byName, key: 'ada', value: '1' },
      ],
      {},
    );
    expect(await users.get((await byName.get('ada'))!)).toEqual({ name: 'ada' });
    expect(users.getSync('1')).toEqual({ name: 'ada' });
    expect(await db.keys().all()).toEqual(['!by-name!ada', '!users!1']);
    expect(db.stats().counters.batches).toBe(1);
    await db.close();
  });
});

describe('chained batches', () => {
  test('copy what they are given and write it as one batch', async () => {
    const db = await openLevel({ keyEncoding: 'buffer', valueEncoding: 'view' });
    const key = Buffer.from('key');
    const value = new TextEncoder().encode('value');
    const batch = db
      .batch()
      .put(key as never, value as never)
      .del('other');
    key.fill(0);
    value.fill(0);
    await batch.write();
    expect(await db.iterator({ keyEncoding: 'utf8', valueEncoding: 'utf8' }).all()).toEqual([
      ['key', 'value'],
    ]);
    expect(db.stats().counters.batches).toBe(1);
    await db.close();
  });
});

describe('formats', () => {
  test('give strings, Buffers or plain Uint8Arrays, from every kind of read', async () => {
    const db = await openLevel();
    await db.put('key', '\ufeffwert ✓');
    const bytes = new TextEncoder().encode('\ufeffwert ✓');
    for (const flushed of [false, true]) {
      if (flushed) await db.flush();
      for (const valueEncoding of ['utf8', 'buffer', 'view'] as const) {
        const options = { valueEncoding };
        const results: unknown[] = [
          await db.get('key', options),
          db.getSync('key', options),
          (await db.getMany(['key'], options))[0],
          (await db.iterator(options).all())[0]![1],
          await db.values(options).next(),
        ];
        for (const result of results) {
          if (valueEncoding === 'utf8') expect(result).toBe('\ufeffwert ✓');
          else {
            expect(Buffer.isBuffer(result)).toBe(valueEncoding === 'buffer');
            expect(Uint8Array.from(result as Uint8Array)).toEqual(bytes);
          }
        }
      }
    }
    await db.close();
  });
});

describe('formats of bytes that are no Buffers, as on other platforms', () => {
  const bytes = new TextEncoder().encode('\ufeffwert ✓');

  test('are the same', () => {
    expect(shapeOf('utf8')(bytes)).toBe('\ufeffwert ✓');
    expect(shapeOf('view')(bytes)).toBe(bytes);
    expect(shapeOf('buffer')(bytes)).toEqual(Buffer.from(bytes));
  });
});

describe('iterators', () => {
  test('end when the database closes, and give back what they held', async () => {
    const db = await openLevel();
    await db.batch(numbered(10));
    const iterator = db.iterator();
    const keys = db.keys();
    await iterator.next();
    expect(db.stats().iterators).toBe(2);
    await keys.close();
    expect(db.stats().iterators).toBe(1);
    await db.close();
    expect((await rejection(iterator.next())).code).toBe('LEVEL_ITERATOR_NOT_OPEN');
    expect((await rejection(keys.nextv(2))).code).toBe('LEVEL_ITERATOR_NOT_OPEN');
    expect(() => iterator.seek('00001')).not.toThrow();
  });

  test('leave halves of entries out', async () => {
    const db = await openLevel();
    await db.put('k', 'v');
    expect(await db.iterator({ keys: false }).all()).toEqual([[undefined, 'v']]);
    expect(await db.iterator({ values: false }).all()).toEqual([['k', undefined]]);
    expect(await db.iterator({ keys: false, values: false }).all()).toEqual([
      [undefined, undefined],
    ]);
    await db.close();
  });

  test('end at a seek outside of the range and go on after one inside', async () => {
    const db = await openLevel();
    await db.batch(numbered(10));
    for (const reverse of [false, true]) {
      const iterator = db.keys({ gt: '00002', lte: '00006', reverse });
      for (const outside of ['00001', '00002', '00006 and more', '00009']) {
        iterator.seek(outside);
        expect(await iterator.next()).toBe(undefined);
        expect(await iterator.nextv(3)).toEqual([]);
      }
      iterator.seek('00004');
      expect(await iterator.next()).toBe('00004');
      expect(await iterator.nextv(1)).toEqual([reverse ? '00003' : '00005']);
      await iterator.close();
    }
    await db.close();
  });

  test('stop in the middle of a long read when their signal fires', async () => {
    const db = await openLevel();
    await db.batch(numbered(5000));
    const controller = new AbortController();
    const iterator = db.iterator({ signal: controller.signal });
    const everything = iterator.all();
    controller.abort(new Error('enough'));
    const error = await rejection(everything);
    expect([error.name, error.code]).toEqual(['AbortError', 'LEVEL_ABORTED']);
    await iterator.close();
    expect(db.stats().iterators).toBe(0);
    await db.close();
  });

  test('count towards their limit what was read, not what was read ahead', async () => {
    const db = await openLevel();
    await db.batch(numbered(100));
    const iterator = db.keys({ limit: 30 });
    const read = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) expect(await iterator.next()).toBeTypeOf('string');
    };
    await read(8);
    iterator.seek('00050');
    await read(8);
    iterator.seek('zzz');
    expect(await iterator.next()).toBe(undefined);
    iterator.seek('00000');
    await read(14);
    expect([iterator.count, await iterator.next()]).toEqual([30, undefined]);
    iterator.seek('00000');
    expect(await iterator.nextv(5)).toEqual([]);
    await iterator.close();
    await db.close();
  });

  test('read one state, mixed calls in any order', async () => {
    const db = await openLevel();
    await db.batch(numbered(400));
    const iterator = db.keys({ gte: '00100', limit: 250 });
    await db.clear();
    const read = [await iterator.next(), await iterator.next()];
    read.push(...(await iterator.nextv(5)));
    for await (const key of iterator) read.push(key);
    expect(read).toEqual(
      numbered(350)
        .slice(100)
        .map(({ key }) => key),
    );
    expect(await db.keys().all()).toEqual([]);
    await db.close();
  });
});

describe('further methods', () => {
  test('wait for the database to open', async () => {
    const db = new LsmLevel(LOCATION, { fs: memoryFileSystem(), executor: 'inline' });
    expect(db.status).toBe('opening');
    await Promise.all([db.put('key', 'value'), db.flush(), db.sync(), db.compactRange('a', 'z')]);
    expect((await db.verify()).tables).toBeGreaterThanOrEqual(0);
    await db.close();
  });

  test('compactRange merges away what clear deleted', async () => {
    const db = await openLevel();
    await db.batch(numbered(200));
    await db.flush();
    await db.clear();
    await db.flush();
    await db.compactRange('', '~');
    expect(db.stats().tables).toBe(0);
    expect((await rejection(db.compactRange('a', undefined as never))).name).toBe('TypeError');
    await db.close();
  });

  test('checkpoint makes a database of its own', async () => {
    const fs = memoryFileSystem();
    const db = await openLevel({ fs });
    await db.put('key', 'before');
    await db.checkpoint('/copy');
    await db.put('key', 'after');
    const copy = new LsmLevel('/copy', { fs, executor: 'inline' });
    expect(await copy.get('key')).toBe('before');
    expect(await db.get('key')).toBe('after');
    await copy.close();
    await db.close();
  });

  test('are named in the manifest', async () => {
    const db = await openLevel();
    for (const name of Object.keys(db.supports.additionalMethods)) {
      expect(db[name as keyof typeof db]).toBeTypeOf('function');
    }
    const { implicitSnapshots, explicitSnapshots, seek, has, permanence, signals } = db.supports;
    expect({ implicitSnapshots, explicitSnapshots, seek, has, permanence }).toEqual({
      implicitSnapshots: true,
      explicitSnapshots: true,
      seek: true,
      has: true,
      permanence: true,
    });
    expect(signals).toEqual({ iterators: true });
    await db.close();
  });
});

describe('on disk', () => {
  test('data is there after closing and opening again', async () => {
    const root = mkdtempSync(join(tmpdir(), 'lsm-level-'));
    try {
      const location = join(root, 'made', 'with', 'parents');
      {
        await using db = new LsmLevel(location, { valueEncoding: 'json' });
        await db.put('a', { n: 1 } as never);
        await db.flush();
        await db.put('b', { n: 2 } as never);
      }
      const db = new LsmLevel<string, { n: number }>(location, { valueEncoding: 'json' });
      expect(await db.iterator().all()).toEqual([
        ['a', { n: 1 }],
        ['b', { n: 2 }],
      ]);
      await db.close();
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  });
});

describe('types', () => {
  test('flow from the type parameters and from encodings given as objects', async () => {
    const db = await openLevel<string, { n: number }>({ valueEncoding: 'json' });
    expectTypeOf(db.get('key')).resolves.toEqualTypeOf<{ n: number } | undefined>();
    expectTypeOf(db.getSync('key')).toEqualTypeOf<{ n: number } | undefined>();
    expectTypeOf(db.get<string, Buffer>('key', { valueEncoding: 'buffer' })).resolves.toEqualTypeOf<
      Buffer | undefined
    >();
    expectTypeOf(db.iterator().next()).resolves.toEqualTypeOf<
      [string, { n: number }] | undefined
    >();
    expectTypeOf(db.batch().put('key', { n: 1 }).length).toEqualTypeOf<number>();
    // @ts-expect-error -- the value has another type
    const wrong = (): Promise<void> => db.put('key', 'text');
    // @ts-expect-error -- no such durability
    const unknown = (): Promise<void> => db.put('key', { n: 1 }, { durability: 'disk' });
    expect([wrong, unknown]).toHaveLength(2);
    expect(await db.get('key')).toBe(undefined);
    await db.close();
  });
});
