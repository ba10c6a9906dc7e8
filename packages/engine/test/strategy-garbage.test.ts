/**
 * Strategies that answer garbage, on the real engine: nothing is lost, nothing hangs, and what breaks the contract is
 * quarantined with a reason that its author understands. `LSM_RUNS=10` runs the random ones from ten seeds instead of one;
 * `LSM_SEED` gives another first seed.
 */
import { seededRandom } from '@lsm/core';
import { expect, it } from 'vitest';
import { FAULTS, faulty, garbage } from './support/garbage-strategies.ts';
import { strategyLoad } from './support/strategy-load.ts';

const SEEDS = Number(process.env['LSM_RUNS'] ?? 1);
const SEED = Number(process.env['LSM_SEED'] ?? 1);

it.each(Object.keys(FAULTS))('a strategy that %s', async (name) => {
  const { outcome, reason } = FAULTS[name]!;
  const random = seededRandom(SEED);
  const make = (): ReturnType<typeof faulty> => faulty(name, random);
  const options = { seed: SEED, keys: 300, make, persists: false };
  const report = await strategyLoad({ ...options, operations: 2500 });
  expect(report.flushes).toBeGreaterThan(8);
  if (outcome === 'harmless') {
    expect(report.reasons).toEqual([]);
    return;
  }
  // Once, and once more after each reopening.
  expect(report.reasons.length).toBeGreaterThan(0);
  expect(report.reasons.length).toBeLessThanOrEqual(1 + report.reopenings);
  for (const told of report.reasons) expect(told).toMatch(reason!);
});

it.each(Array.from({ length: SEEDS }, (_, i) => SEED + i))(
  'a strategy of random garbage loses nothing in 100,000 operations, seed %d',
  { timeout: 120_000 },
  async (seed) => {
    const report = await strategyLoad({ seed, operations: 100_000, make: garbage });
    const kinds = new Set(report.reasons.map((reason) => reason.replaceAll(/\d+/g, '#')));
    if (process.env['LSM_PRINT'] !== undefined) {
      console.info({ ...report, reasons: report.reasons.length });
      console.info([...kinds].toSorted().join('\n'));
    }
    expect(report.reasons.length).toBeGreaterThan(30);
    expect(kinds.size).toBeGreaterThan(15);
    expect(report.compactions).toBeGreaterThan(1000);
    expect(report.reopenings).toBeGreaterThan(10);
    // Each is a sentence that names the method, the task or the rule.
    for (const reason of report.reasons) {
      expect(reason).toMatch(
        /^(plan|assess|flush|initialState) |^Task|tasks? .*refused|^The state/i,
      );
    }
  },
);
