/**
 * `getMany` against single reads: it takes another way to the same answer, in groups and stages. And that asynchronous
 * reads keep off the caller's thread.
 */
import type { FileHandle, FileSystem, PointIndexKindName } from '@lsm/core';
import { type Db, open, type Snapshot } from '@lsm/engine';
import { memoryFileSystem } from '@lsm/fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openInMemory, TINY, text } from './support/open.ts';

const SEED = Number(process.env['LSM_SEED'] ?? 20_261_121);
const KINDS: readonly PointIndexKindName[] = [
  'none',
  'bloom',
  'split-block',
  'fuse8',
  'hash-index',
];

/** Few keys, so that versions, tombstones and ranges meet; some are not words, some share long prefixes. */
const keys = fc.oneof(
  fc.nat(60).map((i) => `k${i}`),
  fc.nat(9).map((i) => `${'prefix'.repeat(20)}${i}`),
  fc.constantFrom('', 'a', '\u00ff', 'k'),
);
const step = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('put' as const),
      key: keys,
      length: fc.constantFrom(0, 1, 7, 30, 255, 257, 700, 1500),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('del' as const), key: keys }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('range' as const), key: keys, to: keys }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('flush' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('compact' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('snapshot' as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

async function run(db: Db, steps: readonly Step[]): Promise<Snapshot[]> {
  const snapshots: Snapshot[] = [];
  let count = 0;
  for (const action of steps) {
    count++;
    if (action.kind === 'put') db.putSync(action.key, `${count}`.padEnd(action.length, '.'));
    else if (action.kind === 'del') db.delSync(action.key);
    else if (action.kind === 'range') db.delRangeSync({ gte: action.key, lt: action.to });
    else if (action.kind === 'flush') await db.flush();
    else if (action.kind === 'compact') await db.compact();
    else snapshots.push(db.snapshot());
  }
  return snapshots;
}

describe(`getMany (seed ${SEED})`, () => {
  for (const kind of KINDS) {
    it(`gives what single reads give, now and in snapshots, with ${kind}`, async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(step, { maxLength: 120 }),
          fc.array(keys, { minLength: 1, maxLength: 300, size: 'max' }),
          fc.record({
            reads: fc.constantFrom('sync', 'async'),
            memtable: fc.constantFrom('art', 'hash'),
            combinedIndex: fc.constantFrom('always', 'off'),
            cacheBytes: fc.constantFrom(65_536, 524_288),
            blockBytes: fc.constantFrom(256, 4096),
          }),
          async (steps, asked, options) => {
            const filter = { name: 'test', choose: () => ({ kind, bitsPerKey: 6 }) };
            const fs = memoryFileSystem();
            const db = await open('/db', { ...TINY, ...options, filter, fs });
            const snapshots = await run(db, steps);
            for (const snapshot of snapshots) {
              const then = asked.map((key) => text(db.getSync(key, { snapshot })));
              expect((await db.getMany(asked, { snapshot })).map(text)).toEqual(then);
            }
            const reopened = options.blockBytes === 256;
            if (reopened) await db.close();
            const now = reopened ? await open('/db', { ...TINY, ...options, filter, fs }) : db;
            const mixed = asked.map((key, i) =>
              i % 2 === 0 ? key : new TextEncoder().encode(key),
            );
            const expected = asked.map((key) => text(now.getSync(key)));
            expect((await now.getMany(mixed)).map(text)).toEqual(expected);
            expect(now.getManySync(mixed).map(text)).toEqual(expected);
            await now.close();
          },
        ),
        { numRuns: 25, seed: SEED },
      );
    });
  }

  it('sees the past through a snapshot, under every kind', async () => {
    for (const kind of KINDS) {
      const filter = { name: 'test', choose: () => ({ kind, bitsPerKey: 10 }) };
      const db = await openInMemory({ filter });
      const names = Array.from({ length: 200 }, (_, i) => `k${i}`);
      const snapshots = [];
      for (let round = 0; round < 4; round++) {
        for (const [i, name] of names.entries()) {
          if ((i + round) % 7 === 0) db.delSync(name);
          else db.putSync(name, `${round}`);
        }
        if (round === 2) db.delRangeSync({ gte: 'k3', lt: 'k5' });
        if (round > 0) await db.flush();
        snapshots.push(db.snapshot());
      }
      for (const snapshot of snapshots) {
        const expected = names.map((name) => text(db.getSync(name, { snapshot })));
        expect(db.getManySync(names, { snapshot }).map(text)).toEqual(expected);
      }
    }
  });

  it('answers lists around the size of a group, and one key many times', async () => {
    const db = await openInMemory();
    for (let i = 0; i < 400; i++) db.putSync(`k${i}`, `v${i}`);
    await db.flush();
    db.putSync('k1', 'newer');
    for (const count of [0, 1, 127, 128, 129, 256, 400]) {
      const asked = Array.from({ length: count }, (_, i) => `k${i}`);
      expect(db.getManySync(asked).map(text)).toEqual(asked.map((key) => text(db.getSync(key))));
    }
    expect(db.getManySync(Array(300).fill('k7')).map(text)).toEqual(Array(300).fill('v7'));
    expect(db.getManySync(Array(300).fill('absent'))).toEqual(Array(300).fill(undefined));
  });

  it('returns values that belong to the caller each', async () => {
    const db = await openInMemory();
    for (const length of [0, 1, 2, 3, 5, 100, 256, 257, 1024, 1025]) {
      db.putSync(`k${length}`, new Uint8Array(length).fill(length));
    }
    await db.flush();
    const [first, ...others] = db.getManySync(['k100', 'k100', 'k5', 'k257', 'k1025', 'k0', 'k3']);
    first!.fill(0);
    expect(others.map((value) => [...new Set(value)])).toEqual([[100], [5], [1], [1], [], [3]]);
    expect(text(db.getSync('k3'))).toBe('\u0003\u0003\u0003');
  });

  it('reads the list before it reads the database, whatever the list does', async () => {
    const db = await openInMemory();
    db.putSync('a', 'old');
    const list = ['a', 'a', 'a'];
    Object.defineProperty(list, 1, {
      get() {
        db.putSync('a', 'new');
        return 'a';
      },
    });
    expect(db.getManySync(list).map(text)).toEqual(['new', 'new', 'new']);
  });
});

