/**
 * The suite over settings drawn at random. `LSM_RUNS=10` draws ten times as many, `LSM_SEED` others; the name of a suite
 * that fails has the settings in it.
 */
import { type FifoSettings, fifo } from '@lsm/compaction-fifo';
import { compactionStrategyConformance } from '@lsm/testkit';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const SEED = Number(process.env['LSM_SEED'] ?? 1);
const numRuns = 2 * Number(process.env['LSM_RUNS'] ?? 1);
const tools = { describe, it, expect };

const settings: fc.Arbitrary<Partial<FifoSettings>> = fc.record(
  {
    maxAgeMs: fc.integer({ min: 0, max: 200_000 }),
    maxBytes: fc.oneof(fc.constant(0), fc.integer({ min: 4000, max: 200_000 })),
    windowMs: fc.integer({ min: 0, max: 60_000 }),
    mergeRuns: fc.integer({ min: 2, max: 12 }),
  },
  { requiredKeys: [] },
);

for (const drawn of fc.sample(settings, { numRuns, seed: SEED })) {
  compactionStrategyConformance(() => fifo(drawn), tools, {
    name: `fifo(${JSON.stringify(drawn)})`,
    effort: 0.15,
    outlivesSnapshots: true,
  });
}
