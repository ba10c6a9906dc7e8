/** Ranges and iterators: every combination of bounds against a plain filter, both directions, both protocols. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Db, RangeOptions } from '@lsm/engine';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openInMemory, pairs, text } from './support/open.ts';
import { refused, turn } from './support/refused.ts';

/** Keys over a small alphabet, spread over memtable and several runs, some deleted. */
async function spread(): Promise<{ db: Db; keys: string[] }> {
  const db = await openInMemory();
  const keys: string[] = [];
  const alphabet = ['\u0000', 'a', 'b', '\u007f'];
  const all = ['', ...alphabet];
  for (const a of alphabet) for (const b of alphabet) all.push(a + b);
  for (const a of alphabet) for (const b of alphabet) for (const c of alphabet) all.push(a + b + c);
  for (const [i, key] of all.entries()) {
    db.putSync(key, 'old');
    if (i % 30 === 29) await db.flush();
  }
  for (const [i, key] of all.entries()) {
    if (i % 5 === 0) db.delSync(key);
    else {
      keys.push(key);
      if (i % 3 === 0) db.putSync(key, 'new');
    }
    if (i % 40 === 39) await db.flush();
  }
  return { db, keys: keys.toSorted((x, y) => Buffer.compare(Buffer.from(x), Buffer.from(y))) };
}

