/** Every method of `Db`: what it does, that the synchronous and asynchronous twins agree, and what refuses what. */
import { isLsmError } from '@lsm/core';
import { WriteBatch } from '@lsm/engine';
import { describe, expect, it } from 'vitest';
import { openInMemory, pairs, text } from './support/open.ts';
import { refused, turn } from './support/refused.ts';

describe('put, del and get', () => {
  it('the twins agree, with bytes and strings', async () => {
    const db = await openInMemory();
    db.putSync('a', '1');
    await db.put(Buffer.from('b'), Buffer.from('2'));
    await db.put(new Uint8Array([99]), 'ü🙂');
    for (const [key, value] of [
      ['a', '1'],
      ['b', '2'],
      ['c', 'ü🙂'],
    ] as const) {
      expect(text(db.getSync(key))).toBe(value);
      expect(text(await db.get(Buffer.from(key)))).toBe(value);
      expect(db.hasSync(key)).toBe(true);
      expect(await db.has(key)).toBe(true);
    }
    db.delSync('a');
    await db.del('b');
    await db.del('never there');
    for (const key of ['a', 'b', 'never there']) {
      expect(db.getSync(key)).toBeUndefined();
      expect(await db.get(key)).toBeUndefined();
      expect(db.hasSync(key)).toBe(false);
      expect(await db.has(key)).toBe(false);
      expect(db.getInto(key, new Uint8Array(8))).toBe(-1);
    }
    expect(pairs(db)).toEqual(['c=ü🙂']);
  });

  it('a write is visible before its promise resolves, and in call order', async () => {
    const db = await openInMemory();
    const first = db.put('k', '1');
    expect(text(db.getSync('k'))).toBe('1');
    const second = db.del('k');
    expect(db.hasSync('k')).toBe(false);
    const third = db.put('k', '3');
    db.putSync('j', 'sync');
    expect(pairs(db)).toEqual(['j=sync', 'k=3']);
    await Promise.all([first, second, third]);
    expect(text(await db.get('k'))).toBe('3');
  });

  it('mutation of key and value buffers after put changes nothing', async () => {
    const db = await openInMemory();
    const key = Buffer.from('key');
    const value = Buffer.from('value');
    const done = db.put(key, value);
    key.fill(0);
    value.fill(0);
    await done;
    const batchKey = Buffer.from('batch');
    db.batchSync([{ type: 'put', key: batchKey, value: batchKey }]);
    batchKey.fill(1);
    expect(pairs(db)).toEqual(['batch=batch', 'key=value']);
    // What a read returns belongs to the caller as well.
    db.getSync('key')!.fill(0);
    for (const [k, v] of db.entries()) {
      k.fill(7);
      v.fill(7);
    }
    expect(pairs(db)).toEqual(['batch=batch', 'key=value']);
    await db.flush();
    db.getSync('key')!.fill(0);
    expect(pairs(db)).toEqual(['batch=batch', 'key=value']);
  });

  it('keys and values of extreme lengths are stored, beyond they are refused', async () => {
    const db = await openInMemory();
    const longest = Buffer.alloc(65_535, 0xff);
    const long = Buffer.alloc(65_535, 'k');
    const big = Buffer.alloc(3_000_000, 'v');
    await db.put('', '');
    await db.put(longest, 'longest');
    await db.put(long, big);
    for (let round = 0; round < 2; round++) {
      expect(text(db.getSync(longest))).toBe('longest');
      expect(big.equals(db.getSync(long)!)).toBe(true);
      expect([...db.keys()].map((key) => key.length)).toEqual([0, 65_535, 65_535]);
      expect([...db.keys({ gt: long })].length).toBe(1);
      expect([...db.keys({ gt: longest })].length).toBe(0);
      expect([...db.keys({ lte: long })].length).toBe(2);
      expect([...db.keys({ gte: longest, reverse: true })].length).toBe(1);
      await db.compact();
    }
    expect(long.equals(Buffer.alloc(65_535, 'k'))).toBe(true);
    await db.delRange({ gt: long, lte: longest });
    expect([...db.keys()].map((key) => key.length)).toEqual([0, 65_535]);
    await db.delRange({ gt: '', lte: long });
    expect([...db.keys()].map((key) => key.length)).toEqual([0]);
    await refused('LSM_INVALID_ARGUMENT', () => db.put(Buffer.alloc(65_536), ''));
    await refused('LSM_INVALID_ARGUMENT', () => db.get('x'.repeat(65_536)));
  });
});

