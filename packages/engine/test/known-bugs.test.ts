/**
 * Mistakes that young storage engines make, where no other test has the name of the mistake; the whole list is in
 * docs/testing.md.
 */
import { isLsmError, seededRandom } from '@lsm/core';
import { joinPath } from '@lsm/fs';
import { readManifest } from '@lsm/manifest';
import {
  arbitraryOperations,
  runOperations,
  SimulatedFileSystem,
  SURVIVAL_VARIANTS,
} from '@lsm/testkit';
import { readSegment } from '@lsm/wal';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openInMemory, pairs, text } from './support/open.ts';
import {
  DIRECTORY,
  type DrivenDatabase,
  openSimulated,
  type SimulationOptions,
  STRATEGIES,
  simulatedAdapter,
} from './support/simulated-database.ts';
import { unlocked } from './support/simulated-scripts.ts';

const YEARS_10 = 10 * 365 * 86_400_000;

/** The highest sequence number and the highest file number that a directory holds. */
function highestIn(fs: SimulatedFileSystem): { sequence: number; file: number } {
  if (fs.statSync(joinPath(DIRECTORY, 'CURRENT')) === null) return { sequence: 0, file: 0 };
  const { state } = readManifest(fs, DIRECTORY);
  let sequence = state.lastSequence;
  let file = state.nextNumber - 1;
  for (const table of state.version.tables()) sequence = Math.max(sequence, table.maxSequence);
  for (const name of fs.listSync(DIRECTORY)) {
    const number = Number(/^(\d{6,})\.(?:log|sst)$/.exec(name)?.[1] ?? 0);
    file = Math.max(file, number);
    if (!name.endsWith('.log')) continue;
    for (const frame of readSegment(fs, joinPath(DIRECTORY, name), { number }).frames) {
      sequence = Math.max(sequence, frame.firstSequence + frame.count - 1);
    }
  }
  return { sequence, file };
}

function tableFiles(fs: SimulatedFileSystem): string[] {
  if (fs.statSync(DIRECTORY) === null) return [];
  return fs.listSync(DIRECTORY).filter((name) => name.endsWith('.sst'));
}

describe('numbers', () => {
  it('never repeat, also after tails were cut: those of writes and those of files', async () => {
    const random = seededRandom(28);
    let losses = 0;
    for (let history = 0; history < 24; history++) {
      let fs = new SimulatedFileSystem();
      /** Files made since the power went last: what it took, nobody can know of. */
      const given = new Set<string>();
      for (let life = 0; life < 12; life++) {
        const before = highestIn(fs);
        fs.onOperation = ({ kind, path }) => {
          if (kind !== 'create' || !/\d{6,}\.(?:log|sst)$/.test(path)) return;
          expect(Number(/\d{6,}/.exec(path)![0])).toBeGreaterThan(before.file);
          expect(given.has(path), path).toBe(false);
          given.add(path);
        };
        const driven = await openSimulated(unlocked(fs), { seed: random.next() | 0 });
        for (let i = 0; i < 4; i++) {
          const durability = random.next() % 3 === 0 ? 'fsync' : 'os';
          driven.db.putSync(`k${i}`, `${life}`.repeat(40), { durability });
          if (i === 0) expect(highestIn(fs).sequence).toBeGreaterThan(before.sequence);
        }
        if (random.next() % 3 === 0) await driven.flush();
        if (random.next() % 3 === 0) await driven.compact();
        driven.clock.step();
        fs.onOperation = null;
        const { sequence } = highestIn(fs);
        if (random.next() % 2 === 0) {
          fs = fs.restartProcess();
        } else {
          const variant = SURVIVAL_VARIANTS[random.next() % SURVIVAL_VARIANTS.length]!;
          fs = fs.survivors(variant, random.next());
          given.clear();
          if (highestIn(fs).sequence < sequence) losses++;
        }
      }
    }
    expect(losses).toBeGreaterThan(15);
  });
});

