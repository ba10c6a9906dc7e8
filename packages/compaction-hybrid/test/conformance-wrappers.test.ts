/** The suite over the wrappers of `@lsm/compaction`, around every kind of strategy and around each other. */
import {
  Simulator,
  withDeadline,
  withMaxTaskBytes,
  withPicker,
  withReadTriggers,
} from '@lsm/compaction';
import { fifo } from '@lsm/compaction-fifo';
import { hybrid } from '@lsm/compaction-hybrid';
import { leveled } from '@lsm/compaction-leveled';
import { tiered } from '@lsm/compaction-tiered';
import { unified } from '@lsm/compaction-unified';
import { type CompactionStrategy, seededRandom } from '@lsm/core';
import { compactionStrategyConformance } from '@lsm/testkit';
import { describe, expect, it } from 'vitest';

const tools = { describe, it, expect };
const inner: readonly (() => CompactionStrategy)[] = [
  () => leveled(),
  () => tiered(),
  () => hybrid(),
  () => unified(),
  () => fifo({ maxAgeMs: 40_000 }),
];

function run(make: () => CompactionStrategy): void {
  compactionStrategyConformance(make, tools, { effort: 0.15, outlivesSnapshots: true });
}

/** Limits of a task, bytes; flushes have 4,000. Hybrid doesn't keep up with one task of 18,000 for each flush (below). */
const LIMIT = 18_000;
const HYBRID_LIMIT = 36_000;

// The suite's clock moves a second with each flush.
for (const make of inner) {
  run(() => withDeadline(make(), 20_000));
  run(() => withMaxTaskBytes(make(), make().name === 'hybrid' ? HYBRID_LIMIT : LIMIT));
}
run(() => withReadTriggers(leveled()));
run(() => withDeadline(withMaxTaskBytes(hybrid(), HYBRID_LIMIT), 30_000));
run(() => withMaxTaskBytes(withDeadline(withPicker(leveled(), 'oldest'), 15_000), LIMIT));
run(() => withPicker(leveled(), 'round-robin'));

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

it.each([
  ['leveled', () => leveled()],
  ['tiered', () => tiered()],
  ['hybrid', () => hybrid()],
  ['unified', () => unified()],
] as const)('%s does not grow without end with one small task for each flush', (_, make) => {
  const [keyCount, flushEntries] = [3000, 40];
  const maxTaskEntries = 4.5 * flushEntries;
  const sizes = { keyCount, flushEntries, tableEntries: flushEntries, maxTaskEntries };
  const strategy = make();
  const simulator = new Simulator(strategy, { ...sizes, maxTasks: 1, settles: false });
  const random = seededRandom(51);
  const runs: number[] = [];
  for (let round = 0; round < 2400; round++) {
    if (strategy.assess(simulator.tree()).delay !== 'stop') {
      for (let i = 0; i < flushEntries; i++) simulator.put(random.next() % keyCount);
    }
    simulator.plan();
    if (simulator.running.length > 0) simulator.step();
    runs.push(simulator.runs.length);
  }
  expect(mean(runs.slice(1600))).toBeLessThanOrEqual(1.2 * mean(runs.slice(800, 1600)));
  expect(Math.max(...runs)).toBeLessThan(90);
  expect(simulator.stats.largestTaskBytes).toBeLessThanOrEqual(maxTaskEntries);
});
