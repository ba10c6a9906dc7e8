/** Events: what is told, in which order, and what a listener can't do. */
import { open } from '@lsm/engine';
import { memoryFileSystem } from '@lsm/fs';
import { expect, it } from 'vitest';
import { restoreImage, takeImage, truncated } from './support/image.ts';
import { openInMemory, pairs, TINY } from './support/open.ts';
import { turn } from './support/refused.ts';

it('flushes and compactions tell their begin and end, with counted figures', async () => {
  const db = await openInMemory();
  const seen: string[] = [];
  let flushed = 0;
  let read = 0;
  let written = 0;
  const manual = ({ reason }: { reason: string }): boolean => reason === 'manual';
  const stop = db.on('flushBegin', ({ entries }) => seen.push(`flushBegin ${entries}`));
  db.on('flushEnd', ({ entries, bytes, ms }) => {
    expect(ms).toBeGreaterThanOrEqual(0);
    flushed += bytes;
    seen.push(`flushEnd ${entries}`);
  });
  // The strategy may move what was merged to another level, which costs nothing.
  db.on('compactionBegin', (event) => {
    if (manual(event)) seen.push(`begin ${event.kind}`);
  });
  db.on('compactionEnd', (event) => {
    read += event.readBytes;
    written += event.writtenBytes;
    if (manual(event)) seen.push(`end ${event.kind}`);
  });
  db.putSync('a', '1');
  db.putSync('a', '2');
  await db.flush();
  stop();
  db.putSync('b', '1');
  await db.compact();
  expect(seen).toEqual(['flushBegin 2', 'flushEnd 1', 'flushEnd 1', 'begin merge', 'end merge']);
  const { counters } = db.stats();
  expect(flushed).toBe(counters.flushBytes);
  expect(read).toBe(counters.compactionReadBytes);
  expect(written).toBe(counters.compactionWriteBytes);
});

it('writers that are held back are told why, and when it is over', async () => {
  const db = await openInMemory();
  const seen: string[] = [];
  db.on('slowdown', ({ cause }) => seen.push(`slow ${cause}`));
  db.on('stallBegin', ({ cause }) => seen.push(`stall ${cause}`));
  db.on('stallEnd', ({ ms }) => {
    expect(ms).toBeGreaterThanOrEqual(0);
    seen.push('go on');
  });
  for (let i = 0; i < 3000; i++) db.putSync(`k${i}`, 'v'.repeat(100));
  expect(seen).toContain('stall memtables');
  expect(seen.filter((event) => event.startsWith('stall')).length).toBe(
    seen.filter((event) => event === 'go on').length,
  );
  expect(db.stats().counters.stalls).toBe(seen.filter((event) => event.startsWith('stall')).length);
  seen.length = 0;
  const pending = Array.from({ length: 3000 }, (_, i) => db.put(`a${i}`, 'w'.repeat(100)));
  db.putSync('sync among queued ones', '1');
  await Promise.all(pending);
  expect(seen).toContain('stall memtables');
  expect([...db.keys()].length).toBe(6001);
});

it('queued writes and synchronous ones keep their order', async () => {
  const db = await openInMemory();
  const pending: Promise<void>[] = [];
  for (let i = 0; i < 2000; i++) {
    const done = db.put(`k${i % 50}`, `async ${i} ${'x'.repeat(150)}`);
    pending.push(done);
    if (i % 10 === 9) {
      db.putSync(`k${i % 50}`, `sync ${i}`);
      expect(Buffer.from(db.getSync(`k${i % 50}`)!).toString()).toBe(`sync ${i}`);
    }
  }
  await Promise.all(pending);
  for (let key = 0; key < 50; key++) {
    const last = 1950 + key;
    const expected = last % 10 === 9 ? `sync ${last}` : `async ${last} ${'x'.repeat(150)}`;
    expect(Buffer.from(db.getSync(`k${key}`)!).toString()).toBe(expected);
  }
});

it('a torn tail that recovery cut is reported once, with file, offset and bytes', async () => {
  const fs = memoryFileSystem();
  const db = await open('/db', { ...TINY, fs });
  db.putSync('a', '1');
  db.putSync('b', '2');
  const image = takeImage(fs, '/db');
  await db.close();
  const log = [...image.keys()].find((name) => name.endsWith('.log'))!;
  const cut = truncated(image, log, image.get(log)!.length - 3);
  const again = await open('/db', { ...TINY, fs: restoreImage(cut, '/db') });
  const reports: unknown[] = [];
  again.on('truncated', (report) => reports.push(report));
  await turn();
  await turn();
  expect(pairs(again)).toEqual(['a=1']);
  expect(reports).toMatchObject([{ file: `/db/${log}` }]);
  await again.close();
});

it('a strategy that breaks its contract is quarantined, told, and no data is concerned', async () => {
  const base = {
    formatVersion: 1,
    settings: {},
    assess: () => ({ debtBytes: 0, pressure: 0, delay: 'none', quiescent: true }) as const,
  };
  const broken = [
    {
      ...base,
      name: 'throws',
      plan: () => {
        throw new Error('mine');
      },
    },
    { ...base, name: 'nothing', plan: () => undefined as never },
    { ...base, name: 'no list', plan: () => ({ tasks: 5 }) as never },
    { ...base, name: 'rubbish', plan: () => ({ tasks: [null, 5, {}, { kind: 'eat' }] }) as never },
    {
      ...base,
      name: 'unknown tables',
      plan: () => ({ tasks: [{ kind: 'drop', inputs: [999], reason: 'x', score: 1 }] }) as never,
    },
    { ...base, name: 'a map', plan: () => ({ tasks: [], state: new Map([[1, 2]]) as never }) },
    { ...base, name: 'not a number', plan: () => ({ tasks: [], state: { at: Number.NaN } }) },
    { ...base, name: 'bad health', plan: () => ({ tasks: [] }), assess: () => undefined as never },
    {
      ...base,
      name: 'assess throws',
      plan: () => ({ tasks: [] }),
      assess: () => {
        throw new Error('mine');
      },
    },
  ];
  for (const compaction of broken) {
    const db = await openInMemory({ compaction });
    const told: string[] = [];
    db.on('strategyQuarantined', ({ strategy }) => told.push(strategy));
    for (let i = 0; i < 60; i++) {
      db.putSync(`k${i}`, `v${i}`);
      if (i % 4 === 3) await db.flush();
    }
    await db.idle();
    expect([...db.keys()].length, compaction.name).toBe(60);
    // A proposal that may not run is refused; only one that is repeated is taken for broken.
    if (compaction.name !== 'unknown tables') {
      expect(db.compaction.strategy.name, compaction.name).toBe('safeguard');
    }
    await db.close();
    expect(told.length, compaction.name).toBeLessThanOrEqual(1);
  }
});
