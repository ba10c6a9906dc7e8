/**
 * The suite over settings drawn at random. `LSM_RUNS=10` draws ten times as many, `LSM_SEED` others; the name of a suite
 * that fails has the settings in it.
 */

import { TABLE_PICKERS } from '@lsm/compaction';
import { type LeveledSettings, leveled } from '@lsm/compaction-leveled';
import { compactionStrategyConformance } from '@lsm/testkit';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const SEED = Number(process.env['LSM_SEED'] ?? 1);
const numRuns = 2 * Number(process.env['LSM_RUNS'] ?? 1);
const tools = { describe, it, expect };

const settings: fc.Arbitrary<Partial<LeveledSettings>> = fc.record(
  {
    ratio: fc.double({ min: 2, max: 30, noNaN: true }),
    level0Runs: fc.integer({ min: 1, max: 11 }),
    // A base level smaller than a flush (4,000 bytes) is never within its target.
    baseBytes: fc.oneof(fc.constant(0), fc.integer({ min: 4000, max: 100_000 })),
    lastLevel: fc.integer({ min: 1, max: 12 }),
    picker: fc.constantFrom(...TABLE_PICKERS),
  },
  { requiredKeys: [] },
);

for (const drawn of fc.sample(settings, { numRuns, seed: SEED })) {
  compactionStrategyConformance(() => leveled(drawn), tools, {
    name: `leveled(${JSON.stringify(drawn)})`,
    effort: 0.15,
    outlivesSnapshots: true,
    // The formulas are off by more at the ends of these ranges: up to 4 times for leveled compaction.
    predicts: false,
  });
}
