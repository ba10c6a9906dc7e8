/** Tables that range deletes hide wholly go without being read, under every strategy, and nobody misses them. */
import { unified } from '@lsm/compaction-unified';
import type { CompactionEvent, Db } from '@lsm/engine';
import { memoryFileSystem } from '@lsm/fs';
import { describe, expect, it } from 'vitest';
import { openInMemory, pairs } from './support/open.ts';

const VALUE = 'v'.repeat(100);
/** Tables as large as a flush. */
const LARGE = { memtableBytes: 65_536, tableBytes: 1024 * 1024 };
const key = (i: number): string => `key${String(i).padStart(6, '0')}`;
const STRATEGIES = ['leveled', 'tiered', 'hybrid', unified()] as const;

async function filled(db: Db, from: number, to: number): Promise<void> {
  for (let i = from; i < to; i++) db.putSync(key(i), VALUE);
  await db.flush();
  await db.idle();
}

function drops(db: Db): CompactionEvent[] {
  const events: CompactionEvent[] = [];
  db.on('compactionEnd', (event) => {
    if (event.kind === 'drop') events.push(event);
  });
  return events;
}

describe('a table hidden by range deletes', () => {
  it.each(STRATEGIES)(
    'keeps no queue large that is deleted by ranges, under %o',
    async (compaction) => {
      const fs = memoryFileSystem();
      const db = await openInMemory({ compaction, compression: 'none' }, fs);
      const [live, count, step] = [1500, 12_000, 50];
      let worst = 0;
      for (let i = 0; i < count; i++) {
        db.putSync(key(i), VALUE);
        if (i % step === 0 && i > live) {
          db.delRangeSync({ gte: key(i - live - step), lt: key(i - live) });
          await db.idle();
          if (i > 2 * live) worst = Math.max(worst, db.stats().tableBytes);
        }
      }
      await db.idle();
      const { counters } = db.stats();
      expect(counters.droppedTables).toBeGreaterThan(30);
      // Entries of about 120 bytes; beside the live ones there is a memtable's worth, and tables at the border.
      expect(worst).toBeLessThan(2 * live * 120);
      const first = count - live - 1;
      const expected = pairs(db);
      expect(expected.length).toBeLessThanOrEqual(live + step);
      expect(expected.length).toBeGreaterThan(live - step);
      expect(expected[0]! >= key(first - step)).toBe(true);
      await db.close();
      const again = await openInMemory({ compaction, compression: 'none' }, fs);
      expect(pairs(again)).toEqual(expected);
    },
  );

  it('is dropped although an older table under it stays, and hides that one still', async () => {
    const db = await openInMemory({ compaction: 'tiered', ...LARGE });
    const dropped = drops(db);
    await filled(db, 0, 300);
    await filled(db, 100, 200);
    expect(db.stats().runs).toBe(2);
    const before = db.stats().counters.compactionReadBytes;
    db.delRangeSync({ gte: key(50), lt: key(250) });
    await db.flush();
    expect(dropped).toHaveLength(1);
    expect(dropped[0]).toMatchObject({ inputs: 1, reason: 'deleted by ranges', readBytes: 0 });
    expect(db.stats().counters.compactionReadBytes).toBe(before);
    expect(db.stats().runs).toBe(2);
    expect(pairs(db)).toHaveLength(100);
    expect(db.getSync(key(150))).toBeUndefined();
    await db.compact();
    expect(pairs(db)).toHaveLength(100);
  });

  it('stays for a snapshot, for an iterator, and goes once they are closed', async () => {
    for (const hold of ['snapshot', 'iterator'] as const) {
      const db = await openInMemory({ compaction: 'tiered', ...LARGE });
      const dropped = drops(db);
      await filled(db, 0, 200);
      const snapshot = hold === 'snapshot' ? db.snapshot() : null;
      const iterator = hold === 'iterator' ? db.keys() : null;
      const first = await iterator?.next();
      db.delRangeSync({ gte: key(0), lt: key(200) });
      db.putSync('other', '1');
      await db.flush();
      // An iterator holds its tables themselves.
      if (snapshot !== null) expect(dropped).toEqual([]);
      expect(pairs(db)).toEqual(['other=1']);
      if (snapshot !== null) expect(db.getSync(key(7), { snapshot })?.length).toBe(100);
      let seen = first === undefined ? 0 : 1;
      if (iterator !== null) for (const _ of iterator) seen++;
      expect(seen).toBe(iterator === null ? 0 : 200);
      snapshot?.close();
      iterator?.close();
      db.putSync('other', '2');
      await db.flush();
      expect(dropped.length, hold).toBe(1);
      expect(pairs(db)).toEqual(['other=2']);
    }
  });

  it('stays if one key of it is not covered, or was written after the delete', async () => {
    const db = await openInMemory({ compaction: 'tiered', ...LARGE });
    const dropped = drops(db);
    await filled(db, 0, 100);
    db.delRangeSync({ gte: key(0), lt: key(50) });
    db.delRangeSync({ gte: key(51), lt: key(100) });
    await db.flush();
    expect(dropped).toEqual([]);
    expect(pairs(db)).toEqual([`${key(50)}=${VALUE}`]);
    db.delRangeSync({ gte: key(50), lt: key(51) });
    db.putSync(key(60), 'new');
    await db.flush();
    expect(dropped).toHaveLength(1);
    expect(pairs(db)).toEqual([`${key(60)}=new`]);
  });

  it('waits while compaction is paused', async () => {
    const db = await openInMemory({ compaction: 'tiered', ...LARGE });
    const dropped = drops(db);
    await filled(db, 0, 100);
    await db.compaction.pause();
    db.delRangeSync({ gte: key(0), lt: key(100) });
    await db.flush();
    expect(dropped).toEqual([]);
    db.compaction.resume();
    expect(dropped).toHaveLength(1);
    expect(pairs(db)).toEqual([]);
  });
});
