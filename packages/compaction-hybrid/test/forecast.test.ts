import { type Forecast, forecast, Simulator } from '@lsm/compaction';
import { fifo } from '@lsm/compaction-fifo';
import { hybrid } from '@lsm/compaction-hybrid';
import { leveled } from '@lsm/compaction-leveled';
import { tiered } from '@lsm/compaction-tiered';
import { unified } from '@lsm/compaction-unified';
import { type CompactionStrategy, seededRandom } from '@lsm/core';
import { IDLE_STRATEGY as IDLE, treeSnapshot as snapshot } from '@lsm/testkit';
import { describe, expect, test } from 'vitest';

const KEYS = 2000;
const SIZES = { keyCount: KEYS, flushEntries: 40, tableEntries: 20 };

const strategies: readonly (readonly [string, () => CompactionStrategy])[] = [
  ['leveled', () => leveled({ ratio: 4 })],
  ['tiered', () => tiered()],
  ['hybrid', () => hybrid()],
  ['unified', () => unified({ scaling: 'L6' })],
];

function load(strategy: CompactionStrategy, maxTaskEntries: number, seed = 3): Simulator {
  const simulator = new Simulator(strategy, { ...SIZES, maxTaskEntries });
  const random = seededRandom(seed);
  for (let i = 0; i < 5 * KEYS; i++) simulator.put(random.next() % KEYS);
  return simulator;
}

/** What was forecast, and what then happened. */
function switchTo(simulator: Simulator, next: CompactionStrategy) {
  const tree = simulator.tree();
  const expected: Forecast = forecast(tree, next, { liveBytes: KEYS });
  const before = simulator.stats.writtenBytes;
  // Tasks in the forecast are not limited by a budget between flushes; here they are.
  simulator.setStrategy(next);
  const written = simulator.stats.writtenBytes - before;
  return { expected, written, runs: simulator.runs.length };
}

describe('forecast of a switch', () => {
  test.each([Number.POSITIVE_INFINITY, 600])(
    'tells the bytes to rewrite for each ordered pair, to 30 percent, tasks up to %d',
    (maxTaskEntries) => {
      for (const [from, make] of strategies) {
        for (const [to, makeNext] of strategies) {
          if (from === to) continue;
          // A level next to a threshold of its target strategy can go either way; so two of three loads count.
          const wrong: number[] = [];
          for (let seed = 3; seed <= 4 + wrong.length && wrong.length < 2; seed++) {
            const loaded = load(make(), maxTaskEntries, seed);
            const { expected, written, runs } = switchTo(loaded, makeNext());
            expect(expected).toMatchObject({ isComplete: true, refused: 0 });
            expect(Math.abs(expected.shape.length - runs)).toBeLessThanOrEqual(2);
            // A few tables more or less are no matter.
            const tolerance = Math.max(0.3 * written, 0.05 * KEYS);
            if (Math.abs(expected.writtenBytes - written) >= tolerance) wrong.push(seed);
          }
          expect(wrong.length, `${from} to ${to}`).toBeLessThan(2);
        }
      }
    },
    120_000,
  );

  test('gets to an end from whatever a series of strategies left, with range deletes and tasks under way', () => {
    let merges = 0;
    for (let seed = 0; seed < 30; seed++) {
      const random = seededRandom(seed);
      const below = (limit: number): number => random.next() % limit;
      const draw = (): CompactionStrategy => strategies[below(strategies.length)]![1]();
      const options = { keyCount: 300, flushEntries: 20, tableEntries: 8, maxTaskEntries: 90 };
      const adverse = { maxTasks: 3, settles: false, random, abortShare: 0.1 };
      const simulator = new Simulator(draw(), { ...options, ...adverse });
      for (let i = 0; i < 1200; i++) {
        const dice = below(150);
        if (dice === 0) simulator.delRange(below(250), 250 + below(50));
        else if (dice < 30) simulator.del(below(300));
        else simulator.put(below(300));
        if (below(15) === 0) simulator.plan();
        if (below(12) === 0) simulator.step();
        if (below(200) === 0) simulator.setStrategy(draw());
        if (below(150) > 0) continue;
        const writes = { bytesPerMs: 0.1, leastMs: below(2) * 1000 };
        const result = forecast(simulator.tree(), draw(), { bytesPerMs: 10, writes });
        expect(result.isComplete, `seed ${seed}, operation ${i}`).toBe(true);
        merges += result.merges;
      }
    }
    expect(merges).toBeGreaterThan(1000);
  });

  test('tells the space that it takes meanwhile, and how long at a given speed', () => {
    const whole = load(leveled({ ratio: 4 }), Number.POSITIVE_INFINITY);
    const pieces = load(leveled({ ratio: 4 }), 400);
    const options = { liveBytes: KEYS, bytesPerMs: 10 };
    const inOne = forecast(whole.tree(), hybrid(), options);
    const inMany = forecast(pieces.tree(), hybrid(), options);
    expect(inOne.peakExtraBytes).toBeGreaterThan(0.8 * KEYS);
    expect(inMany.peakExtraBytes).toBeLessThan(0.4 * KEYS);
    expect(inMany.largestTaskBytes).toBeLessThanOrEqual(600);
    expect(inOne.durationMs).toBeCloseTo((inOne.readBytes + inOne.writtenBytes) / 10, 6);
  });

  test('changes nothing, and is the same each time', () => {
    const simulator = load(tiered(), 400);
    const tree = simulator.tree();
    const before = JSON.stringify(tree);
    const first = forecast(tree, leveled());
    expect(forecast(tree, leveled())).toEqual(first);
    expect(JSON.stringify(tree)).toBe(before);
    expect(simulator.tree()).toEqual(tree);
  });

  test('of a tree at rest, or of none, is nothing', () => {
    const nothing = { readBytes: 0, writtenBytes: 0, peakExtraBytes: 0, isComplete: true };
    expect(forecast(load(hybrid(), 400).tree(), hybrid())).toMatchObject(nothing);
    expect(forecast(snapshot([]), leveled())).toMatchObject({ ...nothing, shape: [] });
  });

  test('follows drops only if loss is allowed, and ends with a strategy that never does', () => {
    const tree = { ...load(hybrid(), 400).tree(), now: 1e12 };
    const old = fifo({ maxAgeMs: 1000 });
    expect(forecast(tree, old, { lossy: true }).shape).toEqual([]);
    expect(forecast(tree, old)).toMatchObject({ isComplete: false, readBytes: 0 });
    const restless: CompactionStrategy = {
      ...IDLE,
      plan: ({ runs, limits, version }) => ({
        tasks: [
          {
            kind: 'rewrite',
            inputs: runs.at(-1)!.tables.map(({ id }) => id),
            shape: { tableBytes: limits.tableBytes * (1 + (version % 7)) },
            reason: 'for ever',
            score: 1,
          },
        ],
      }),
    };
    const { isComplete, merges } = forecast(tree, restless, { maxTasks: 50 });
    expect([isComplete, merges <= 50]).toEqual([false, true]);
  });
});
