import { POINT_INDEX_KINDS } from '@lsm/bloom';
import { Entry, KeyHasher, LsmError } from '@lsm/core';
import { GET_ABSENT, GET_FOUND, GET_MISS, MISS_INDEX, Table, tableCounters } from '@lsm/sstable';
import { describe, expect, test } from 'vitest';
import {
  bytesOf,
  environmentOf,
  HASH_SEED,
  keyOf,
  lookup,
  PATH,
  put,
  type Row,
  rowOf,
  rowsForward,
  tableOf,
  textOf,
} from './support/tables.ts';

const ROWS: readonly Row[] = Array.from({ length: 2000 }, (_, i) =>
  put(`key${String(i * 3).padStart(8, '0')}`, i + 1, `value ${i} `.repeat(5)),
);

/** One lookup that may miss. */
function get(table: Table, key: Uint8Array, entry: Entry): number {
  const hasher = new KeyHasher(HASH_SEED);
  const buffer = keyOf(key);
  hasher.hash(buffer.words, 0, buffer.length);
  return table.get(buffer, hasher.low, hasher.high, Number.MAX_SAFE_INTEGER, entry);
}

describe('Table', () => {
  test('counts what it reads and what its filter says', () => {
    for (const pointIndex of ['split-block', 'hash-index'] as const) {
      const counters = tableCounters();
      const { table, properties } = tableOf(ROWS, { pointIndex }, { frameCount: 200, counters });
      expect(counters.indexLoads).toBe(0);
      for (const row of ROWS) lookup(table, row.key);
      expect(counters.indexLoads).toBe(2);
      expect(counters.filterPositives).toBe(ROWS.length);
      expect(counters.filterNegatives + counters.filterFalsePositives).toBe(0);
      expect(counters.blockReads).toBe(properties.blocks);
      expect(counters.cacheHits).toBe(ROWS.length - properties.blocks);
      let stored = 0;
      for (const row of ROWS) {
        if (lookup(table, Uint8Array.from([...row.key, 1])) !== null) stored++;
      }
      expect(stored).toBe(0);
      const { filterNegatives, filterFalsePositives } = counters;
      expect(filterNegatives + filterFalsePositives).toBe(ROWS.length);
      expect(filterFalsePositives).toBeLessThan(ROWS.length * 0.04);
      expect(counters.filterPositives).toBe(ROWS.length + filterFalsePositives);
      expect(counters.blockReadBytes).toBeLessThan(properties.bytes);
    }
  });

  test('reads no block for a key below all, and one for any other absent key', () => {
    const { table, environment } = tableOf(ROWS, { pointIndex: 'none' }, { frameCount: 0 });
    const { counters } = environment;
    expect(lookup(table, bytesOf('a'))).toBe(null);
    expect(counters.blockReads).toBe(0);
    for (const key of ['key00000001', 'key00003001x', 'z']) {
      const before = counters.blockReads;
      expect(lookup(table, bytesOf(key))).toBe(null);
      expect(counters.blockReads).toBe(before + 1);
    }
    expect(counters.filterFalsePositives).toBe(4);
  });

  test('gives entries near shares of it, each in turn', () => {
    for (const frameCount of [0, 200]) {
      const { table } = tableOf(ROWS, {}, { frameCount });
      const entry = new Entry();
      const at = (share: number): number => {
        expect(table.entryNear(share, entry)).toBe(true);
        return Number(new TextDecoder().decode(rowOf(entry).key).slice(3)) / 3;
      };
      expect(at(0)).toBe(0);
      for (let share = 0; share < 1; share += 0.01) {
        expect(Math.abs(at(share) / ROWS.length - share)).toBeLessThan(0.02);
      }
      expect(at(0.999_999)).toBe(ROWS.length - 1);
    }
  });

  test('has none for an empty table, nor out of memory where it may not read', () => {
    const entry = new Entry();
    const rangeTombstones = [{ lower: bytesOf('a'), upper: bytesOf('b'), sequence: 1 }];
    expect(tableOf([], { rangeTombstones }).table.entryNear(0.5, entry)).toBe(false);
    const { table, environment } = tableOf(ROWS, {}, { frameCount: 200 });
    environment.cacheOnly = true;
    expect(table.entryNear(0.5, entry)).toBe(false);
    environment.cacheOnly = false;
    expect(table.entryNear(0.5, entry)).toBe(true);
    environment.cacheOnly = true;
    expect(table.entryNear(0.5, entry)).toBe(true);
    expect(table.entryNear(0.9, entry)).toBe(false);
  });

  test('keeps small indexes in memory, and loads them again after unloading', () => {
    const { table } = tableOf(ROWS, { pointIndex: 'fuse8' });
    expect(table.memoryBytes).toBe(0);
    lookup(table, ROWS[0]!.key);
    expect(table.memoryBytes / ROWS.length).toBeLessThan(5);
    const cursor = table.cursor();
    cursor.seek(keyOf(ROWS[500]!.key));
    table.unloadIndexes();
    expect(table.memoryBytes).toBe(0);
    expect(rowsForward(cursor).length).toBe(1500);
    expect(textOf(lookup(table, ROWS[7]!.key))).toBe(textOf(ROWS[7]!));
  });

  test('reads nothing while only the cache may be used, and says what to load', async () => {
    const large = put('large', 1, new Uint8Array(500_000));
    const packed = put('larger', 1, new Uint8Array(20_000));
    const rows = [...ROWS, large, packed];
    for (const pointIndex of ['split-block', 'hash-index'] as const) {
      for (const frameCount of [0, 3]) {
        for (const transform of ['none', 'lz4'] as const) {
          const { table, environment } = tableOf(rows, { pointIndex, transform }, { frameCount });
          const entry = new Entry();
          environment.cacheOnly = true;
          expect(get(table, ROWS[0]!.key, entry)).toBe(GET_MISS);
          expect(table.missBlock).toBe(MISS_INDEX);
          await table.loadBlock(MISS_INDEX);
          for (const row of [ROWS[0]!, ROWS[900]!, large, ROWS[1999]!, packed]) {
            expect(get(table, row.key, entry)).toBe(GET_MISS);
            expect(table.missBlock).toBeGreaterThanOrEqual(0);
            await table.loadBlock(table.missBlock);
            expect(get(table, row.key, entry)).toBe(GET_FOUND);
            expect(entry.sequence).toBe(row.sequence);
            expect(Buffer.compare(entry.copyValue(), row.value)).toBe(0);
            if (frameCount === 0) expect(get(table, row.key, entry)).toBe(GET_MISS);
          }
          expect(get(table, bytesOf('no such key'), entry)).toBe(GET_ABSENT);
        }
      }
    }
  });

  test('loads a block once when several lookups wait for it', async () => {
    const { table, environment } = tableOf(ROWS);
    environment.cacheOnly = true;
    await Promise.all([table.loadBlock(MISS_INDEX), table.loadBlock(MISS_INDEX)]);
    await Promise.all([table.loadBlock(3), table.loadBlock(3), table.loadBlock(4)]);
    expect(environment.cache?.stats.usedFrames).toBe(2);
  });

  test('refuses a load that ends after it was closed', async () => {
    const { table, environment } = tableOf(ROWS);
    const load = table.loadBlock(MISS_INDEX);
    table.close();
    await expect(load).rejects.toBeInstanceOf(LsmError);
    expect(() => lookup(table, ROWS[0]!.key)).toThrow(
      expect.objectContaining({ code: 'LSM_CLOSED' }),
    );
    table.close();
    expect(environment.cache?.stats.usedFrames).toBe(0);
  });

  test('works while every frame is pinned', () => {
    const { table, environment } = tableOf(ROWS, {}, { frameCount: 2 });
    const cursors = [0, 700].map((at) => {
      const cursor = table.cursor();
      cursor.seek(keyOf(ROWS[at]!.key));
      return cursor;
    });
    for (const row of ROWS) expect(textOf(lookup(table, row.key))).toBe(textOf(row));
    const third = table.cursor();
    third.seek(keyOf(ROWS[1500]!.key));
    expect(rowsForward(third).length).toBe(500);
    expect(cursors.map((cursor) => textOf({ ...ROWS[0]!, key: cursor.entry.copyKey() }))).toEqual([
      textOf({ ...ROWS[0]!, key: ROWS[0]!.key }),
      textOf({ ...ROWS[0]!, key: ROWS[700]!.key }),
    ]);
    for (const cursor of [...cursors, third]) cursor.close();
    table.close();
    expect(environment.cache?.stats.usedFrames).toBe(0);
  });

  test('verifies a block once if told so', () => {
    const environments = (['once', 'always'] as const).map((verify) => {
      const { fs, table } = tableOf(ROWS, {}, { frameCount: 1, verify });
      for (const row of ROWS) lookup(table, row.key);
      // The value of the first entry: structure and key stay as they are.
      const handle = fs.openSync(PATH, 'write');
      handle.writeSync(bytesOf('!'), 0, 1, 32 + 12 + 11);
      return table;
    });
    expect(lookup(environments[0]!, ROWS[0]!.key)?.value[0]).toBe(0x21);
    expect(() => lookup(environments[1]!, ROWS[0]!.key)).toThrow(
      expect.objectContaining({ code: 'LSM_CORRUPTION', file: PATH, offset: 32 }),
    );
    for (const table of environments) {
      expect(() => table.verifyAll()).toThrow(expect.objectContaining({ code: 'LSM_CORRUPTION' }));
    }
  });

  test('refuses a point index of an unknown kind, and a missing file', () => {
    const { fs, properties } = tableOf(ROWS, { pointIndex: 'fuse8' });
    const kinds = POINT_INDEX_KINDS.filter((kind) => kind.name !== 'fuse8');
    expect(() => Table.open(environmentOf(fs, { kinds }), PATH, properties)).toThrow(
      expect.objectContaining({ code: 'LSM_UNSUPPORTED_FORMAT', file: PATH }),
    );
    expect(() => Table.open(environmentOf(fs), '/none.sst', properties)).toThrow(
      expect.objectContaining({ code: 'LSM_MISSING' }),
    );
  });

  test('finds with the scrub that the hash seed is not the one of the table', () => {
    const { fs, properties } = tableOf(ROWS, { pointIndex: 'hash-index' });
    const environment = environmentOf(fs, { hasher: new KeyHasher([1, 2]) });
    const table = Table.open(environment, PATH, properties);
    expect(() => table.verifyAll()).toThrow(expect.objectContaining({ code: 'LSM_CORRUPTION' }));
  });
});

