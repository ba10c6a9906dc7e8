import { Simulator } from '@lsm/compaction';
import { seededRandom } from '@lsm/core';
import { IDLE_STRATEGY as IDLE } from '@lsm/testkit';
import { describe, expect, test } from 'vitest';
import { universal } from './universal-strategy.ts';

const KEYS = 200;

/** A tree after random puts, deletes and range deletes, all of them in tables. */
function randomTree(seed: number): Simulator {
  const random = seededRandom(seed);
  const strategy = universal({
    runs: 6,
    maxSizeAmplificationPercent: 200,
    sizeRatioPercent: 1,
    minMergeWidth: 2,
    triggers: ['space', 'ratio', 'count'],
  });
  const simulator = new Simulator(strategy, {
    keyCount: KEYS,
    flushEntries: 20,
    tableEntries: 15,
  });
  for (let i = 0; i < 600; i++) {
    const key = random.next() % KEYS;
    const draw = random.next() % 40;
    if (draw === 0) simulator.delRange(key, key + 1 + (random.next() % 20));
    else if (draw < 10) simulator.del(key);
    else simulator.put(key);
  }
  simulator.flush();
  return simulator;
}

describe('the probes of the simulator', () => {
  test.each(Array.from({ length: 30 }, (_, i) => i + 1))(
    'find what reads find: seed %d',
    (seed) => {
      const simulator = randomTree(seed);
      const live = Array.from({ length: KEYS }, (_, key) => simulator.get(key) >= 0);
      expect(live.filter((one) => one).length).toBeGreaterThan(10);
      for (let key = 0; key < KEYS; key++) {
        const { ended, vain } = simulator.probe(key);
        if (live[key]!) expect(ended, `key ${key}`).toBeGreaterThanOrEqual(0);
        if (ended >= 0) expect(vain.every((place) => place < ended)).toBe(true);
        const ahead = live.slice(key).filter((one) => one).length;
        expect(simulator.probeScan(key, 7).returned, `from ${key}`).toBe(Math.min(7, ahead));
        const { returned, passed } = simulator.probeScan(key, KEYS);
        expect(returned, `all from ${key}`).toBe(ahead);
        expect(passed.length).toBe(simulator.runs.length);
      }
      const { passed } = simulator.probeScan(0, KEYS);
      expect(passed.reduce((sum, count) => sum + Math.max(0, count), 0)).toBe(simulator.entries);
    },
  );

  test('name the runs that are asked in vain, and those that have nothing ahead', () => {
    const simulator = new Simulator(IDLE, { keyCount: 100, flushEntries: 3 });
    for (const key of [10, 20, 30, 5, 20, 40, 60, 70, 80]) simulator.put(key);
    expect(simulator.probe(20)).toEqual({ vain: [], ended: 1 });
    expect(simulator.probe(10)).toEqual({ vain: [1], ended: 2 });
    expect(simulator.probe(65)).toEqual({ vain: [0], ended: -1 });
    expect(simulator.probe(99)).toEqual({ vain: [], ended: -1 });
    expect(simulator.probeScan(35, 2)).toEqual({ returned: 2, passed: [1, 1, -1] });
  });

  test('deletes may be smaller than puts', () => {
    const simulator = new Simulator(IDLE, {
      keyCount: 100,
      flushEntries: 4,
      entryBytes: 100,
      tombstoneBytes: 10,
    });
    for (const key of [1, 2, 3, 4, 5, 6, 7]) simulator.put(key);
    simulator.del(2);
    expect(simulator.stats).toMatchObject({ flushes: 2, flushedBytes: 710, treeBytes: 710 });
  });
});