describe('getInto', () => {
  it('copies what fits, writes nothing otherwise, and tells the length', async () => {
    const db = await openInMemory();
    db.putSync('k', 'value');
    db.putSync('empty', '');
    for (let round = 0; round < 2; round++) {
      const target = new Uint8Array(8).fill(9);
      expect(db.getInto('k', target)).toBe(5);
      expect(text(target.subarray(0, 5))).toBe('value');
      expect([...target.subarray(5)]).toEqual([9, 9, 9]);
      const small = new Uint8Array(4).fill(9);
      expect(db.getInto('k', small)).toBe(5);
      expect([...small]).toEqual([9, 9, 9, 9]);
      expect(db.getInto('empty', new Uint8Array(0))).toBe(0);
      expect(db.getInto('none', target)).toBe(-1);
      await db.flush();
    }
    const snapshot = db.snapshot();
    db.putSync('k', 'later!');
    const target = new Uint8Array(8);
    expect(db.getInto('k', target, { snapshot })).toBe(5);
    expect(db.getInto('k', target)).toBe(6);
  });
});

describe('getMany', () => {
  it('answers in the order of the keys, with repetitions, from one state', async () => {
    for (const reads of ['sync', 'async'] as const) {
      const db = await openInMemory({ reads });
      for (let i = 0; i < 500; i++) db.putSync(`k${i}`, `v${i}`);
      await db.flush();
      db.putSync('k3', 'new');
      db.delSync('k4');
      const keys = ['k9', 'k3', 'none', 'k3', 'k4', Buffer.from('k0'), ''];
      const expected = ['v9', 'new', undefined, 'new', undefined, 'v0', undefined];
      expect(db.getManySync(keys).map(text)).toEqual(expected);
      const pending = db.getMany(keys);
      db.putSync('k9', 'too late');
      expect((await pending).map(text)).toEqual(expected);
      expect(await db.getMany([])).toEqual([]);
      await refused('LSM_INVALID_ARGUMENT', () => db.getMany('keys' as never));
      await refused('LSM_INVALID_ARGUMENT', () => db.getManySync(5 as never));
    }
  });
});

describe('batches', () => {
  it('apply all operations in order, as one', async () => {
    const db = await openInMemory();
    db.putSync('b', 'old');
    db.putSync('c', 'old');
    await db.batch([
      { type: 'put', key: 'a', value: '1' },
      { type: 'put', key: 'a', value: '2' },
      { type: 'del', key: 'b' },
      { type: 'delRange', gte: 'c', lt: 'd' },
      { type: 'put', key: 'c1', value: 'after the range' },
    ]);
    expect(pairs(db)).toEqual(['a=2', 'c1=after the range']);
    db.batchSync([{ type: 'delRange' }, { type: 'put', key: 'x', value: '' }]);
    for (let round = 0; round < 3; round++) {
      expect(pairs(db)).toEqual(['x=']);
      if (round === 0) await db.flush();
      else await db.compact();
    }
    await db.batch([]);
    db.batchSync(new WriteBatch());
    await db.batch([{ type: 'delRange', gte: 'z', lt: 'a' }]);
    expect(pairs(db)).toEqual(['x=']);
  });

  it('a WriteBatch is filled, written, cleared and filled again', async () => {
    const db = await openInMemory();
    const batch = new WriteBatch();
    batch.put('a', '1').del('b').delRange({ prefix: 'z' });
    expect(batch.length).toBe(3);
    await db.batch(batch);
    await db.batch(batch);
    batch.clear();
    expect(batch.length).toBe(0);
    batch.put('b', '2');
    db.batchSync(batch);
    expect(pairs(db)).toEqual(['a=1', 'b=2']);
  });

  it('one bad operation: nothing of the batch is applied, and nothing is counted', async () => {
    const db = await openInMemory();
    db.putSync('k', 'v');
    const before = db.stats();
    const bad: unknown[] = [
      null,
      'put',
      {},
      { type: 'merge', key: 'a' },
      { type: 'put', key: 'a' },
      { type: 'put', key: 1, value: '' },
      { type: 'put', key: 'a', value: 1 },
      { type: 'put', key: '\ud800', value: '' },
      { type: 'put', key: 'a', value: '\udfff' },
      { type: 'put', key: Buffer.alloc(65_536), value: '' },
      { type: 'del' },
      { type: 'del', key: null },
      { type: 'delRange', from: 'a' },
      { type: 'delRange', gte: 7 },
    ];
    for (const operation of bad) {
      const operations = [
        { type: 'put', key: 'good', value: '1' },
        { type: 'del', key: 'k' },
        operation,
        { type: 'put', key: 'better', value: '2' },
      ] as never;
      await refused('LSM_INVALID_ARGUMENT', () => db.batch(operations));
      await refused('LSM_INVALID_ARGUMENT', () => db.batchSync(operations));
    }
    for (const operations of [null, undefined, {}, 'x', 5]) {
      await refused('LSM_INVALID_ARGUMENT', () => db.batch(operations as never));
      await refused('LSM_INVALID_ARGUMENT', () => db.batchSync(operations as never));
    }
    expect(pairs(db)).toEqual(['k=v']);
    expect(db.stats().sequence).toBe(before.sequence);
    expect(db.stats().counters).toMatchObject({
      puts: before.counters.puts,
      deletes: before.counters.deletes,
      userBytes: before.counters.userBytes,
    });
  });

  it('larger than a memtable: stored as one', async () => {
    const db = await openInMemory();
    const batch = new WriteBatch();
    for (let i = 0; i < 20_000; i++) batch.put(`k${String(i).padStart(6, '0')}`, `value ${i}`);
    db.putSync('small', '');
    await db.batch(batch);
    db.putSync('z', '');
    expect([...db.keys()].length).toBe(20_002);
    await db.compact();
    expect([...db.keys()].length).toBe(20_002);
    expect(text(db.getSync('k019999'))).toBe('value 19999');
  });
});

