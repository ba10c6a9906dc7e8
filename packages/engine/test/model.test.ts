/**
 * Random operation lists against the engine and the model, in simulation: every answer has to agree.
 *
 * Lists are arrays of plain records, drawn and shrunk by fast-check. Its `commands` would add nothing here: they are for
 * commands that only some states allow, and every operation of these lists is allowed in every state (operations.ts),
 * so that each part of a failing list is a list, too. In return a failure prints as JSON, runs on anything that the
 * interpreter has an adapter for, and the same lists drive the metamorphic, crash and fault tests.
 *
 * A failure prints the seed and the path of the smallest list that fails. `LSM_SEED=<seed> LSM_PATH=<path>` runs that
 * one alone, `LSM_NO_SHRINK=1` stops at the first, `LSM_TRACE=<file>` leaves the list that was last begun,
 * `LSM_PRINT=1` prints how often each operation was made, `LSM_RUNS=10` tries ten times as many lists.
 */

import { writeFileSync } from 'node:fs';
import { arbitraryOperations, runOperations } from '@lsm/testkit';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { STRATEGIES, simulatedAdapter } from './support/simulated-database.ts';

/** Scales how many lists are tried; 1 is what CI runs. */
const SCALE = Number(process.env['LSM_RUNS'] ?? 1);
const SEED = Number(process.env['LSM_SEED'] ?? Date.now() % 1_000_000_007);

/** What lists consist of. */
const KINDS = [
  'batch',
  'compact',
  'crash',
  'cursorClose',
  'cursorNext',
  'cursorOpen',
  'cursorSeek',
  'del',
  'delRange',
  'flush',
  'get',
  'getMany',
  'put',
  'reopen',
  'scan',
  'settle',
  'snapshotClose',
  'snapshotOpen',
  'swap',
  'sync',
];

describe(`any list of operations (seed ${SEED})`, () => {
  it('gives the answers of the model', { timeout: 600_000 }, async () => {
    const counts = new Map<string, number>();
    let longest = 0;
    await fc.assert(
      fc.asyncProperty(
        arbitraryOperations({ maxLength: 200, strategies: STRATEGIES.length }),
        fc.record({
          seed: fc.nat(),
          durability: fc.constantFrom('memory', 'os', 'fsync'),
          memtable: fc.constantFrom('art', 'hash'),
          reads: fc.constantFrom('sync', 'async'),
          compaction: fc.constantFrom(...STRATEGIES),
        }),
        async (operations, options) => {
          if (process.env['LSM_TRACE'] !== undefined)
            writeFileSync(process.env['LSM_TRACE'], JSON.stringify([operations, options]));
          longest = Math.max(longest, operations.length);
          const report = await runOperations(simulatedAdapter(options), operations);
          for (const [name, count] of report.counts) {
            counts.set(name, (counts.get(name) ?? 0) + count);
          }
        },
      ),
      {
        numRuns: Math.ceil(1000 * SCALE),
        seed: SEED,
        endOnFailure: process.env['LSM_NO_SHRINK'] !== undefined,
        ...replay(),
      },
    );
    if (process.env['LSM_PRINT'] !== undefined) console.log(counts);
    if (process.env['LSM_PATH'] !== undefined) return;
    // Each kind of operation, far more often than once in a hundred lists, and lists of the full length.
    expect([...counts.keys()].toSorted()).toEqual(KINDS);
    for (const [kind, count] of counts) expect(count, kind).toBeGreaterThan(100 * SCALE);
    expect(longest).toBeGreaterThan(150);
  });
});

function replay(): { path?: string } {
  const path = process.env['LSM_PATH'];
  return path === undefined ? {} : { path };
}
