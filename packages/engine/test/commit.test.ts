/** What one call's failure means for another's acknowledgement. */
import { seededRandom } from '@lsm/core';
import { SimulatedFileSystem } from '@lsm/testkit';
import { describe, expect, it } from 'vitest';
import { openInMemory, text } from './support/open.ts';

describe('an acknowledgement', () => {
  it('with fsync does not fail because a later write of another call cannot be handed over', async () => {
    const fs = new SimulatedFileSystem();
    const db = await openInMemory({ durability: 'memory' }, fs);
    db.putSync('first', '0', { durability: 'fsync' });
    const put = db.put('a', '1', { durability: 'fsync' });
    // The group of `put` is written in the microtask before this one; its sync is still to come.
    queueMicrotask(() => {
      fs.inject({ at: ({ kind }) => kind === 'write', errno: 'ENOSPC', persistent: true });
      db.putSync('b', '2');
    });
    await put;
    expect(text(db.getSync('a'))).toBe('1');
    fs.clearFaults();
  });
});

describe('calls that are awaited one by one', () => {
  it('form groups again when they come together', async () => {
    const fs = new SimulatedFileSystem();
    const db = await openInMemory({}, fs);
    for (let i = 0; i < 40; i++) await db.put(`a${i}`, '1');
    const before = db.stats().counters.logWrites;
    expect(before).toBe(40);
    await Promise.all(Array.from({ length: 100 }, (_, i) => db.put(`b${i}`, '2')));
    expect(db.stats().counters.logWrites - before).toBeLessThanOrEqual(16);
    await Promise.all(Array.from({ length: 100 }, (_, i) => db.put(`c${i}`, '3')));
    expect(db.stats().counters.logWrites - before).toBeLessThanOrEqual(17);
    for (let i = 0; i < 100; i++) expect(text(db.getSync(`b${i}`))).toBe('2');
  });

  it('fail one by one, and are not applied', async () => {
    const fs = new SimulatedFileSystem();
    const db = await openInMemory({}, fs);
    for (let i = 0; i < 50; i++) {
      if (i % 3 === 2) fs.inject({ at: ({ kind }) => kind === 'write', errno: 'ENOSPC' });
      const put = db.put('k', `${i}`);
      if (i % 3 === 2) await expect(put).rejects.toMatchObject({ code: 'LSM_DISK_FULL' });
      else await put;
      expect(text(db.getSync('k'))).toBe(`${i % 3 === 2 ? i - 1 : i}`);
    }
  });
});

describe('a memtable that fills up', () => {
  it.each(['art', 'hash'] as const)(
    'takes single writes to its end, none over its index (%s)',
    async (memtable) => {
      const fs = new SimulatedFileSystem();
      const random = seededRandom(7);
      // The size of an arena, so that nothing is left over between frames and index.
      const memtableBytes = 1 << 18;
      const db = await openInMemory({ memtable, memtableBytes, executor: 'inline' }, fs);
      const model = new Map<string, string>();
      for (let i = 0; i < 9000; i++) {
        // Keys of few and of many branches by turns: the index grows by jumps.
        const dense = random.next() % 3 === 0;
        const key = dense
          ? `k${i}`
          : String.fromCodePoint(...[1, 2, 3].map(() => random.next() & 127));
        const value = 'v'.repeat(random.next() % 90);
        db.putSync(key, value);
        model.set(key, value);
      }
      expect(db.stats().counters.flushes).toBeGreaterThan(1);
      for (const [key, value] of model) expect(text(db.getSync(key))).toBe(value);
      await db.close();
    },
  );
});