describe('delRange', () => {
  it('the twins agree on every kind of bound', async () => {
    const keys = ['', 'a', 'a\u0000', 'ab', 'b', 'c', 'c\u00ff'];
    for (const range of [
      {},
      { gte: 'a' },
      { gt: 'a' },
      { lt: 'b' },
      { lte: 'b' },
      { gt: 'a', lt: 'c' },
      { gte: 'a', lte: 'a' },
      { prefix: 'a' },
      { prefix: 'c', gt: 'c' },
      { gte: 'b', lt: 'a' },
      { prefix: '' },
    ]) {
      const db = await openInMemory();
      const twin = await openInMemory();
      for (const key of keys) {
        db.putSync(key, '');
        twin.putSync(key, '');
      }
      const doomed = [...db.keys(range)].map(text);
      const expected = keys.filter((key) => !doomed.includes(key)).map((key) => `${key}=`);
      await db.delRange(range);
      twin.delRangeSync(range, { durability: 'fsync' });
      expect(pairs(db)).toEqual(expected);
      expect(pairs(twin)).toEqual(expected);
      for (const key of keys) expect(db.hasSync(key)).toBe(expected.includes(`${key}=`));
      await db.compact();
      expect(pairs(db)).toEqual(expected);
    }
  });

  it('refuses what is no range, and takes durability in either place', async () => {
    const db = await openInMemory();
    db.putSync('k', 'v');
    for (const range of [undefined, null, 'k', 5]) {
      await refused('LSM_INVALID_ARGUMENT', () => db.delRange(range as never));
      await refused('LSM_INVALID_ARGUMENT', () => db.delRangeSync(range as never));
    }
    await refused('LSM_INVALID_ARGUMENT', () => db.delRange({ from: 'k' } as never));
    await refused('LSM_INVALID_ARGUMENT', () => db.delRangeSync({ limit: 1 } as never));
    expect(pairs(db)).toEqual(['k=v']);
    await db.delRange({ gte: 'x', durability: 'fsync' });
    await db.delRange({ gte: 'k' }, { durability: 'fsync' });
    expect(pairs(db)).toEqual([]);
  });
});