/** A memory file system that counts which way table blocks are read. */
function countingFileSystem(): { fs: FileSystem; counts: { sync: number; async: number } } {
  const inner = memoryFileSystem();
  const counts = { sync: 0, async: 0 };
  const counted = (handle: FileHandle): FileHandle =>
    new Proxy(handle, {
      get(target, name) {
        if (name === 'readSync') counts.sync++;
        if (name === 'read') counts.async++;
        const member: unknown = Reflect.get(target, name, target);
        return typeof member === 'function' ? member.bind(target) : member;
      },
    });
  const fs = new Proxy(inner, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (name !== 'openSync') return typeof member === 'function' ? member.bind(target) : member;
      return (path: string, ...rest: [never]) => {
        const handle = target.openSync(path, ...rest);
        return path.endsWith('.sst') ? counted(handle) : handle;
      };
    },
  });
  return { fs, counts };
}

describe("reads: 'async'", () => {
  it('keeps get, has and getMany off the caller’s thread, and reads a block once for many keys', async () => {
    const { fs, counts } = countingFileSystem();
    const writer = await open('/db', { ...TINY, fs, tableBytes: 1 << 20 });
    for (let i = 0; i < 1000; i++) writer.putSync(`key${i}`, 'v'.repeat(20));
    await writer.flush();
    await writer.compact();
    await writer.close();
    const asked = Array.from({ length: 1000 }, (_, i) => `key${i}`);
    const calls: ((db: Db) => Promise<unknown>)[] = [
      (db) => db.get('key500'),
      (db) => db.has('key500'),
      async (db) => (await db.getMany(asked)).every((value) => value?.length === 20),
    ];
    for (const call of calls) {
      const db = await open('/db', { ...TINY, fs, reads: 'async' });
      // Footer and metadata are read when a table is opened, always on this thread.
      expect(await db.has('key5x')).toBe(false);
      counts.sync = 0;
      counts.async = 0;
      const before = db.stats();
      expect(await call(db)).toBeTruthy();
      const { blocks, tables } = db.stats();
      expect(tables).toBe(1);
      expect(counts.async).toBeGreaterThan(0);
      expect(counts.sync).toBe(0);
      // At most each block once: 1000 entries of about 40 bytes in blocks of 256.
      expect(blocks.reads - before.blocks.reads).toBeLessThanOrEqual(300);
      await db.close();
    }
  });
});
