/** The combined index over the newest runs: right whatever the tree does, built by lookups, bounded, without effect on errors. */
import { seededRandom } from '@lsm/core';
import { type Db, type OpenOptions, open, type Snapshot } from '@lsm/engine';
import { memoryFileSystem } from '@lsm/fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CombinedIndex } from '../src/read/combined-index.ts';
import { RunView } from '../src/tree/run-view.ts';
import type { TableFile } from '../src/tree/table-file.ts';
import { openInMemory, TINY, text } from './support/open.ts';

const SEED = Number(process.env['LSM_SEED'] ?? 20_261_121);
/** Merges nothing of its own accord. */
const APART: OpenOptions = {
  compaction: {
    strategy: 'tiered',
    ratio: 100,
    maxMergeWidth: 200,
    maxRuns: 200,
    maxSpaceAmplification: 100,
  },
};

const key = fc.nat(80).map((i) => `k${i}`);
const step = fc.oneof(
  { weight: 20, arbitrary: fc.record({ op: fc.constant('put' as const), key }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('del' as const), key }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('range' as const), key }) },
  { weight: 5, arbitrary: fc.record({ op: fc.constant('flush' as const) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('compact' as const), key }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('snapshot' as const) }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('read' as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
const ALL = Array.from({ length: 81 }, (_, i) => `k${i}`);

/** Database and model side by side. */
class Pair {
  readonly db: Db;
  model = new Map<string, string>();
  readonly past: [Snapshot, Map<string, string>][] = [];
  #count = 0;

  constructor(db: Db) {
    this.db = db;
  }

  async take(action: Step): Promise<void> {
    const { db, model } = this;
    if (action.op === 'put') {
      const value = `${++this.#count}`;
      db.putSync(action.key, value);
      model.set(action.key, value);
    } else if (action.op === 'del') {
      db.delSync(action.key);
      model.delete(action.key);
    } else if (action.op === 'range') {
      db.delRangeSync({ gte: action.key, lt: `${action.key}5` });
      for (const name of model.keys()) {
        if (name >= action.key && name < `${action.key}5`) model.delete(name);
      }
    } else if (action.op === 'flush') await db.flush();
    else if (action.op === 'compact') await db.compact({ lt: action.key });
    else if (action.op === 'snapshot') this.past.push([db.snapshot(), new Map(model)]);
    else this.check();
  }

  check(): void {
    const { db, model } = this;
    for (const [snapshot, then] of [...this.past, [undefined, model] as const]) {
      const expected = ALL.map((name) => then.get(name));
      expect(ALL.map((name) => text(db.getSync(name, { snapshot })))).toEqual(expected);
      expect(db.getManySync(ALL, { snapshot }).map(text)).toEqual(expected);
    }
  }
}

describe(`the combined index (seed ${SEED})`, () => {
  it('changes no answer, now or in snapshots, through flushes, merges and range deletes', async () => {
    let skipped = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 40, maxLength: 250, size: 'max' }),
        async (steps) => {
          const db = await open('/db', {
            ...TINY,
            ...APART,
            combinedIndex: 'always',
            fs: memoryFileSystem(),
          });
          const pair = new Pair(db);
          for (const action of steps) await pair.take(action);
          pair.check();
          skipped += db.stats().counters.runsSkipped;
          await db.close();
        },
      ),
      { numRuns: 25, seed: SEED },
    );
    expect(skipped).toBeGreaterThan(5000);
  });

  it('is built by the lookups of its own accord, grows with flushes, and keeps to its memory', async () => {
    const indexBytes = 65_536;
    const db = await openInMemory({ ...APART, indexBytes, memoryBytes: 4 << 20 });
    const lookUp = (): void => {
      for (let i = 0; i < 20_000; i++) db.getSync(`k${i % 900}`);
    };
    const flushed = async (from: number): Promise<void> => {
      for (let i = 0; i < 100; i++) db.putSync(`k${from + i}`, 'v');
      await db.flush();
    };
    for (let run = 0; run < 3; run++) await flushed(run * 100);
    lookUp();
    // Two runs beside the oldest are not worth it.
    expect(db.stats().memory.combinedIndexBytes).toBe(0);
    for (let run = 3; run < 8; run++) await flushed(run * 100);
    lookUp();
    const before = db.stats();
    expect(before.memory.combinedIndexBytes).toBeGreaterThan(0);
    lookUp();
    const { runsProbed, runsSkipped } = db.stats().counters;
    // Of eight runs, each key is asked for in one or two.
    expect(runsProbed - before.counters.runsProbed).toBeLessThan(2.5 * 20_000);
    expect(runsSkipped - before.counters.runsSkipped).toBeGreaterThan(3 * 20_000);
    for (let run = 0; run < 40; run++) {
      await flushed(run * 20);
      lookUp();
      expect(db.stats().memory.combinedIndexBytes).toBeLessThanOrEqual(indexBytes / 4);
    }
    for (let i = 0; i < 880; i++) expect(text(db.getSync(`k${i}`))).toBe('v');
    await db.compact();
    lookUp();
    expect(db.stats().memory.combinedIndexBytes).toBe(0);
  });

  it('is not built with off, nor where no read may block', async () => {
    for (const options of [
      { combinedIndex: 'off' },
      { combinedIndex: 'always', reads: 'async' },
    ] as const) {
      const db = await openInMemory({ ...APART, ...options });
      for (let run = 0; run < 8; run++) {
        db.putSync(`k${run}`, 'v');
        await db.flush();
      }
      for (let i = 0; i < 2000; i++) expect(text(await db.get('k0'))).toBe('v');
      expect(db.stats().memory.combinedIndexBytes).toBe(0);
    }
  });

  it('takes in runs of many versions of one key, and of more entries than a slice', async () => {
    const db = await openInMemory({
      ...APART,
      combinedIndex: 'always',
      memoryBytes: 16 << 20,
      memtableBytes: 1 << 20,
    });
    for (let run = 0; run < 5; run++) {
      for (let i = 0; i < 600; i++) {
        db.putSync('versions', `${run} ${i}`);
        db.snapshot();
      }
      for (let i = 0; i < 700; i++) db.putSync(`${run} ${i}`, `${i}`);
      await db.flush();
    }
    expect(text(db.getSync('versions'))).toBe('4 599');
    for (let run = 0; run < 5; run++) {
      for (let i = 0; i < 700; i += 7) expect(text(db.getSync(`${run} ${i}`))).toBe(`${i}`);
    }
    expect(db.stats().counters.runsSkipped).toBeGreaterThan(500);
  });

  it('leaves out a table that cannot be read: lookups of other keys go on, those of its keys are told', async () => {
    const fs = memoryFileSystem();
    const options = { ...TINY, ...APART, combinedIndex: 'always' as const, fs };
    const db = await open('/db', options);
    for (let run = 0; run < 6; run++) {
      for (let i = 0; i < 50; i++) db.putSync(`${run} ${i}`, 'v');
      await db.flush();
    }
    await db.close();
    const [damaged] = fs
      .listSync('/db')
      .filter((name) => name.endsWith('.sst'))
      .sort()
      .slice(3);
    const handle = fs.openSync(`/db/${damaged}`, 'write');
    const byte = new Uint8Array(1);
    handle.readSync(byte, 0, 1, 100);
    byte[0]! ^= 1;
    handle.writeSync(byte, 0, 1, 100);
    handle.close();
    const again = await open('/db', options);
    for (let i = 0; i < 50; i++) expect(text(again.getSync(`5 ${i}`))).toBe('v');
    expect(() => Array.from({ length: 50 }, (_, i) => again.getSync(`3 ${i}`))).toThrow(
      expect.objectContaining({ code: 'LSM_CORRUPTION' }),
    );
    await again.close();
  });
});

