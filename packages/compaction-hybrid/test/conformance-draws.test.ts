/**
 * The suite over settings drawn at random. `LSM_RUNS=10` draws ten times as many, `LSM_SEED` others; the name of a suite
 * that fails has the settings in it.
 */
import { type HybridSettings, hybrid } from '@lsm/compaction-hybrid';
import { compactionStrategyConformance } from '@lsm/testkit';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const SEED = Number(process.env['LSM_SEED'] ?? 1);
const numRuns = 2 * Number(process.env['LSM_RUNS'] ?? 1);
const tools = { describe, it, expect };

/** One value for all levels, or a list for the upper ones. */
function perLevel(min: number, max: number): fc.Arbitrary<number | number[]> {
  const one = fc.integer({ min, max });
  return fc.oneof(one, fc.array(one, { minLength: 1, maxLength: 4 }));
}

/** Members of the family: K and Z are at most T − 1. */
const settings: fc.Arbitrary<Partial<HybridSettings>> = perLevel(2, 16).chain((ratio) => {
  const runsMax = Math.min(...[ratio].flat()) - 1;
  return fc.record(
    {
      ratio: fc.constant(ratio),
      upperRuns: perLevel(1, runsMax),
      lastRuns: fc.integer({ min: 1, max: runsMax }),
      level0Runs: fc.integer({ min: 1, max: 11 }),
      lastLevel: fc.integer({ min: 2, max: 12 }),
    },
    { requiredKeys: ['ratio', 'upperRuns', 'lastRuns'] },
  );
});

/** Found by drawing: a lone idle run of a level was moved within the level for ever while the others were busy. */
const FOUND: readonly Partial<HybridSettings>[] = [
  { upperRuns: 1, lastRuns: 6, level0Runs: 6, lastLevel: 2 },
];

for (const drawn of [...FOUND, ...fc.sample(settings, { numRuns, seed: SEED })]) {
  compactionStrategyConformance(() => hybrid(drawn), tools, {
    name: `hybrid(${JSON.stringify(drawn)})`,
    effort: 0.15,
    outlivesSnapshots: true,
    predicts: false,
  });
}