describe('the clock', () => {
  it('may jump by ten years in either direction at any moment: no answer changes', async () => {
    await fc.assert(
      fc.asyncProperty(
        arbitraryOperations({ maxLength: 80, strategies: STRATEGIES.length }),
        fc.nat(),
        async (operations, seed) => {
          const options: SimulationOptions = { seed, memtableBytes: 4096 };
          const still = simulatedAdapter(options);
          const jumping = simulatedAdapter(options);
          const random = seededRandom(seed ^ 30);
          const adapter: typeof jumping = {
            ...jumping,
            checkInvariants(database) {
              const { clock } = database as DrivenDatabase;
              clock.jump(random.next() % 2 === 0 ? YEARS_10 : -YEARS_10);
              jumping.checkInvariants?.(database);
            },
          };
          const expected = await runOperations(still, operations);
          const found = await runOperations(adapter, operations);
          expect(found.transcript).toEqual(expected.transcript);
        },
      ),
      { numRuns: 60, seed: Number(process.env['LSM_SEED'] ?? 30) },
    );
  });
});

describe('a snapshot', () => {
  it('keeps what it sees through flush and merge, whatever the clock says', async () => {
    for (const years of [YEARS_10, -YEARS_10]) {
      for (let jumps = 0; jumps < 8; jumps++) {
        const driven = await openSimulated(new SimulatedFileSystem(), { seed: jumps + 1 });
        const { db, clock } = driven;
        db.putSync('k', 'old');
        const snapshot = db.snapshot();
        if ((jumps & 1) !== 0) clock.jump(years);
        db.putSync('k', 'new');
        if ((jumps & 2) !== 0) clock.jump(years);
        await driven.flush();
        db.delSync('k');
        if ((jumps & 4) !== 0) clock.jump(years);
        await driven.compact();
        expect(text(db.getSync('k', { snapshot }))).toBe('old');
        expect(db.getSync('k')).toBeUndefined();
        await driven.close();
      }
    }
  });
});

describe('recovery', () => {
  it('twenty crashes in a row do not grow the directory, and each finds what the last one left', async () => {
    let fs = new SimulatedFileSystem();
    const value = 'v'.repeat(2000);
    const sizes: number[] = [];
    let leftovers = 0;
    for (let life = 0; life < 20; life++) {
      const tables = tableFiles(fs);
      const driven = await openSimulated(unlocked(fs), { seed: life + 1 });
      const { db, clock } = driven;
      expect(pairs(db)).toEqual(life === 0 ? [] : [`k=${life - 1}${value}`]);
      const found = tableFiles(fs);
      if (tables.some((name) => !found.includes(name))) leftovers++;
      db.putSync('k', `${life}${value}`, { durability: 'fsync' });
      if (life % 4 === 3) {
        await driven.compact();
        await clock.run(db.idle());
        // Without the manifest, which may grow to 64 KiB before it is written anew.
        let size = 0;
        for (const name of fs.listSync(DIRECTORY)) {
          if (!/\.(?:sst|log)$/.test(name)) continue;
          size += fs.statSync(joinPath(DIRECTORY, name))?.size ?? 0;
        }
        sizes.push(size);
        fs = fs.restartProcess();
      } else {
        // The power or the process goes when the table is written and not in the manifest.
        const everything = SURVIVAL_VARIANTS.find(({ name }) => name === 'everything')!;
        let left: SimulatedFileSystem | null = null;
        const before = fs;
        fs.onOperation = ({ kind, path }) => {
          if (kind !== 'sync' || !path.endsWith('.sst')) return;
          left ??= life % 2 === 0 ? before.restartProcess() : before.survivors(everything, life);
        };
        // What happens to the machine that has gone is of no interest.
        await driven.flush().catch(() => undefined);
        before.onOperation = null;
        fs = left ?? fs;
      }
    }
    expect(leftovers).toBeGreaterThan(5);
    for (const size of sizes) expect(size).toBeLessThan(1.5 * sizes[0]!);
  });
});

describe('close', () => {
  it('tells that the last sync failed', async () => {
    const fs = new SimulatedFileSystem();
    const { db, clock } = await openSimulated(fs, { durability: 'os' });
    db.putSync('k', 'v');
    fs.inject({ at: ({ kind }) => kind === 'sync', errno: 'EIO', persistent: true });
    const outcome = await clock.run(
      db.close().then(
        () => null,
        (error: unknown) => error,
      ),
    );
    expect(isLsmError(outcome, 'LSM_COMMIT_UNKNOWN')).toBe(true);
  });
});

