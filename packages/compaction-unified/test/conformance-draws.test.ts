/**
 * The suite over settings drawn at random. `LSM_RUNS=10` draws ten times as many, `LSM_SEED` others; the name of a suite
 * that fails has the settings in it.
 */
import { type UnifiedSettings, unified } from '@lsm/compaction-unified';
import { compactionStrategyConformance } from '@lsm/testkit';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const SEED = Number(process.env['LSM_SEED'] ?? 1);
const numRuns = 2 * Number(process.env['LSM_RUNS'] ?? 1);
const tools = { describe, it, expect };

const scaling = fc.oneof(
  fc.integer({ min: 2, max: 12 }).map((t) => `T${t}` as const),
  fc.integer({ min: 2, max: 12 }).map((l) => `L${l}` as const),
  fc.constant('N' as const),
);
const settings: fc.Arbitrary<Partial<UnifiedSettings>> = fc.record(
  {
    scaling: fc.oneof(scaling, fc.array(scaling, { minLength: 1, maxLength: 4 })),
    baseShards: fc.integer({ min: 1, max: 16 }),
    growth: fc.double({ min: 0, max: 1, noNaN: true }),
  },
  { requiredKeys: [] },
);

for (const drawn of fc.sample(settings, { numRuns, seed: SEED })) {
  compactionStrategyConformance(() => unified(drawn), tools, {
    name: `unified(${JSON.stringify(drawn)})`,
    effort: 0.15,
    outlivesSnapshots: true,
    predicts: false,
  });
}