/** A run of tables with these numbers. */
function runOf(numbers: readonly number[], rangeTombstones = 0): RunView {
  const files = numbers.map((id) => {
    const bound = new Uint8Array([id]);
    return { metadata: { id, minKey: bound, maxKey: bound, rangeTombstones } };
  });
  return new RunView(1, 0, files as never as TableFile[]);
}

describe('CombinedIndex', () => {
  it('names the highest slot of a key, and none that a key was not in', () => {
    const random = seededRandom(SEED);
    const hashes = Array.from(
      { length: 3000 },
      () => [random.next() | 0, random.next() | 0] as const,
    );
    const index = new CombinedIndex(6000);
    const newest = new Map<number, number>();
    for (let slot = 1; slot <= 6; slot++) {
      index.begin(1000);
      for (let i = 0; i < 1000; i++) {
        const at = random.next() % 2500;
        index.add(...hashes[at]!);
        newest.set(at, slot);
      }
      index.finish([]);
    }
    for (const [at, hash] of hashes.entries()) {
      expect(index.newest(...hash)).toBe(newest.get(at) ?? 0);
    }
    expect(index.hasRoom(1, 1)).toBe(false);
    expect(() => index.begin(1)).toThrow(expect.objectContaining({ code: 'LSM_INTERNAL' }));
  });

  it('keeps every key when all of them share a home, around the end of the table too', () => {
    for (const low of [0, -1, 0x7fff_ffff]) {
      const index = new CombinedIndex(200);
      index.begin(200);
      for (let i = 0; i < 200; i++) index.add(low, i << 8);
      index.finish([]);
      for (let i = 0; i < 200; i++) expect(index.newest(low, i << 8)).toBe(1);
      expect(index.newest(low, 200 << 8)).toBe(0);
    }
  });

  it('counts a run as taken in only if all of its tables were, at the lowest slot of theirs', () => {
    const index = new CombinedIndex(10);
    const first = runOf([1, 2]);
    const second = runOf([3]);
    for (const run of [first, second]) {
      expect(index.slotOf(run)).toBe(0);
      index.begin(1);
      index.finish(run.files);
    }
    expect([first, second].map((run) => index.slotOf(run))).toEqual([1, 2]);
    // What merges and moves leave of them: part of one, parts of both, part of one with a new table.
    expect(index.slotOf(runOf([2]))).toBe(1);
    expect(index.slotOf(runOf([2, 3]))).toBe(1);
    expect(index.slotOf(runOf([3, 4]))).toBe(0);
    expect(index.slotOf(runOf([4]))).toBe(0);
    expect(index.slotOf(runOf([3], 1))).toBe(0);
  });
});