function matches(key: string, range: RangeOptions): boolean {
  const k = Buffer.from(key);
  const compare = (bound: unknown): number => Buffer.compare(k, Buffer.from(bound as string));
  if (range.gt !== undefined && compare(range.gt) <= 0) return false;
  if (range.gte !== undefined && compare(range.gte) < 0) return false;
  if (range.lt !== undefined && compare(range.lt) >= 0) return false;
  if (range.lte !== undefined && compare(range.lte) > 0) return false;
  return range.prefix === undefined || key.startsWith(range.prefix as string);
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const keyArbitrary = fc
  .array(fc.constantFrom('\u0000', 'a', 'b', '\u007f'), { maxLength: 4 })
  .map((parts) => parts.join(''));
const bound = fc.option(keyArbitrary, { nil: undefined });

describe('ranges', () => {
  it('every combination of bounds, direction and limit yields what a filter yields', async () => {
    const { db, keys } = await spread();
    await fc.assert(
      fc.asyncProperty(
        fc.record({ gt: bound, gte: bound, lt: bound, lte: bound, prefix: bound }),
        fc.boolean(),
        fc.option(fc.integer({ min: 0, max: 60 }), { nil: undefined }),
        fc.boolean(),
        async (bounds, reverse, limit, buffers) => {
          const range: RangeOptions = { ...bounds, reverse, limit };
          let expected = keys.filter((key) => matches(key, range));
          if (reverse) expected = expected.toReversed();
          expected = expected.slice(0, limit);
          const given: Record<string, unknown> = { ...range };
          const names = ['gt', 'gte', 'lt', 'lte', 'prefix'] as const;
          if (buffers) {
            for (const name of names) {
              const value = bounds[name];
              if (value !== undefined) given[name] = Buffer.from(value);
            }
          }
          const before = JSON.stringify(given);
          const keyIterator = db.keys(given);
          const valueIterator = db.values(given);
          const asynchronous = db.entries(given);
          // The bounds belong to the caller: unchanged, and free to be changed.
          expect(JSON.stringify(given)).toBe(before);
          if (buffers) for (const name of names) (given[name] as Buffer | undefined)?.fill(1);
          expect([...keyIterator].map(text)).toEqual(expected);
          expect([...valueIterator].length).toBe(expected.length);
          const entries = await collect(asynchronous);
          expect(entries.map(([key]) => text(key))).toEqual(expected);
          for (const [key, value] of entries) expect(value).toEqual(db.getSync(key));
        },
      ),
      { numRuns: 400 },
    );
    expect(db.stats().iterators).toBe(0);
  });

  it('a limit of −1 or Infinity is none; others that are no count are refused', async () => {
    const { db, keys } = await spread();
    for (const limit of [-1, Number.POSITIVE_INFINITY, undefined]) {
      expect([...db.keys({ limit })].length).toBe(keys.length);
    }
    for (const limit of [-2, 1.5, Number.NaN, '3', null]) {
      await refused('LSM_INVALID_ARGUMENT', () => db.keys({ limit: limit as never }));
    }
    for (const range of [null, 'a', 5, { from: 'a' }, { gte: 5 }, { snapshot: {} }]) {
      await refused('LSM_INVALID_ARGUMENT', () => db.entries(range as never));
    }
    expect(
      await refused('LSM_INVALID_ARGUMENT', () => db.keys({ revers: true } as never)),
    ).toContain('"reverse"');
    expect(db.stats().iterators).toBe(0);
  });
});

describe('cursor use', () => {
  it('seek goes to any key in both directions, sync and async, again and again', async () => {
    const { db, keys } = await spread();
    const compare = (a: string, b: string): number =>
      Buffer.compare(Buffer.from(a), Buffer.from(b));
    await fc.assert(
      fc.asyncProperty(
        fc.record({ gte: bound, lt: bound }),
        fc.boolean(),
        fc.array(fc.tuple(keyArbitrary, fc.nat(3), fc.boolean()), { minLength: 1, maxLength: 8 }),
        async (bounds, reverse, seeks) => {
          const inside = keys.filter((key) => matches(key, bounds));
          if (reverse) inside.reverse();
          const iterator = db.keys({ ...bounds, reverse });
          let index = 0;
          for (const [target, steps, asynchronous] of seeks) {
            iterator.seek(target);
            index = inside.findIndex((key) => compare(key, target) * (reverse ? -1 : 1) >= 0);
            if (index < 0) index = inside.length;
            for (let step = 0; step < steps; step++) {
              const item = asynchronous ? await iterator.next() : iterator.nextSync();
              expect(text(item)).toBe(inside[index]);
              index = Math.min(index + 1, inside.length);
            }
          }
          const rest = await iterator.nextBatch(1000);
          expect(rest.map(text)).toEqual(inside.slice(index));
          expect(iterator.nextSync()).toBeUndefined();
          expect(await iterator.next()).toBeUndefined();
          expect(await iterator.nextBatch(1)).toEqual([]);
          iterator.close();
        },
      ),
      { numRuns: 300 },
    );
    expect(db.stats().iterators).toBe(0);
  });

  it('seek counts nothing against the limit', async () => {
    const { db } = await spread();
    const iterator = db.keys({ limit: 3 });
    expect(text(await iterator.next())).toBeDefined();
    iterator.seek('b');
    expect((await iterator.nextBatch(10)).length).toBe(2);
    iterator.seek('a');
    expect(iterator.nextSync()).toBeUndefined();
    iterator.close();
    const last = db.keys({ limit: 2 });
    for (let i = 0; i < 5; i++) {
      last.seek('\u00ff');
      expect(await last.next()).toBeUndefined();
    }
    last.seek('a');
    expect((await last.nextBatch(10)).length).toBe(2);
    last.close();
  });

  it('items asked for at once come in order, each once', async () => {
    const db = await openInMemory();
    for (let i = 0; i < 1000; i++) db.putSync(`k${String(i).padStart(4, '0')}`, '');
    const expected = [...db.keys()].map(text);
    for (const reverse of [false, true]) {
      const iterator = db.keys({ reverse });
      const items = await Promise.all(Array.from({ length: 1000 }, () => iterator.next()));
      expect(items.map(text)).toEqual(reverse ? expected.toReversed() : expected);
      expect(await iterator.next()).toBeUndefined();
      iterator.close();
      const mixed = db.keys({ reverse });
      const results = await Promise.all([
        mixed.next(),
        mixed.nextBatch(2),
        mixed.next(),
        mixed.nextBatch(300),
        mixed.next(),
      ]);
      expect(new Set(results.flat().map(text)).size).toBe(305);
      mixed.close();
    }
  });

  it('synchronous and asynchronous use may alternate', async () => {
    const db = await openInMemory();
    for (let i = 0; i < 700; i++) db.putSync(`k${String(i).padStart(4, '0')}`, '');
    const expected = [...db.keys()].map(text);
    const iterator = db.keys();
    const seen: (string | undefined)[] = [];
    while (seen.length < 700) {
      seen.push(text(await iterator.next()));
      seen.push(text(iterator.nextSync()));
      seen.push(...iterator.nextBatchSync(3).map(text));
      seen.push(...(await iterator.nextBatch(2)).map(text));
    }
    expect(seen).toEqual(expected);
    iterator.close();
  });

  it('counts of a batch that are none are refused', async () => {
    const db = await openInMemory();
    const iterator = db.entries();
    for (const count of [0, -1, 1.5, Number.NaN, '2', undefined]) {
      await refused('LSM_INVALID_ARGUMENT', () => iterator.nextBatch(count as never));
      await refused('LSM_INVALID_ARGUMENT', () => iterator.nextBatchSync(count as never));
    }
    await refused('LSM_INVALID_ARGUMENT', () => iterator.seek(5 as never));
    iterator.close();
  });
});

describe('life of an iterator', () => {
  it('shows the state at its creation, whatever is written, flushed and merged later', async () => {
    const { db } = await spread();
    const expected = pairs(db);
    const iterators = [db.entries(), db.entries({ reverse: true })];
    db.putSync('zzz', 'later');
    await db.delRange({});
    await db.compact();
    db.putSync('a', 'later');
    await db.compact();
    for (const [i, iterator] of iterators.entries()) {
      const seen = (await collect(iterator)).map(([k, v]) => `${text(k)}=${text(v)}`);
      expect(seen).toEqual(i === 0 ? expected : expected.toReversed());
    }
    expect(pairs(db)).toEqual(['a=later']);
    expect(db.stats().obsoleteTableBytes).toBe(0);
  });

  it('leaving a loop early, throwing in it, and its end release what it holds', async () => {
    const { db } = await spread();
    for (const _ of db.keys()) break;
    for await (const _ of db.keys()) break;
    expect(() => {
      for (const _ of db.keys()) throw new Error('mine');
    }).toThrow('mine');
    for (const _ of db.keys());
    for await (const _ of db.keys());
    {
      using iterator = db.keys();
      iterator.nextSync();
    }
    {
      await using iterator = db.keys();
      await iterator.next();
    }
    expect(db.stats().iterators).toBe(0);
    await db.compact();
    expect(db.stats().memory.pinnedBytes).toBe(0);
    expect(db.stats().obsoleteTableBytes).toBe(0);
  });

  it('an open iterator is shown in the figures, and gives back on close', async () => {
    const { db } = await spread();
    db.putSync('x', 'in memory');
    const iterator = db.keys();
    await db.compact();
    expect(db.stats().iterators).toBe(1);
    expect(db.stats().obsoleteTableBytes).toBeGreaterThan(0);
    expect(db.stats().memory.pinnedBytes).toBeGreaterThan(0);
    iterator.close();
    iterator.close();
    expect(iterator.closed).toBe(true);
    await db.idle();
    expect(db.stats()).toMatchObject({ iterators: 0, obsoleteTableBytes: 0 });
    expect(db.stats().memory.pinnedBytes).toBe(0);
  });

  it('a closed one refuses every use', async () => {
    const { db } = await spread();
    const iterator = db.keys();
    await iterator.next();
    iterator.close();
    for (const use of [
      () => iterator.next(),
      () => iterator.nextSync(),
      () => iterator.nextBatch(2),
      () => iterator.nextBatchSync(2),
      () => iterator.seek('a'),
      () => [...iterator],
      () => collect(iterator),
    ]) {
      await refused('LSM_ITERATOR_CLOSED', use);
    }
  });

  it('closing the database ends iterators, also those with entries read ahead', async () => {
    const { db } = await spread();
    const started = db.keys()[Symbol.asyncIterator]();
    await started.next();
    const waiting = db.keys().next();
    const closed = db.close();
    await refused('LSM_CLOSED', () => started.next());
    await Promise.allSettled([waiting]);
    await closed;
  });

  it('an AbortSignal ends it with LSM_ABORTED, at once if it was aborted before', async () => {
    const { db, keys } = await spread();
    const controller = new AbortController();
    const { signal } = controller;
    const seen: string[] = [];
    await refused('LSM_ABORTED', async () => {
      for await (const key of db.keys({ signal })) {
        seen.push(text(key)!);
        if (seen.length === 3) controller.abort(new Error('enough'));
      }
    });
    expect(seen).toEqual(keys.slice(0, 3));
    await refused('LSM_ABORTED', () => [...db.entries({ signal })]);
    await refused('LSM_ABORTED', () => db.entries({ signal }).next());
    await refused('LSM_ABORTED', () => db.entries({ signal }).nextBatch(3));
    expect(db.stats().iterators).toBe(0);
  });

  it('an abandoned one is released when the garbage collector finds it', async () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    const { db } = await spread();
    (() => {
      for (let i = 0; i < 10; i++) db.entries().nextSync();
    })();
    expect(db.stats().iterators).toBe(10);
    for (let i = 0; i < 200 && db.stats().iterators > 0; i++) {
      await turn();
      collectGarbage();
    }
    expect(db.stats().iterators).toBe(0);
    await db.compact();
    expect(db.stats().obsoleteTableBytes).toBe(0);
  });

  it('long loops of awaited items let timers run', async () => {
    const db = await openInMemory({ memoryBytes: 64 << 20, memtableBytes: 8 << 20 });
    for (let i = 0; i < 30_000; i++) db.putSync(`k${i}`, '');
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    for (let round = 0; round < 4; round++) for await (const _ of db.entries());
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(3);
  });
});

it('keys and values of all lengths come whole, both ways, from memtables and tables', async () => {
  const db = await openInMemory();
  const expected: [string, string][] = [];
  for (const keyLength of [1, 2, 3, 4, 15, 16, 17, 70, 300]) {
    for (const valueLength of [
      0, 1, 2, 3, 4, 100, 184, 185, 239, 240, 241, 256, 257, 1024, 1100, 3000,
    ]) {
      const key = `${valueLength}`.padStart(4, '0') + 'k'.repeat(keyLength);
      const value = `${keyLength} `.repeat(1 + valueLength).slice(0, valueLength);
      db.putSync(key, value);
      expected.push([key, value]);
    }
  }
  expected.sort(([a], [b]) => (a < b ? -1 : 1));
  for (const state of ['memtable', 'tables']) {
    if (state === 'tables') await db.flush();
    const forward = [...db.entries()].map(([key, value]) => [text(key), text(value)]);
    expect(forward).toEqual(expected);
    const backward = [...db.entries({ reverse: true })].map((pair) => pair.map(text));
    expect(backward).toEqual(expected.toReversed());
    expect([...db.values({ reverse: true })].map(text)).toEqual(
      expected.toReversed().map(([, value]) => value),
    );
  }
});
