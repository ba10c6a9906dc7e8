/** The tests that the design calls for by name. (Damage, faults, crashes and processes have files of their own.) */
import { open } from '@lsm/engine';
import { memoryFileSystem } from '@lsm/fs';
import { describe, expect, it } from 'vitest';
import { flipped, restoreImage, takeImage } from './support/image.ts';
import { openInMemory, pairs, TINY, temporaryDirectory, text } from './support/open.ts';
import { putLoop } from './support/put-loop.ts';
import { refused } from './support/refused.ts';

const MEBIBYTE = 1 << 20;

describe('5 M putSync in one synchronous loop with bounded memory, each executor (500 K here; all in test/long)', () => {
  it.each(['worker', 'inline'] as const)(
    '%s',
    async (executor) => {
      const report = await putLoop(temporaryDirectory(), {
        puts: 500_000,
        executor,
        memoryBytes: 8 * MEBIBYTE,
        memtableBytes: MEBIBYTE,
        tableBytes: MEBIBYTE,
      });
      console.info(`${executor}: ${JSON.stringify(report)}`);
      // 65 MB were written; three memtables, the cache and one job's buffers stay.
      expect(report.growthBytes).toBeLessThan(300 * MEBIBYTE);
      expect(report.waiting).toBeLessThanOrEqual(3);
      expect(report.flushes).toBeGreaterThan(40);
      expect(report.missing).toBe(0);
    },
    120_000,
  );
});

describe('rewrite-while-scanning over 10x memtableBytes', () => {
  it.each([false, true])(
    'with a held snapshot: %s',
    async (held) => {
      const db = await openInMemory({ memtableBytes: 65_536, memoryBytes: 4 * MEBIBYTE });
      const filler = 'f'.repeat(200);
      const count = 4000;
      for (let i = 0; i < count; i++) db.putSync(`k${String(i).padStart(5, '0')}`, `old${filler}`);
      const snapshot = held ? db.snapshot() : null;
      let seen = 0;
      for await (const [key, value] of db.entries()) {
        expect(text(value)!.startsWith('old')).toBe(true);
        await db.put(key, `new${filler}`);
        db.putSync(Buffer.concat([key, Buffer.from('+')]), 'added');
        seen++;
      }
      expect(seen).toBe(count);
      expect(db.stats().counters.userBytes).toBeGreaterThan(10 * 65_536 * 2);
      expect(db.stats().counters.flushes).toBeGreaterThan(20);
      let fresh = 0;
      for (const [key, value] of db.entries()) {
        if (text(key)!.endsWith('+')) continue;
        expect(text(value)!.startsWith('new')).toBe(true);
        fresh++;
      }
      expect(fresh).toBe(count);
      if (snapshot !== null) {
        let old = 0;
        for (const value of db.values({ snapshot })) if (text(value)!.startsWith('old')) old++;
        expect(old).toBe(count);
        snapshot.close();
      }
      await db.idle();
      expect(db.stats().memory.pinnedBytes).toBe(0);
    },
    60_000,
  );
});

describe('random puts between every cursor step', () => {
  for (const memtable of ['art', 'hash'] as const) {
    for (const reverse of [false, true]) {
      it(`${memtable}, ${reverse ? 'backward' : 'forward'}`, async () => {
        const db = await openInMemory({ memtable });
        let state = 1;
        const random = (below: number): number => {
          state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
          return (state >> 8) % below;
        };
        const name = (): string => `${'p'.repeat(random(4))}${random(300)}`;
        for (let round = 0; round < 6; round++) {
          for (let i = 0; i < 200; i++) db.putSync(name(), `${round}`);
          const expected = pairs(db, { reverse });
          const iterator = db.entries({ reverse });
          const seen: string[] = [];
          for (;;) {
            const entry = iterator.nextSync();
            if (entry === undefined) break;
            seen.push(`${text(entry[0])}=${text(entry[1])}`);
            for (let i = random(4); i >= 0; i--) db.putSync(name(), 'between');
            if (random(10) === 0) db.delSync(name());
            if (random(100) === 0) db.delRangeSync({ gte: name(), lt: name() });
            if (random(40) === 0) await db.flush();
          }
          iterator.close();
          expect(seen).toEqual(expected);
        }
      });
    }
  }
});

it('flush starts soon after sealing while a big merge runs', async () => {
  for (const executor of ['worker', 'inline'] as const) {
    const db = await open(temporaryDirectory(), {
      executor,
      memoryBytes: 64 * MEBIBYTE,
      memtableBytes: 16 * MEBIBYTE,
      tableBytes: 64 * MEBIBYTE,
      compaction: 'tiered',
    });
    const value = Buffer.alloc(400, 'v');
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 40_000; i++) db.putSync(`k${String(i).padStart(6, '0')}`, value);
      await db.flush();
    }
    const order: string[] = [];
    await db.idle();
    const note = (what: string, reason: string): void => {
      if (reason === 'manual') order.push(`${what} ${reason}`);
    };
    db.on('compactionBegin', ({ reason }) => note('begin', reason));
    db.on('compactionEnd', ({ reason }) => note('end', reason));
    db.on('flushEnd', () => order.push('flushed'));
    // Within the range of the table of 32 MB, so that it has to be merged with it.
    db.putSync('k000000 first', '');
    const merge = db.compact();
    while (!order.includes('begin manual')) await new Promise((resolve) => setImmediate(resolve));
    db.putSync('second', '');
    const started = performance.now();
    await db.flush();
    const ms = performance.now() - started;
    // The flush of one key passes a merge of 32 MB, which goes on after it.
    expect(order, `${executor}, ${ms} ms`).toEqual(['flushed', 'begin manual', 'flushed']);
    await merge;
    expect(order.at(-1)).toBe('end manual');
    await db.close();
  }
}, 60_000);

