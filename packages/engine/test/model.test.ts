/** Random operation lists against the engine and the model, in simulation: every answer has to agree. */

import { writeFileSync } from 'node:fs';
import { arbitraryOperations, runOperations } from '@lsm/testkit';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { STRATEGIES, simulatedAdapter } from './support/simulated-database.ts';

/** LSM_RUNS scales how many lists are tried; 1 is what CI runs. */
const SCALE = Number(process.env['LSM_RUNS'] ?? 1);
const SEED = Number(process.env['LSM_SEED'] ?? Date.now() % 1_000_000_007);

describe(`any list of operations (seed ${SEED})`, () => {
  it('gives the answers of the model', { timeout: 600_000 }, async () => {
    const counts = new Map<string, number>();
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
    expect(counts.size).toBe(20);
  });
});

function replay(): { path?: string } {
  const path = process.env['LSM_PATH'];
  return path === undefined ? {} : { path };
}