describe('flush, sync and compact', () => {
  it('flush brings everything to tables; an empty memtable is no run', async () => {
    const db = await openInMemory();
    await db.flush();
    expect(db.stats().runs).toBe(0);
    db.putSync('k', 'v');
    await Promise.all([db.flush(), db.flush(), db.flush()]);
    expect(db.stats()).toMatchObject({ runs: 1, tables: 1, unflushedMemtables: 0 });
    expect(db.stats().counters.flushes).toBe(1);
    await db.sync();
    expect(pairs(db)).toEqual(['k=v']);
  });

  it('compact(range) leaves what is outside where it is', async () => {
    const db = await openInMemory({ tableBytes: 16_384 });
    const value = 'x'.repeat(200);
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 600; i++)
        db.putSync(`k${String(i).padStart(4, '0')}`, `${round}${value}`);
      if (round === 0) await db.compact();
    }
    await db.compact({ gte: 'k0000', lt: 'k0010' });
    await db.compact({ gte: 'x', lt: 'a' });
    expect([...db.keys()].length).toBe(600);
    for (const entry of db.values()) expect(text(entry)![0]).toBe('1');
    await db.compact();
    expect(db.stats().runs).toBe(1);
    expect(db.stats().levels.reduce((sum, level) => sum + level.entries, 0)).toBe(600);
    await refused('LSM_INVALID_ARGUMENT', () => db.compact({ gte: 5 } as never));
    await refused('LSM_INVALID_ARGUMENT', () => db.compact(null as never));
    await refused('LSM_INVALID_ARGUMENT', () => db.compact({ from: 'a' } as never));
  });

  it('several manual compactions at once are done one after the other', async () => {
    const db = await openInMemory();
    for (let i = 0; i < 3; i++) {
      db.putSync('k', `${i}`);
      await db.flush();
    }
    db.putSync('k', 'last');
    await Promise.all([db.compact(), db.compact({ gte: 'a' }), db.flush(), db.compact()]);
    expect(pairs(db)).toEqual(['k=last']);
    expect(db.stats().runs).toBe(1);
  });
});

describe('close', () => {
  it('is idempotent; afterwards every call is refused with LSM_CLOSED', async () => {
    const db = await openInMemory();
    db.putSync('k', 'v');
    const iterator = db.entries();
    const snapshot = db.snapshot();
    expect(db.closed).toBe(false);
    const first = db.close();
    expect(db.closed).toBe(true);
    await Promise.all([first, db.close()]);
    await db.close();
    await db[Symbol.asyncDispose]();
    expect(snapshot.closed).toBe(true);
    const calls: (() => unknown)[] = [
      () => db.put('k', ''),
      () => db.putSync('k', ''),
      () => db.del('k'),
      () => db.delSync('k'),
      () => db.delRange({}),
      () => db.delRangeSync({}),
      () => db.batch([]),
      () => db.batchSync([]),
      () => db.get('k'),
      () => db.getSync('k'),
      () => db.getInto('k', new Uint8Array(1)),
      () => db.getMany(['k']),
      () => db.getManySync(['k']),
      () => db.has('k'),
      () => db.hasSync('k'),
      () => db.entries(),
      () => db.keys(),
      () => db.values(),
      () => db.snapshot(),
      () => db.flush(),
      () => db.sync(),
      () => db.compact(),
      () => db.setCompaction('tiered'),
      () => db.idle(),
      () => db.checkpoint('/cp'),
      () => db.verify(),
      () => db.stats(),
      () => iterator.nextSync(),
      () => iterator.next(),
    ];
    for (const call of calls) await refused('LSM_CLOSED', call);
  });

  it('is safe at any moment: during flush, compaction, iteration, waiting writes and reads', async () => {
    let settled = 0;
    for (let round = 0; round < 40; round++) {
      const db = await openInMemory({ reads: round % 2 === 0 ? 'async' : 'auto' });
      const pending: Promise<unknown>[] = [];
      for (let i = 0; i < 400; i++) db.putSync(`k${i}`, 'v'.repeat(50));
      for (let i = 0; i < 2000; i++) pending.push(db.put(`k${i}`, 'w'.repeat(50)));
      pending.push(db.flush(), db.compact(), db.compact(), db.sync(), db.idle(), db.verify());
      pending.push(db.get('k1'), db.getMany(['k1', 'k399', 'none']), db.checkpoint('/cp'));
      const iterator = db.entries();
      pending.push(
        (async () => {
          for await (const _ of iterator);
        })(),
      );
      for (let i = 0; i < round; i++) await turn();
      const closed = db.close();
      const outcomes = await Promise.allSettled(pending);
      await closed;
      for (const outcome of outcomes) {
        if (outcome.status === 'fulfilled') continue;
        const error: unknown = outcome.reason;
        if (!isLsmError(error)) throw error;
        expect(['LSM_CLOSED', 'LSM_ITERATOR_CLOSED'], error.message).toContain(error.code);
      }
      settled += outcomes.length;
    }
    expect(settled).toBe(40 * 2010);
  });
});
