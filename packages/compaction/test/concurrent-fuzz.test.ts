/**
 * The concurrent fuzz of all admission and drop rules, and the proof that it notices when one is missing. More seeds:
 * `FUZZ_SEEDS=20000 vitest run packages/compaction/test/concurrent-fuzz.test.ts`; a single one: `FUZZ_FIRST=<seed>`.
 */
import { describe, expect, test } from 'vitest';
import type { SimulatorRules } from '../src/simulator.ts';
import { type FuzzResult, fuzz } from './concurrent-fuzz.ts';

const FIRST = Number(process.env['FUZZ_FIRST'] ?? 1);
const SEEDS = Number(process.env['FUZZ_SEEDS'] ?? 1500);
/** Seeds that a mutant may survive. */
const MUTANT_SEEDS = 1500;

/** The first seed from `first` on that fails under the given rules; `null` if none does. */
function firstFailure(rules: SimulatorRules, first = 1, lossy = false): number | null {
  for (let seed = first; seed < first + MUTANT_SEEDS; seed++) {
    if (fuzz(seed, { rules, lossy }).failure !== null) return seed;
  }
  return null;
}

describe('any tasks, any order', { timeout: 600_000 }, () => {
  test('never give a wrong read', () => {
    const sum = { admitted: 0, rejected: 0, commits: 0, aborts: 0, reads: 0 };
    for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
      const result: FuzzResult = fuzz(seed);
      expect(result.failure, `seed ${seed}`).toBe(null);
      for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += result[name];
    }
    // A generator that only draws nonsense, or only what is legal, proves little.
    expect(sum.commits / SEEDS).toBeGreaterThan(4);
    expect(sum.rejected).toBeGreaterThan(sum.admitted);
    expect(sum.aborts).toBeGreaterThan(SEEDS / 4);
  });

  test('never bring back older data in a tree that allows loss', () => {
    for (let seed = 1; seed <= SEEDS / 4; seed++) {
      expect(fuzz(seed, { lossy: true }).failure, `seed ${seed}`).toBe(null);
    }
  });

  test('replay exactly from a seed', () => {
    expect(fuzz(4)).toEqual(fuzz(4));
  });
});

describe('without a rule the fuzz fails', { timeout: 60_000 }, () => {
  // Rare ones start near a seed that is known to kill them.
  const mutants: readonly (readonly [string, SimulatorRules, number])[] = [
    ['A2 no-jump', { admission: { noJump: false } }, 1],
    ['A3 fit', { admission: { fit: false } }, 1],
    ['A4 disjoint in flight', { admission: { inFlight: 'off' } }, 1],
    ['A4 beyond hulls', { admission: { inFlight: 'hulls' } }, 1],
    ['A4 beyond staircases', { admission: { inFlight: 'staircases' } }, 500],
    ['A5 disjoint moves', { admission: { disjointMoves: false } }, 1],
    ['D1 snapshots', { drop: { snapshots: false } }, 1],
    ['D2 older runs', { drop: { olderRuns: false } }, 1],
    ['D3 older runs', { drop: { olderRunsOfRanges: false } }, 1],
    ['D3 snapshots', { drop: { snapshotsOfRanges: false } }, 1],
  ];

  test.each(mutants)('%s', (_, rules, first) => {
    expect(firstFailure(rules, first)).not.toBe(null);
  });

  test('A6 drop suffix', () => {
    expect(firstFailure({ admission: { dropSuffix: false } }, 1, true)).not.toBe(null);
  });
});
