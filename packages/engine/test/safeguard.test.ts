import { Simulator } from '@lsm/compaction';
import { seededRandom } from '@lsm/core';
import { expect, test } from 'vitest';
import { safeguard } from '../src/background/safeguard.ts';

test.each([Number.POSITIVE_INFINITY, 600, 300])(
  'the safeguard keeps to a dozen runs and gives right answers, tasks up to %d',
  (maxTaskEntries) => {
    const keyCount = 3000;
    const sizes = { keyCount, flushEntries: 50, tableEntries: 25, maxTaskEntries };
    const simulator = new Simulator(safeguard(), sizes);
    const random = seededRandom(5);
    const model = new Map<number, number>();
    for (let i = 0; i < 30_000; i++) {
      const key = random.next() % keyCount;
      if (random.next() % 8 === 0) {
        simulator.del(key);
        model.delete(key);
      } else {
        simulator.put(key);
        model.set(key, simulator.sequence);
      }
      expect(simulator.runs.length).toBeLessThanOrEqual(12);
    }
    for (let key = 0; key < keyCount; key++) expect(simulator.get(key)).toBe(model.get(key) ?? -1);
    const { largestTaskBytes, rejections, writeAmplification } = simulator.stats;
    expect(rejections).toBe(0);
    expect(largestTaskBytes).toBeLessThanOrEqual(maxTaskEntries);
    expect(writeAmplification).toBeLessThan(30);
  },
);
