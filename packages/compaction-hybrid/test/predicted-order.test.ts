/** P14 among strategies: formulas rank them by writes as the simulator does, where the difference is worth a choice. */
import { Simulator } from '@lsm/compaction';
import { fluidPreset, hybrid } from '@lsm/compaction-hybrid';
import { leveled } from '@lsm/compaction-leveled';
import { tiered } from '@lsm/compaction-tiered';
import { unified } from '@lsm/compaction-unified';
import { type CompactionStrategy, seededRandom } from '@lsm/core';
import { expect, test } from 'vitest';

const FLUSH = 50;
const PASSES = 5;

const strategies: readonly CompactionStrategy[] = [
  leveled(),
  leveled({ ratio: 4 }),
  tiered(),
  tiered({ ratio: 8 }),
  hybrid(),
  hybrid({ ratio: 8 }),
  ...(['leveling', '1-leveling', 'tiering'] as const).map((name) => hybrid(fluidPreset(name))),
  unified({ scaling: 'T4' }),
  unified({ scaling: 'N' }),
  unified({ scaling: 'L10' }),
];

function writesOf(strategy: CompactionStrategy, keyCount: number): number {
  const sizes = { keyCount, flushEntries: FLUSH, tableEntries: FLUSH / 2 };
  const simulator = new Simulator(strategy, sizes);
  const random = seededRandom(1);
  for (let i = 0; i < keyCount; i++) simulator.put(random.next() % keyCount);
  const before = simulator.stats.writtenBytes;
  for (let i = 0; i < PASSES * keyCount; i++) simulator.put(random.next() % keyCount);
  return (simulator.stats.writtenBytes - before) / (PASSES * keyCount);
}

test.each([60, 120, 200])(
  'formulas rank strategies as the simulator, %d memtables',
  (memtables) => {
    const keyCount = memtables * FLUSH;
    const rows = strategies.map((strategy) => ({
      measured: writesOf(strategy, keyCount),
      predicted: strategy.predict!({ dataBytes: keyCount, flushBytes: FLUSH }).writeAmplification,
    }));
    let pairs = 0;
    const wrong: number[] = [];
    for (const [i, a] of rows.entries()) {
      for (const b of rows.slice(0, i)) {
        pairs++;
        if ((a.measured - b.measured) * (a.predicted - b.predicted) >= 0) continue;
        wrong.push(Math.max(a.measured / b.measured, b.measured / a.measured));
      }
    }
    expect(wrong.length).toBeLessThanOrEqual(0.1 * pairs);
    expect(Math.max(1, ...wrong)).toBeLessThan(1.75);
  },
);