describe('TableCursor', () => {
  test('reads ahead without filling the cache, and fills it with single blocks', () => {
    const counters = tableCounters();
    const { table, environment, properties } = tableOf(ROWS, {}, { counters, frameCount: 100 });
    const cursor = table.cursor({ fillCache: false });
    cursor.seekToFirst();
    expect(rowsForward(cursor).length).toBe(ROWS.length);
    cursor.close();
    expect(environment.cache?.stats.usedFrames).toBe(0);
    expect(counters.blockReads).toBe(properties.blocks);
    const short = table.cursor();
    short.seek(keyOf(ROWS[1000]!.key));
    short.close();
    expect(environment.cache?.stats.usedFrames).toBe(1);
    const plain = table.cursor({ readAhead: false });
    plain.seekToFirst();
    expect(rowsForward(plain).length).toBe(ROWS.length);
    plain.close();
    expect(environment.cache?.stats.usedFrames).toBe(properties.blocks);
  });

  test('turns round anywhere', () => {
    for (const fillCache of [false, true]) {
      const { table } = tableOf(ROWS.slice(0, 300), { blockBytes: 512 }, { frameCount: 2 });
      const cursor = table.cursor({ fillCache });
      cursor.seekToFirst();
      let at = 0;
      // Long ways forward, shorter ones back: each border is crossed in both directions.
      while (cursor.valid) {
        for (let step = 0; step < 5 && cursor.valid; step++, at++) cursor.next();
        for (let step = 0; step < 3 && cursor.valid; step++, at--) cursor.prev();
        if (cursor.valid) expect(cursor.entry.copyKey()).toEqual(ROWS[at]!.key);
      }
      expect(at).toBe(300);
    }
  });

  test('stands nowhere after an error and can be placed again', () => {
    const { table, fs } = tableOf(ROWS.slice(0, 300), {}, { frameCount: 4 });
    const handle = fs.openSync(PATH, 'write');
    const old = new Uint8Array(1);
    handle.readSync(old, 0, 1, 5000);
    handle.writeSync(Uint8Array.of(old[0]! ^ 1), 0, 1, 5000);
    const cursor = table.cursor();
    cursor.seekToFirst();
    expect(() => rowsForward(cursor)).toThrow(expect.objectContaining({ code: 'LSM_CORRUPTION' }));
    expect(cursor.valid).toBe(false);
    cursor.seekToLast();
    expect(cursor.valid).toBe(true);
    expect(cursor.entry.copyKey()).toEqual(ROWS[299]!.key);
    handle.writeSync(old, 0, 1, 5000);
    cursor.seekToFirst();
    expect(rowsForward(cursor).length).toBe(300);
    cursor.close();
    cursor.close();
  });
});
