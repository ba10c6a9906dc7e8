import { Shadows, Simulator } from '@lsm/compaction';
import { type CompactionStrategy, seededRandom, type TreeSnapshot } from '@lsm/core';
import { IDLE_STRATEGY as IDLE } from '@lsm/testkit';
import { describe, expect, test } from 'vitest';
import { universal } from '../universal-strategy.ts';
import { EAGER } from './small-traces.ts';

const UNIVERSAL = universal({
  runs: 6,
  maxSizeAmplificationPercent: 200,
  sizeRatioPercent: 1,
  minMergeWidth: 2,
  triggers: ['space', 'ratio', 'count'],
});

/** Random overwrites in the simulator, each flush followed by shadows before it is merged. */
function follow(
  strategy: CompactionStrategy,
  others: readonly CompactionStrategy[],
  { writes = 20_000, keyOf = (random: number) => random % 1000 } = {},
): { simulator: Simulator; shadows: Shadows } {
  const simulator = new Simulator(strategy, {
    keyCount: 20_000,
    flushEntries: 101,
    entryBytes: 10,
    settles: false,
  });
  const candidates = [strategy, ...others].map((each) => ({ name: each.name, strategy: each }));
  const shadows = new Shadows(simulator.tree(), candidates);
  const random = seededRandom(3);
  for (let i = 0; i < writes; i++) {
    simulator.put(keyOf(random.next()));
    if (i % 100 !== 99) continue;
    simulator.flush();
    shadows.flushed(simulator.runs, simulator.runs[0]!, i);
    simulator.settle();
  }
  return { simulator, shadows };
}

describe('Shadows', () => {
  test.each([
    ['universal', UNIVERSAL],
    ['eager', EAGER],
  ])('of %s are near what it does', (_, strategy) => {
    const { simulator, shadows } = follow(strategy, []);
    const [{ costs, failure }] = shadows.report() as [ReturnType<Shadows['report']>[0]];
    expect(failure).toBeNull();
    const { writtenBytes, largestTaskBytes } = simulator.stats;
    // Measured: 2 % and 1 %.
    expect(costs.writtenBytes / writtenBytes).toBeGreaterThan(0.9);
    expect(costs.writtenBytes / writtenBytes).toBeLessThan(1.1);
    expect(costs.largestTaskBytes / largestTaskBytes).toBeGreaterThan(0.8);
    expect(costs.largestTaskBytes / largestTaskBytes).toBeLessThan(1.25);
    expect(shadows.flushes).toBe(200);
    // A thousand keys of ten bytes are alive.
    expect(shadows.liveBytes / 10_000).toBeGreaterThan(0.7);
    expect(shadows.liveBytes / 10_000).toBeLessThan(1.4);
  });

  test('of others tell them apart, from the flushes of one', () => {
    const alone = (strategy: CompactionStrategy): number => {
      const { simulator } = follow(strategy, []);
      return simulator.stats.writeAmplification;
    };
    const { shadows } = follow(UNIVERSAL, [EAGER, IDLE]);
    const [own, eager, idle] = shadows.report();
    // Measured: 27 % too much, as long as the merges of the other say little of the live data.
    expect(eager!.costs.writeAmplification / alone(EAGER)).toBeGreaterThan(0.8);
    expect(eager!.costs.writeAmplification / alone(EAGER)).toBeLessThan(1.35);
    expect(idle!.costs).toMatchObject({ writeAmplification: 1, maxRuns: 200, tasks: 0 });
    expect(own!.costs.meanRuns).toBeGreaterThan(eager!.costs.meanRuns);
    expect(idle!.spaceAmplification).toBeGreaterThan(5);
    expect(eager!.costs.tablesPerMiss).toBeLessThan(idle!.costs.tablesPerMiss);
    expect(shadows.actual.meanRuns).toBeGreaterThan(2);
  });

  test('learn that nothing vanishes where every key is new', () => {
    let next = 0;
    const { simulator, shadows } = follow(EAGER, [], {
      writes: 5000,
      keyOf: () => Math.imul(next++, 7919) % 20_000,
    });
    const [{ costs }] = shadows.report() as [ReturnType<Shadows['report']>[0]];
    expect(costs.writtenBytes / simulator.stats.writtenBytes).toBeGreaterThan(0.85);
    expect(shadows.liveBytes / (5000 * 5)).toBeGreaterThan(0.9);
  });

  test('that fail are dropped with the reason, and the others go on', () => {
    const failing = (name: string, changes: Partial<CompactionStrategy>): CompactionStrategy => ({
      ...EAGER,
      name,
      ...changes,
    });
    const broken = failing('broken', {
      plan: ({ runs }) => {
        if (runs.length > 3) throw new Error('four are too many');
        return { tasks: [] };
      },
    });
    const stillborn = failing('stillborn', {
      initialState: () => {
        throw new Error('no state');
      },
    });
    const reckless = failing('reckless', {
      plan: ({ runs }) => ({
        tasks: runs.slice(1, 2).map(({ tables }) => ({
          kind: 'drop' as const,
          inputs: tables.map(({ id }) => id),
          reason: 'why not',
          score: 1,
        })),
      }),
    });
    const { shadows } = follow(EAGER, [broken, stillborn, reckless], { writes: 3000 });
    const failures = shadows.report().map(({ failure }) => failure);
    expect(failures.slice(0, 3)).toEqual([null, 'four are too many', 'no state']);
    expect(failures[3]).toMatch(/^The engine would have quarantined it; refused by A/);
    expect(shadows.report()[0]!.costs.maxRuns).toBeGreaterThan(1);
    expect(shadows.flushes).toBe(30);
  });

  test('keep their hands off what others see', () => {
    const vandal: CompactionStrategy = {
      ...EAGER,
      name: 'vandal',
      plan: (snapshot: TreeSnapshot, state) => {
        for (const run of snapshot.runs) for (const { minKey } of run.tables) minKey.fill(0xff);
        return IDLE.plan(snapshot, state);
      },
    };
    const { simulator, shadows } = follow(EAGER, [vandal], { writes: 3000 });
    expect(shadows.report()[0]!.failure).toBeNull();
    for (const run of simulator.runs) {
      for (const { minKey } of run.tables) expect(minKey[0]).toBe(0);
    }
  });
});
