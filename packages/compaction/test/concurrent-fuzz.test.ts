/**
 * The concurrent fuzz of all admission and drop rules, and the proof that it notices when one is missing or weakened.
 * More seeds: `FUZZ_SEEDS=20000 vitest run packages/compaction/test/concurrent-fuzz.test.ts`; a single one:
 * `FUZZ_SEEDS=1 FUZZ_FIRST=<seed>`. A hundred thousand, with the share of seeds that notice each missing rule:
 * test/long/fuzz.ts.
 */
import { describe, expect, test } from 'vitest';
import { type FuzzResult, fuzz } from './concurrent-fuzz.ts';
import { MUTANTS } from './mutants.ts';
import { LOOPS, loopFor } from './progress-fuzz.ts';

const FIRST = Number(process.env['FUZZ_FIRST'] ?? 1);
const SEEDS = Number(process.env['FUZZ_SEEDS'] ?? 5000);
/** Seeds that a mutant may survive. */
const MUTANT_SEEDS = 1500;

describe('any tasks, any order', { timeout: 600_000 }, () => {
  test('never give a wrong read', () => {
    const sum = { admitted: 0, rejected: 0, commits: 0, aborts: 0, coveredTables: 0, reads: 0 };
    for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
      const result: FuzzResult = fuzz(seed);
      expect(result.failure, `seed ${seed}`).toBe(null);
      for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += result[name];
    }
    if (SEEDS < 100) return;
    // A generator that only draws nonsense, or only what is legal, proves little.
    expect(sum.commits / SEEDS).toBeGreaterThan(4);
    expect(sum.rejected).toBeGreaterThan(sum.admitted);
    expect(sum.aborts).toBeGreaterThan(SEEDS / 4);
    expect(sum.coveredTables).toBeGreaterThan(SEEDS / 10);
  });

  test('never bring back older data in a tree that allows loss', () => {
    for (let seed = 1; seed <= SEEDS / 4; seed++) {
      expect(fuzz(seed, { lossy: true }).failure, `seed ${seed}`).toBe(null);
    }
  });

  test('never drop anything in a tree that does not allow loss', () => {
    for (let seed = 1; seed <= SEEDS / 10; seed++) {
      expect(fuzz(seed, { lossy: false }).failure, `seed ${seed}`).toBe(null);
    }
  });

  test('never fill a small disk', () => {
    for (let seed = 1; seed <= SEEDS / 4; seed++) {
      expect(fuzz(seed, { smallDisk: true }).failure, `seed ${seed}`).toBe(null);
    }
  });

  test('replay exactly from a seed', () => {
    expect(fuzz(4)).toEqual(fuzz(4));
  });
});

describe('without a rule the fuzz fails', { timeout: 60_000 }, () => {
  test.each(MUTANTS)('$name', ({ options, first }) => {
    let failure: string | null = null;
    for (let seed = first; seed < first + MUTANT_SEEDS && failure === null; seed++) {
      failure = fuzz(seed, options).failure;
    }
    expect(failure).not.toBe(null);
  });
});

describe('strategies that never stop (A8)', { timeout: 60_000 }, () => {
  const caps = [3, 1000];
  const loops = Object.entries(LOOPS);
  const anyFailure = (progress: NonNullable<Parameters<typeof loopFor>[3]['progress']>): boolean =>
    loops.some(([, loop]) =>
      caps.some((cap) =>
        Array.from({ length: 50 }, (_, seed) => loopFor(seed, loop, cap, { progress })).some(
          (failure) => failure !== null,
        ),
      ),
    );

  test.each(loops)('are stopped: one that %s', (_, loop) => {
    for (const cap of caps) {
      for (let seed = 0; seed < 100; seed++) {
        expect(loopFor(seed, loop, cap, {}), `seed ${seed}`).toBe(null);
      }
    }
  });

  test.each(['taskBudget', 'byteBudget', 'breaker'] as const)('go on without the %s', (guard) => {
    expect(anyFailure({ [guard]: false })).toBe(true);
  });
});
