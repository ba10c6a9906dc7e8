/** Strategies replaced on a live tree, with tasks of the old one in flight: reads stay right, and it comes to rest. */
import { Simulator } from '@lsm/compaction';
import { hybrid } from '@lsm/compaction-hybrid';
import { leveled } from '@lsm/compaction-leveled';
import { tiered } from '@lsm/compaction-tiered';
import { type CompactionStrategy, seededRandom } from '@lsm/core';
import { describe, expect, test } from 'vitest';

const KEYS = 300;
const strategies: readonly (() => CompactionStrategy)[] = [
  () => leveled({ ratio: 3 }),
  () => leveled({ picker: 'round-robin', lastLevel: 2 }),
  () => tiered(),
  () => tiered({ ratio: 2, maxRuns: 3 }),
  () => hybrid(),
  () => hybrid({ ratio: 2, upperRuns: 1, lastLevel: 3 }),
  () => hybrid({ ratio: 3, lastRuns: 2, level0Runs: 2 }),
];

describe('a random sequence of strategies', { timeout: 60_000 }, () => {
  test.each(Array.from({ length: 24 }, (_, seed) => seed))('keeps reads right, seed %d', (seed) => {
    const random = seededRandom(seed);
    const below = (limit: number): number => random.next() % limit;
    const draw = (): CompactionStrategy => strategies[below(strategies.length)]!();
    const simulator = new Simulator(draw(), {
      keyCount: KEYS,
      flushEntries: 20,
      tableEntries: 8,
      maxTaskEntries: 90,
      maxTasks: 3,
      settles: false,
      random,
      abortShare: 0.1,
    });
    const model = Array.from({ length: KEYS }, () => -1);
    let held: { readonly at: number; readonly visible: readonly number[] } | null = null;
    const check = (): void => {
      for (let key = 0; key < KEYS; key++) {
        expect(simulator.get(key)).toBe(model[key]);
        if (held !== null) expect(simulator.get(key, held.at)).toBe(held.visible[key]);
      }
    };
    for (let i = 0; i < 1500; i++) {
      const key = below(KEYS);
      const dice = below(200);
      if (dice === 0) {
        simulator.delRange(key, key + 10 < KEYS ? key + 10 : null);
        model.fill(-1, key, key + 10);
      } else if (dice < 40) {
        simulator.del(key);
        model[key] = -1;
      } else {
        simulator.put(key);
        model[key] = simulator.sequence;
      }
      if (below(15) === 0) simulator.plan();
      if (below(12) === 0) simulator.step();
      if (below(300) === 0) simulator.setStrategy(draw());
      if (below(200) === 0) {
        if (held !== null) simulator.release(held.at);
        held = below(2) === 0 ? null : { at: simulator.snapshot(), visible: [...model] };
      }
      if (i % 250 === 249) check();
    }
    simulator.settle();
    check();
    expect(simulator.rejections).toEqual([]);
  });
});
