/** What filters of real tables let pass, and what memory all of them take, against what was asked for. */
import { bloomBitsPerKey, fuse8, hashIndex } from '@lsm/bloom';
import type { Db, FilterSetting } from '@lsm/engine';
import { expect, test } from 'vitest';
import { openInMemory } from './support/open.ts';

const MEBIBYTE = 1024 * 1024;
const KEYS = 20_000;
const key = (i: number): string => `key${String(i).padStart(6, '0')}`;

function fill(db: Db, from: number, to: number): void {
  for (let i = from; i < to; i++) db.putSync(key(i), `value ${i}`);
}

/** Share of lookups of absent keys, all within the range of the table, that its filter lets pass. */
async function measure(filter: FilterSetting, probes: number): Promise<number> {
  const sizes = { memoryBytes: 64 * MEBIBYTE, memtableBytes: 8 * MEBIBYTE, blockBytes: 4096 };
  // One table, so that no probe falls between two.
  const options = { ...sizes, tableBytes: 16 * MEBIBYTE, combinedIndex: 'off' as const };
  const db = await openInMemory({ ...options, filter });
  fill(db, 0, KEYS);
  await db.flush();
  expect(db.stats().tables).toBe(1);
  for (let i = 0; i < probes; i++) db.getSync(`${key(i % (KEYS - 1))}-${i}`);
  const { negatives, falsePositives } = db.stats().filters;
  expect(negatives + falsePositives).toBe(probes);
  expect(db.stats().counters.getHits).toBe(0);
  return falsePositives / probes;
}

// 20 % of 500 expected false positives is 4.5 standard deviations.
test.each<[FilterSetting, number]>([
  [{ perLevel: [0.01] }, 0.01],
  [{ perLevel: [{ kind: 'split-block', rate: 0.01 }] }, 0.01],
  [{ kind: 'bloom', bitsPerKey: bloomBitsPerKey(0.02) }, 0.02],
  [{ perLevel: ['fuse8'] }, fuse8.rate(0).falsePositiveRate],
])('filters %j pass a share of %d of absent keys, to 20 percent', async (filter, rate) => {
  const measured = await measure(filter, Math.ceil(520 / rate));
  expect(measured / rate).toBeGreaterThan(0.8);
  expect(measured / rate).toBeLessThan(1.2);
});

test('a hash index passes less than it states where blocks and slots leave bits over', async () => {
  const stated = hashIndex.rate(0).falsePositiveRate;
  expect(await measure({ kind: 'hash-index' }, 30_000)).toBeLessThan(stated / 4);
});

test.each<FilterSetting>([
  'monkey',
  { bitsPerKey: 16 },
  { perLevel: [0.0001, 0.001] },
  { perLevel: ['split-block'], oldest: 'hash-index' },
])('filters %j take no more memory than the budget, when all are built for it', async (filter) => {
  const indexBytes = 16_384;
  const db = await openInMemory({
    filter,
    indexBytes,
    combinedIndex: 'off',
    compaction: 'leveled',
  });
  const bytesOf = (): number => {
    const { levels, filters } = db.stats();
    const bits = new Map(filters.bitsPerKey.map((one) => [one.level, one.bits]));
    return levels.reduce((sum, { level, entries }) => sum + (entries * bits.get(level)!) / 8, 0);
  };
  // So that new runs cover all keys, and every table is written anew.
  await db.compaction.pause();
  for (const to of [5000, 10_000, 20_000]) {
    fill(db, 0, to);
    await db.compact();
    // Of each table, the header and what a filter's size is rounded up by.
    const most = indexBytes + 64 * db.stats().tables;
    expect(bytesOf()).toBeLessThanOrEqual(most);
    if (to > 10_000) expect(bytesOf()).toBeGreaterThan(0.85 * indexBytes);
  }
});

test('what the combined index may take is not for filters', async () => {
  const bits: number[] = [];
  for (const combinedIndex of ['off', 'auto'] as const) {
    const db = await openInMemory({
      filter: { bitsPerKey: 16 },
      indexBytes: 16_384,
      combinedIndex,
    });
    await db.compaction.pause();
    fill(db, 0, KEYS);
    await db.compact();
    bits.push(db.stats().filters.bitsPerKey[0]!.bits);
  }
  expect(bits[1]! / bits[0]!).toBeCloseTo(0.75, 1);
});
