/**
 * One named test for each trap that a published engine fell into: what went wrong there must not here.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { splitBlock } from '@lsm/bloom';
import { open } from '@lsm/engine';
import { memoryFileSystem } from '@lsm/fs';
import { describe, expect, it } from 'vitest';
import { openInMemory, pairs, temporaryDirectory, text } from './support/open.ts';

describe('newest wins', () => {
  it('trap-A1: a key written before and after a flush reads as the later value', async () => {
    const db = await openInMemory();
    db.putSync('k', 'old');
    await db.flush();
    db.putSync('k', 'new');
    await db.flush();
    expect(text(db.getSync('k'))).toBe('new');
    expect(pairs(db)).toEqual(['k=new']);
  });

  it('trap-A4: of many level-0 versions of a key, compaction keeps the newest', async () => {
    for (const compaction of ['leveled', 'tiered', 'hybrid'] as const) {
      const db = await openInMemory({ compaction });
      for (let i = 0; i < 4; i++) {
        db.putSync('k', `v${i}`);
        await db.flush();
      }
      await db.compact();
      expect(text(db.getSync('k'))).toBe('v3');
      expect(db.stats().levels.reduce((sum, level) => sum + level.entries, 0)).toBe(1);
    }
  });

  it('trap-A17: order survives compaction and restart, whatever the files are called', async () => {
    const fs = memoryFileSystem();
    const db = await openInMemory({ compaction: 'tiered' }, fs);
    db.putSync('k', 'old');
    db.putSync('other', '1');
    await db.flush();
    db.putSync('x', '1');
    await db.flush();
    await db.compact();
    db.putSync('k', 'new');
    await db.flush();
    // The older run is rewritten into a file with a higher number than the newer one's.
    await db.compact({ gte: 'l' });
    await db.close();
    const again = await openInMemory({}, fs);
    expect(text(again.getSync('k'))).toBe('new');
  });
});

describe('tombstones', () => {
  it('trap-A2: a flushed delete hides a flushed value', async () => {
    const db = await openInMemory();
    db.putSync('k', 'v');
    await db.flush();
    db.delSync('k');
    await db.flush();
    expect(db.getSync('k')).toBeUndefined();
    expect(pairs(db)).toEqual([]);
  });

  it('trap-A3: a delete in level 0 hides a value in a lower level, and it stays hidden', async () => {
    const db = await openInMemory();
    db.putSync('k', 'v');
    await db.compact();
    db.delSync('k');
    await db.flush();
    expect(db.getSync('k')).toBeUndefined();
    await db.compact();
    expect(db.getSync('k')).toBeUndefined();
    expect(db.stats().tables).toBe(0);
  });
});

describe('large entries', () => {
  it('trap-A5: a value larger than a block survives flush and compaction', async () => {
    const db = await openInMemory({ blockBytes: 4096 });
    const value = Buffer.alloc(5000, 'x');
    db.putSync('k', value);
    await db.flush();
    expect(db.getSync('k')).toEqual(value);
    await db.compact();
    expect(db.getSync('k')).toEqual(value);
    expect([...db.values()]).toEqual([value]);
  });

  it('trap-A20: a value larger than a page, a memtable and a table is stored; one key counts once', async () => {
    const db = await openInMemory();
    const value = Buffer.alloc(300_000, 'y');
    for (let i = 0; i < 10; i++) db.putSync('k', value.subarray(0, value.length - i));
    await db.compact();
    expect(db.getSync('k')!.length).toBe(value.length - 9);
    expect([...db.keys()].length).toBe(1);
  });
});

describe('scans', () => {
  it('trap-A6: bounds are kept', async () => {
    const db = await openInMemory();
    for (let i = 0; i < 10; i++) db.putSync(`k${i}`, `${i}`);
    const expected = ['k3=3', 'k4=4'];
    expect(pairs(db, { gte: 'k3', lt: 'k5' })).toEqual(expected);
    await db.flush();
    expect(pairs(db, { gte: 'k3', lt: 'k5' })).toEqual(expected);
    expect(pairs(db, { gt: 'k2', lte: 'k4' })).toEqual(expected);
    expect(pairs(db, { gte: 'k3', lt: 'k5', reverse: true })).toEqual(expected.toReversed());
  });

  it('trap-A7: a scan that starts on a tombstone goes on', async () => {
    const db = await openInMemory();
    for (let i = 0; i < 9; i++) db.putSync(`k${i}`, '');
    db.delSync('k0');
    db.delSync('k8');
    expect([...db.keys()].length).toBe(7);
    await db.flush();
    expect([...db.keys()].length).toBe(7);
    expect([...db.keys({ reverse: true })].length).toBe(7);
  });

  it('trap-A8: a scan sees memtable, level 0 and lower levels', async () => {
    const db = await openInMemory();
    for (const [round, name] of ['low', 'zero', 'memory'].entries()) {
      for (let i = round; i < 9; i += 3) db.putSync(`k${i}`, name);
      if (round === 0) await db.compact();
      if (round === 1) await db.flush();
    }
    expect(pairs(db).length).toBe(9);
    expect(new Set([...db.values()].map(text))).toEqual(new Set(['low', 'zero', 'memory']));
  });

  it('trap-A9: the empty key is a key', async () => {
    const db = await openInMemory();
    db.putSync('', 'empty');
    db.putSync('a', '1');
    for (let round = 0; round < 2; round++) {
      expect(pairs(db)).toEqual(['=empty', 'a=1']);
      expect(pairs(db, { reverse: true })).toEqual(['a=1', '=empty']);
      expect(text(db.getSync(''))).toBe('empty');
      await db.flush();
    }
  });
});

describe('crashes', () => {
  it('trap-A10: a log whose tail is torn opens', async () => {
    const directory = temporaryDirectory();
    runAndCrash(directory, `for (let i = 0; i < 100; i++) db.putSync('k' + i, 'v' + i);`);
    const log = readdirSync(directory).find((name) => name.endsWith('.log'))!;
    truncateSync(join(directory, log), statSync(join(directory, log)).size - 3);
    const db = await open(directory);
    expect(text(db.getSync('k98'))).toBe('v98');
    expect(db.getSync('k99')).toBeUndefined();
    await db.close();
  });

  it('trap-A11: a crash of the process loses no acknowledged write, also across flushes', async () => {
    const directory = temporaryDirectory();
    runAndCrash(
      directory,
      `for (let i = 0; i < 2000; i++) await db.put('k' + i, 'v' + i); db.flush(); for (let i = 2000; i < 4000; i++) await db.put('k' + i, 'v' + i);`,
    );
    const db = await open(directory);
    const missing: number[] = [];
    for (let i = 0; i < 4000; i++) if (text(db.getSync(`k${i}`)) !== `v${i}`) missing.push(i);
    expect(missing).toEqual([]);
    await db.close();
  });

  it('trap-A19: without any sync call, a crash loses only what the mode allows', async () => {
    for (const durability of ['memory', 'os', 'fsync']) {
      const directory = temporaryDirectory();
      runAndCrash(
        directory,
        `for (let i = 0; i < 2000; i++) db.putSync('k' + i, 'v' + i);`,
        durability,
      );
      const db = await open(directory);
      const keys = [...db.keys()]
        .map((key) => Number(text(key)!.slice(1)))
        .toSorted((a, b) => a - b);
      // A prefix in every mode; everything in the stronger two.
      expect(keys).toEqual(keys.map((_, i) => i));
      if (durability !== 'memory') expect(keys.length).toBe(2000);
      await db.close();
    }
  });
});

describe('concurrency', () => {
  it('trap-A12: concurrent writers and readers across flushes fail nothing and miss nothing', async () => {
    const db = await openInMemory();
    const writer = async (name: string): Promise<void> => {
      for (let i = 0; i < 1000; i++) {
        await db.put(`${name}${i}`, `${i}`);
        if (i % 100 === 0) expect(text(await db.get(`${name}${i}`))).toBe(`${i}`);
      }
    };
    await Promise.all(['a', 'b', 'c', 'd'].map(writer));
    expect([...db.keys()].length).toBe(4000);
    expect(db.stats().counters.flushes).toBeGreaterThan(0);
  });
});

describe('figures', () => {
  it('trap-A13: statistics equal what is on disk and what was counted', async () => {
    const directory = temporaryDirectory();
    const db = await open(directory, { memoryBytes: 1 << 20, memtableBytes: 65_536 });
    for (let i = 0; i < 20_000; i++) db.putSync(`k${i % 5000}`, `value-${i}`);
    await db.compact();
    await db.idle();
    const stats = db.stats();
    let tables = 0;
    let logs = 0;
    for (const name of readdirSync(directory)) {
      const { size } = statSync(join(directory, name));
      if (name.endsWith('.sst')) tables += size;
      if (name.endsWith('.log')) logs += size;
    }
    expect(stats.tableBytes + stats.obsoleteTableBytes).toBe(tables);
    expect(stats.logBytes).toBe(logs);
    expect(stats.levels.reduce((sum, level) => sum + level.entries, 0)).toBe(5000);
    const { counters } = stats;
    const written = counters.logBytes + counters.flushBytes + counters.compactionWriteBytes;
    expect(stats.writeAmplification).toBeCloseTo(written / counters.userBytes, 10);
    await db.close();
  });

  it('trap-A14: a table of 40 tiny entries is small', async () => {
    const db = await openInMemory({ blockBytes: 4096 });
    for (let i = 0; i < 40; i++) db.putSync(`k${i}`, `${i}`);
    await db.compact();
    expect(db.stats().tableBytes).toBeLessThan(4096);
  });

  it('trap-A16: the measured false positive rate is that of the setting', async () => {
    const db = await openInMemory({
      memoryBytes: 64 << 20,
      memtableBytes: 4 << 20,
      tableBytes: 16 << 20,
      filter: { bitsPerKey: 8 },
    });
    for (let i = 0; i < 30_000; i++) db.putSync(`key-${i * 2}`, '');
    await db.compact();
    const before = db.stats().filters;
    const probes = 30_000;
    for (let i = 0; i < probes; i++) expect(db.hasSync(`key-${i * 2 + 1}`)).toBe(false);
    const after = db.stats().filters;
    const asked = after.negatives + after.falsePositives - before.negatives - before.falsePositives;
    expect(asked).toBeGreaterThan(probes * 0.9);
    const rate = (after.falsePositives - before.falsePositives) / asked;
    // 996 false positives are expected: 20 % are six standard deviations.
    const stated = splitBlock.rate(8).falsePositiveRate;
    expect(rate / stated).toBeGreaterThan(0.8);
    expect(rate / stated).toBeLessThan(1.2);
  });

  it('trap-A18: an empty value is a value', async () => {
    const db = await openInMemory();
    db.putSync('k', '');
    for (let round = 0; round < 2; round++) {
      expect(db.getSync('k')).toEqual(Buffer.alloc(0));
      expect(db.hasSync('k')).toBe(true);
      expect(pairs(db)).toEqual(['k=']);
      await db.flush();
    }
  });
});

/** Runs a script against a database in another process and kills it with SIGKILL at the end. */
function runAndCrash(directory: string, script: string, durability = 'os'): void {
  const source = `
    import { open } from '@lsm/engine';
    const db = await open(${JSON.stringify(directory)}, { memoryBytes: 1 << 20, memtableBytes: 65536, durability: ${JSON.stringify(durability)} });
    ${script}
    process.kill(process.pid, 'SIGKILL');
  `;
  const { signal, stderr } = spawnSync(
    process.execPath,
    ['--conditions=@lsm/source', '--input-type=module', '-e', source],
    { cwd: import.meta.dirname, encoding: 'utf8' },
  );
  if (signal !== 'SIGKILL') throw new Error(`The script ended by itself: ${stderr}`);
}