describe('keys', () => {
  it('put, deleted and put again are there after every merge', async () => {
    for (let flushes = 0; flushes < 8; flushes++) {
      for (const compaction of STRATEGIES) {
        const db = await openInMemory({ compaction });
        const isThere = async (): Promise<void> => {
          expect(pairs(db)).toEqual(['k=again', 'z=']);
          expect(pairs(db, { reverse: true })).toEqual(['z=', 'k=again']);
          expect(text(db.getSync('k'))).toBe('again');
          expect((await db.getMany(['k'])).map(text)).toEqual(['again']);
        };
        db.putSync('z', '');
        db.putSync('k', 'first');
        if ((flushes & 1) !== 0) await db.flush();
        db.delSync('k');
        if ((flushes & 2) !== 0) await db.flush();
        db.putSync('k', 'again');
        await isThere();
        if ((flushes & 4) !== 0) await db.flush();
        await isThere();
        await db.compact();
        await isThere();
      }
    }
  });

  it('of all lengths from 0 to 4 over six bytes are found, and every prefix bounds its own', async () => {
    const alphabet = [0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff];
    let level: Buffer[] = [Buffer.alloc(0)];
    const keys: Buffer[] = [...level];
    for (let length = 1; length <= 4; length++) {
      level = level.flatMap((key) => alphabet.map((byte) => Buffer.concat([key, Buffer.of(byte)])));
      keys.push(...level);
    }
    expect(keys).toHaveLength(1555);
    const db = await openInMemory({ memtableBytes: 1 << 20 });
    for (const [i, key] of keys.entries()) db.putSync(key, `${i}`);
    const sorted = keys.toSorted((a, b) => Buffer.compare(a, b)).map((key) => key.toString('hex'));
    // From the memtable and from tables.
    for (let round = 0; round < 2; round++) {
      for (const [i, key] of keys.entries()) expect(text(db.getSync(key))).toBe(`${i}`);
      expect([...db.keys()].map((key) => Buffer.from(key).toString('hex'))).toEqual(sorted);
      for (const prefix of keys.filter(({ length }) => length <= 2)) {
        const start = prefix.toString('hex');
        const found = [...db.keys({ prefix })].map((key) => Buffer.from(key).toString('hex'));
        expect(found).toEqual(sorted.filter((key) => key.startsWith(start)));
      }
      await db.compact();
    }
  });

  it('are ordered by their bytes, not as strings are', async () => {
    const db = await openInMemory();
    // In UTF-16, the first code unit of the last one is below that of the one before.
    const keys = ['a', '\u00e9', '\u4e00', '\ue000', '\uffee', '\u{1f600}'];
    const shown = (): string[] => [...db.keys()].map((key) => Buffer.from(key).toString());
    for (const key of keys.toReversed()) {
      db.putSync(key, '');
      // Runs that have to be merged, by the reader and by a merge.
      if (key !== 'a') await db.flush();
    }
    expect(shown()).toEqual(keys);
    expect([...db.keys({ gt: '\uffee' })]).toHaveLength(1);
    await db.compact();
    expect(shown()).toEqual(keys);
    expect(keys.toSorted()).not.toEqual(keys);
  });
});

describe('memtables', () => {
  it('are flushed when they are full: neither never nor at every write', async () => {
    const db = await openInMemory({ memtableBytes: 65_536 });
    const flushed: number[] = [];
    db.on('flushEnd', ({ entries }) => void flushed.push(entries));
    const value = 'x'.repeat(1000);
    for (let i = 0; i < 600; i++) db.putSync(`k${i}`, value);
    await db.idle();
    expect(flushed.length).toBeGreaterThan(8);
    // 65,536 bytes, of which a sixteenth is a table of the index, in frames of about 1,060.
    for (const entries of flushed) {
      expect(entries).toBeGreaterThanOrEqual(46);
      expect(entries).toBeLessThanOrEqual(58);
    }
  });
});