it("transferring one value's buffer leaves its neighbours", async () => {
  const db = await openInMemory();
  for (let i = 0; i < 50; i++) db.putSync(`k${i}`, `value ${i}`);
  db.putSync('large', Buffer.alloc(5000, 'l'));
  const values = [...db.values()];
  for (const value of values) {
    const before = Buffer.from(value).toString();
    try {
      structuredClone(value.buffer, { transfer: [value.buffer as ArrayBuffer] });
    } catch (error) {
      // A shared slab refuses to be transferred, which keeps its neighbours as well.
      expect((error as Error).name).toBe('DataCloneError');
      expect(Buffer.from(value).toString()).toBe(before);
    }
  }
  for (let i = 0; i < 50; i++) expect(text(db.getSync(`k${i}`))).toBe(`value ${i}`);
  const small = values.filter((value) => value.length > 0 && value.length < 100);
  expect(small.length).toBe(50);
});

it('ill-formed strings are refused as keys, values and bounds, and change nothing', async () => {
  const db = await openInMemory();
  db.putSync('k', 'v');
  for (const bad of ['\ud800', 'a\udc00b', '\udbff\udbff', `${'x'.repeat(300)}\ud800`]) {
    for (const call of [
      () => db.put(bad, ''),
      () => db.putSync('k', bad),
      () => db.put('k', bad),
      () => db.del(bad),
      () => db.get(bad),
      () => db.has(bad),
      () => db.getMany(['k', bad]),
      () => db.delRange({ gte: bad }),
      () => db.keys({ prefix: bad }),
      () => db.batch([{ type: 'put', key: bad, value: '' }]),
    ]) {
      await refused('LSM_INVALID_ARGUMENT', call);
    }
  }
  db.putSync('🙂\uffff', '\ue000');
  expect(pairs(db)).toEqual(['k=v', '🙂\uffff=\ue000']);
});

it('a flipped last manifest edit is corruption where it was vouched for, and never a silent loss', async () => {
  const fs = memoryFileSystem();
  const db = await open('/db', { ...TINY, fs });
  db.putSync('a', '1');
  await db.flush();
  // The segment of this write repeats how much of the manifest is durable.
  db.putSync('b', '2');
  const image = takeImage(fs, '/db');
  await db.close();
  const manifest = [...image.keys()].find((name) => name.startsWith('MANIFEST'))!;
  const { length } = image.get(manifest)!;
  for (let offset = length - 40; offset < length; offset++) {
    const damaged = restoreImage(flipped(image, manifest, offset, 0x10), '/db');
    try {
      const again = await open('/db', { ...TINY, fs: damaged, readOnly: true });
      // Padding between edits may be free of meaning; then everything is there.
      expect(pairs(again)).toEqual(['a=1', 'b=2']);
      await again.close();
    } catch (error) {
      expect(error).toMatchObject({ code: 'LSM_CORRUPTION', file: `/db/${manifest}` });
    }
  }
});

describe('event-loop fairness of an await db.put() loop', () => {
  it.each(['memory', 'os', 'fsync'] as const)(
    'timers fire with durability %s',
    async (durability) => {
      const db = await open(temporaryDirectory(), { durability, memoryBytes: 64 * MEBIBYTE });
      let last = performance.now();
      let longest = 0;
      let ticks = 0;
      const timer = setInterval(() => {
        const now = performance.now();
        longest = Math.max(longest, now - last);
        last = now;
        ticks++;
      }, 1);
      const end = performance.now() + 400;
      let puts = 0;
      while (performance.now() < end) {
        await db.put(`k${puts++}`, 'value');
      }
      clearInterval(timer);
      await db.close();
      expect(puts).toBeGreaterThan(20);
      expect(ticks, `longest pause ${longest} ms`).toBeGreaterThan(8);
    },
  );
});

it('setCompaction leveled → tiered → hybrid on one live database under writes and reads', async () => {
  const db = await openInMemory({ compaction: 'leveled', memtableBytes: 8192, tableBytes: 16_384 });
  const model = new Map<string, string>();
  const work = { stop: false };
  let reads = 0;
  const writer = async (): Promise<void> => {
    for (let i = 0; !work.stop; i++) {
      const key = `k${String((i * 7919) % 3000).padStart(4, '0')}`;
      if (i % 11 === 0) {
        model.delete(key);
        await db.del(key);
      } else {
        model.set(key, `v${i}`);
        await db.put(key, `v${i}`);
      }
      if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const reader = async (): Promise<void> => {
    for (let i = 0; !work.stop; i++) {
      const key = `k${String((i * 31) % 3000).padStart(4, '0')}`;
      expect(text(db.getSync(key))).toBe(model.get(key));
      reads++;
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const tasks = [writer(), reader()];
  const changes: string[] = [];
  db.on('strategyChange', ({ from, to }) => changes.push(`${from}→${to}`));
  for (const next of ['tiered', 'hybrid', 'leveled', { strategy: 'tiered' }, 'hybrid'] as const) {
    const flushes = db.stats().counters.flushes;
    while (db.stats().counters.flushes < flushes + 12) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    await db.setCompaction(next);
  }
  work.stop = true;
  await Promise.all(tasks);
  const expected = [...model].map(([k, v]) => `${k}=${v}`).toSorted();
  expect(pairs(db)).toEqual(expected);
  await db.idle();
  expect(pairs(db, { reverse: true })).toEqual(expected.toReversed());
  await db.compact();
  expect(pairs(db)).toEqual(expected);
  expect(changes).toEqual([
    'leveled→tiered',
    'tiered→hybrid',
    'hybrid→leveled',
    'leveled→tiered',
    'tiered→hybrid',
  ]);
  expect(reads).toBeGreaterThan(50);
}, 60_000);
