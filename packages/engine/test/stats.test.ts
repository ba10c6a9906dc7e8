/** Figures: what `stats()` says equals what was done and what lies on disk. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { open } from '@lsm/engine';
import { expect, it } from 'vitest';
import { openInMemory, TINY, temporaryDirectory } from './support/open.ts';

it('operations and bytes are those that were made', async () => {
  const db = await openInMemory();
  db.putSync('key', 'value');
  await db.put('key2', 'ü');
  db.delSync('key');
  await db.del('no');
  await db.batch([
    { type: 'put', key: 'b', value: '12' },
    { type: 'del', key: 'b' },
    { type: 'delRange', gte: 'x', lt: 'y' },
  ]);
  db.getSync('key2');
  db.getSync('none');
  db.hasSync('key2');
  await db.getMany(['key2', 'b']);
  for (const _ of db.entries());
  const { counters, sequence } = db.stats();
  expect(counters).toMatchObject({
    puts: 3,
    deletes: 3,
    rangeDeletes: 1,
    batches: 1,
    gets: 5,
    getHits: 3,
    scans: 1,
  });
  expect(sequence).toBe(7);
  expect(counters.userBytes).toBeGreaterThanOrEqual(3 + 5 + 4 + 2 + 3 + 2 + 1 + 2 + 1 + 2);
});

it('bytes are those on disk at every moment, through flushes, merges, readers and reopening', async () => {
  const directory = temporaryDirectory();
  let db = await open(directory, { ...TINY });
  const compare = async (label: string): Promise<void> => {
    await db.idle();
    // Files are removed off this thread.
    for (let i = 0; i < 200; i++) await new Promise((resolve) => setImmediate(resolve));
    const sizes = { tables: 0, logs: 0, manifest: 0 };
    for (const name of readdirSync(directory)) {
      const { size } = statSync(join(directory, name));
      if (name.endsWith('.sst')) sizes.tables += size;
      if (name.endsWith('.log')) sizes.logs += size;
      if (name.startsWith('MANIFEST')) sizes.manifest += size;
    }
    const stats = db.stats();
    expect(
      {
        tables: stats.tableBytes + stats.obsoleteTableBytes,
        logs: stats.logBytes,
        manifest: stats.manifestBytes,
      },
      label,
    ).toEqual(sizes);
    expect(stats.levels.reduce((sum, level) => sum + level.bytes, 0)).toBe(stats.tableBytes);
    expect(stats.levels.reduce((sum, level) => sum + level.tables, 0)).toBe(stats.tables);
    expect(stats.levels.reduce((sum, level) => sum + level.runs, 0)).toBe(stats.runs);
  };
  await compare('new');
  for (let i = 0; i < 3000; i++) db.putSync(`k${(i * 7) % 1000}`, `value ${i}`);
  await compare('written');
  const iterator = db.keys();
  iterator.nextSync();
  await db.compact();
  await compare('merged under a reader');
  iterator.close();
  await compare('reader gone');
  db.putSync('last', '1');
  await db.close();
  db = await open(directory, { ...TINY });
  await compare('reopened');
  await db.compact();
  await compare('merged again');
  await db.close();
});

it('reads of tables are counted: filters, cache, blocks', async () => {
  const db = await openInMemory({ filter: { bitsPerKey: 10 } });
  for (let i = 0; i < 1000; i++) db.putSync(`k${i * 2}`, 'v'.repeat(20));
  await db.compact();
  for (let i = 0; i < 1000; i++) db.getSync(`k${i * 2}`);
  for (let i = 0; i < 1000; i++) db.getSync(`k${i * 2 + 1}`);
  const { filters, blocks, cache, counters, memory } = db.stats();
  expect(counters).toMatchObject({ gets: 2000, getHits: 1000 });
  expect(filters.negatives + filters.falsePositives).toBeGreaterThan(900);
  expect(filters.bitsPerKey[0]!.bits).toBeGreaterThan(8);
  expect(blocks.reads).toBeGreaterThan(0);
  expect(blocks.readBytes).toBeGreaterThan(blocks.reads);
  expect(cache.hits).toBeGreaterThan(0);
  expect(memory.cacheBytes).toBeGreaterThan(0);
});
