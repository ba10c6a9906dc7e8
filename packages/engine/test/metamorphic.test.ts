/**
 * One list of operations under many configurations: block sizes, memtables, filters, codecs, caches, strategies,
 * durabilities and executors may change how fast an answer comes, never the answer.
 */

import { type Db, type OpenOptions, open } from '@lsm/engine';
import { nodeFileSystem } from '@lsm/fs';
import {
  arbitraryOperations,
  type DatabaseAdapter,
  type DatabaseOperation,
  runOperations,
} from '@lsm/testkit';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TINY, temporaryDirectory } from './support/open.ts';
import { type DrivenDatabase, STRATEGIES, simulatedAdapter } from './support/simulated-database.ts';

const SEED = Number(process.env['LSM_SEED'] ?? 20_261_121);
const SCALE = Number(process.env['LSM_RUNS'] ?? 1);

const CONFIGURATIONS: readonly OpenOptions[] = [
  { compaction: 'leveled', filter: 'monkey' },
  { compaction: 'tiered', filter: { bitsPerKey: 10 } },
  { compaction: 'hybrid', filter: { perLevel: [0.001, 0.01, 0.05] } },
  { compaction: 'leveled', filter: { perLevel: ['split-block', 'fuse8'], oldest: 'hash-index' } },
  { compaction: 'tiered', filter: { perLevel: ['none', { kind: 'bloom', bitsPerKey: 3 }] } },
  { compaction: 'leveled', blockBytes: 65_536, compression: 'lz4' },
  { compaction: 'tiered', blockBytes: 4096, compression: 'lz4', reads: 'async' },
  { compaction: 'hybrid', blockBytes: 256, compression: 'none', reads: 'async' },
  { compaction: 'leveled', memtableBytes: 4096, memtable: 'hash' },
  { compaction: 'tiered', memtableBytes: 4 << 20, memoryBytes: 32 << 20 },
  { compaction: 'hybrid', memtableBytes: 65_536, memtable: 'hash', durability: 'fsync' },
  { compaction: 'leveled', durability: 'memory', filter: { bitsPerKey: 0 } },
  { compaction: 'tiered', cacheBytes: 65_536, blockBytes: 16_384, reads: 'async' },
  { compaction: 'hybrid', cacheBytes: 8 << 20, memoryBytes: 32 << 20 },
  { compaction: 'leveled', indexBytes: 0, filter: 'monkey', memtableBytes: 4096 },
  { compaction: 'tiered', maxTasks: 8, memtableBytes: 4096, compression: ['none', 'lz4'] },
  { compaction: 'hybrid', tableBytes: 1 << 20, durability: 'fsync', memtable: 'hash' },
  { compaction: { strategy: 'leveled', ratio: 3 }, durability: 'memory', memtable: 'hash' },
];

const [lists] = [
  fc.sample(
    arbitraryOperations({
      maxLength: 400,
      strategies: STRATEGIES.length,
      crashes: false,
      valueBytesMax: 120,
    }),
    { numRuns: Math.ceil(24 * SCALE), seed: SEED },
  ),
];

describe(`the same operations (seed ${SEED})`, () => {
  it('give the same answers under sixteen configurations', { timeout: 600_000 }, async () => {
    for (const [index, operations] of lists.entries()) {
      const expected = await transcriptOf({}, operations);
      for (const options of CONFIGURATIONS) {
        const found = await transcriptOf(options, operations);
        expect(found, `list ${index}, ${JSON.stringify(options)}`).toEqual(expected);
      }
    }
  });

  it('give the same answers with the combined index on and off', { timeout: 600_000 }, async () => {
    // Larger values and no merges but those that the lists ask for: many runs.
    const longLists = fc.sample(
      arbitraryOperations({ maxLength: 600, crashes: false, valueBytesMax: 1000 }),
      { numRuns: Math.ceil(10 * SCALE), seed: SEED },
    );
    const keptApart = { strategy: 'tiered', ratio: 30, maxSpaceAmplification: 100 } as const;
    let skipped = 0;
    for (const [index, operations] of longLists.entries()) {
      const compaction = index % 4 === 0 ? ('hybrid' as const) : keptApart;
      const options = { compaction, memtableBytes: 4096, filter: { bitsPerKey: 4 } };
      const expected = await transcriptOf({ ...options, combinedIndex: 'off' }, operations);
      let most = 0;
      const on = await transcriptOf({ ...options, combinedIndex: 'always' }, operations, (db) => {
        most = Math.max(most, db.stats().counters.runsSkipped);
      });
      expect(on, `list ${index}`).toEqual(expected);
      skipped += most;
    }
    // The index was there and spared runs.
    expect(skipped).toBeGreaterThan(200);
  });

  it('give the same answers with a worker and real files', { timeout: 600_000 }, async () => {
    for (const operations of lists.slice(0, 3)) {
      const expected = await transcriptOf({}, operations);
      for (const executor of ['worker', 'inline'] as const) {
        const directory = temporaryDirectory();
        const options = { ...TINY, memtableBytes: 4096, executor };
        const adapter: DatabaseAdapter = {
          durability: 'os',
          open: (fs) => open(directory, { ...options, fs }) as never,
          swapStrategy: (db, strategy) =>
            (db as never as Awaited<ReturnType<typeof open>>).setCompaction(STRATEGIES[strategy]!),
        };
        const report = await runOperations(adapter, operations, { fs: nodeFileSystem() });
        expect(report.transcript).toEqual(expected);
      }
    }
  });
});

/** @param observe - called with the open database between operations */
async function transcriptOf(
  options: OpenOptions,
  operations: readonly DatabaseOperation[],
  observe: (db: Db) => void = () => {},
): Promise<readonly string[]> {
  const adapter = simulatedAdapter({ seed: SEED, ...options });
  const observed: typeof adapter = {
    ...adapter,
    checkInvariants(database) {
      observe((database as DrivenDatabase).db);
      return adapter.checkInvariants?.(database);
    },
  };
  return (await runOperations(observed, operations)).transcript;
}
