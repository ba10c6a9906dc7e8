/** `verify()`: every byte that a reopened database would read, while this one goes on. */
import type { LsmError } from '@lsm/core';
import { memoryFileSystem } from '@lsm/fs';
import { SimulatedFileSystem } from '@lsm/testkit';
import { expect, it } from 'vitest';
import { type Db, open } from '../src/index.ts';
import { openInMemory, TINY, temporaryDirectory } from './support/open.ts';
import { refused, turn } from './support/refused.ts';

/** A database with three tables, a segment of the log and a manifest of some edits; nothing is left to do. */
async function openWithAll(): Promise<{ db: Db; fs: SimulatedFileSystem }> {
  const fs = new SimulatedFileSystem();
  const options = { ...TINY, fs, reads: 'sync', memtableBytes: 65_536 } as const;
  const first = await open('db', options);
  await first.compaction.pause();
  for (const key of ['a', 'b']) {
    first.putSync(key, 'in a table');
    await first.flush();
  }
  first.batchSync([
    { type: 'put', key: 'c', value: 'in the log' },
    { type: 'delRange', gte: 'x', lt: 'y' },
  ]);
  await first.close();
  const db = await open('db', options);
  await db.compaction.pause();
  await db.idle();
  db.putSync('d', 'in the log, later');
  db.delSync('e');
  return { db, fs };
}

it('checks each byte of pointer, manifest, log and tables, and names file and offset', async () => {
  const { db, fs } = await openWithAll();
  const whole = await db.verify();
  const { manifestBytes, tableBytes, tables } = db.stats();
  expect(whole).toMatchObject({ manifestBytes, tables, bytes: tableBytes });
  expect(whole).toMatchObject({ tables: 3, logSegments: 1, logFrames: 2 });
  expect(whole.manifestEdits).toBeGreaterThan(5);
  const checked = { CURRENT: 0, manifest: 0, log: 0, sst: 0 };
  for (const [path, content] of fs.image()) {
    if (content === null || path.includes('LOCK')) continue;
    const kind = (/CURRENT|sst$|log$/.exec(path)?.[0] ?? 'manifest') as keyof typeof checked;
    for (let offset = 0; offset < content.size; offset++) {
      const mask = [0x01, 0x80, 0xff][offset % 3]!;
      fs.flip(path, offset, mask);
      let error: LsmError | null = null;
      try {
        await db.verify();
      } catch (thrown) {
        error = thrown as LsmError;
      }
      fs.flip(path, offset, mask);
      const place = `${path} @ ${offset}`;
      // A table may be named by any of its parts; the file is always right.
      expect(error, place).toMatchObject({ code: 'LSM_CORRUPTION', file: path });
      if (kind !== 'sst') expect(error!.offset, place).toBeLessThanOrEqual(offset);
      checked[kind]++;
    }
  }
  expect(checked.CURRENT).toBeGreaterThan(30);
  expect(checked.manifest).toBe(whole.manifestBytes);
  expect(checked.log).toBe(whole.logBytes);
  expect(checked.sst).toBe(whole.bytes);
  expect(await db.verify()).toEqual(whole);
  await db.close();
});

it('notices files that are cut, exchanged or missing', async () => {
  const { db, fs } = await openWithAll();
  for (const [path, content] of fs.image()) {
    if (content === null || path.includes('LOCK')) continue;
    const bytes = fs.bytesOf(path);
    const cut = bytes.subarray(0, bytes.length - 1);
    for (const damaged of [cut, new Uint8Array(0), new Uint8Array(bytes.length)]) {
      fs.putBytes(path, damaged);
      const message = await refused('LSM_CORRUPTION', () => db.verify());
      expect(message).not.toBe('');
      fs.putBytes(path, bytes);
    }
  }
  await db.verify();
  await db.close();
});

it('finds nothing wrong while writes, flushes and merges go on, and sees no file twice', async () => {
  const db = await openInMemory({ durability: 'memory' });
  const state = { running: true };
  const verified: number[] = [];
  const verifying = (async () => {
    while (state.running) {
      const { logFrames, manifestEdits, tables } = await db.verify();
      verified.push(logFrames + manifestEdits + tables);
    }
  })();
  for (let i = 0; i < 4000; i++) {
    void db.put(`k${i % 700}`, `${i}`.repeat(1 + (i % 30)));
    if (i % 50 === 0) await turn();
    if (i % 500 === 0) await db.compact();
  }
  state.running = false;
  await verifying;
  expect(verified.length).toBeGreaterThan(5);
  expect(db.stats().counters.flushes).toBeGreaterThan(5);
  const { logFrames } = await db.verify();
  const before = logFrames;
  db.putSync('one', 'more');
  await db.sync();
  expect((await db.verify()).logFrames).toBe(before + 1);
});

it('through a reader: the same, and what its writer replaced meanwhile is left out', async () => {
  const directory = temporaryDirectory();
  const writer = await open(directory, TINY);
  for (let i = 0; i < 20; i++) writer.putSync(`k${i}`, 'v');
  const reader = await open(directory, { ...TINY, readOnly: true });
  expect(await reader.verify()).toMatchObject({ logSegments: 1, logFrames: 20, tables: 0 });
  await writer.flush();
  writer.putSync('later', '1');
  await writer.flush();
  expect(await reader.verify()).toMatchObject({ logSegments: 0, tables: 0 });
  await reader.close();
  await writer.close();
});

it('of an empty database reads its manifest', async () => {
  const db = await open('/db', { ...TINY, fs: memoryFileSystem() });
  expect(await db.verify()).toMatchObject({ tables: 0, logSegments: 0, logFrames: 0 });
  expect((await db.verify()).manifestEdits).toBeGreaterThan(0);
  await db.close();
});
