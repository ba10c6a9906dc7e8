/**
 * The suite over settings drawn at random. `LSM_RUNS=10` draws ten times as many, `LSM_SEED` others; the name of a suite
 * that fails has the settings in it.
 */
import { type TieredSettings, tiered } from '@lsm/compaction-tiered';
import { compactionStrategyConformance } from '@lsm/testkit';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const SEED = Number(process.env['LSM_SEED'] ?? 1);
const numRuns = 2 * Number(process.env['LSM_RUNS'] ?? 1);
const tools = { describe, it, expect };

const settings: fc.Arbitrary<Partial<TieredSettings>> = fc
  .record({
    ratio: fc.double({ min: 2, max: 16, noNaN: true }),
    minMergeWidth: fc.integer({ min: 2, max: 16 }),
    maxMergeWidth: fc.integer({ min: 0, max: 20 }),
    maxRuns: fc.integer({ min: 2, max: 40 }),
    maxSpaceAmplification: fc.double({ min: 1.1, max: 10, noNaN: true }),
  })
  .map((drawn) => ({ ...drawn, maxMergeWidth: drawn.minMergeWidth + drawn.maxMergeWidth }));

for (const drawn of fc.sample(settings, { numRuns, seed: SEED })) {
  compactionStrategyConformance(() => tiered(drawn), tools, {
    name: `tiered(${JSON.stringify(drawn)})`,
    effort: 0.15,
    outlivesSnapshots: true,
    predicts: false,
  });
}
