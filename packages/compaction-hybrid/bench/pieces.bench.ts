/**
 * What it costs that merges are done in pieces: writes and space of strategies with and without a limit of their tasks.
 *
 *     node --conditions=@lsm/source bench/pieces.bench.ts [passes] [--quick]
 *
 * Random overwrites; means over ten passes after the first one, at four sizes: 60, 85, 120 and 170 memtables of 500
 * entries. A task is 12 memtables at most, or as large as it likes. All of it is counted, nothing timed.
 */
import { Simulator } from '@lsm/compaction';
import { hybrid } from '@lsm/compaction-hybrid';
import { tiered } from '@lsm/compaction-tiered';
import { unified } from '@lsm/compaction-unified';
import { type CompactionStrategy, seededRandom } from '@lsm/core';
import { finish, numberArgument, prove } from '../../../tooling/bench.ts';

const passes = numberArgument(0, 10, 1);
const flushEntries = numberArgument(1, 500, 50);
const limits = [Number.POSITIVE_INFINITY, 12 * flushEntries];

const strategies: readonly (readonly [string, () => CompactionStrategy])[] = [
  ['tiered', () => tiered()],
  ['tiered, ratio 8', () => tiered({ ratio: 8, maxSpaceAmplification: 8 })],
  ['hybrid', () => hybrid()],
  ['hybrid, ratio 8', () => hybrid({ ratio: 8 })],
  ['hybrid, upperRuns 1', () => hybrid({ upperRuns: 1 })],
  ['unified, T4', () => unified({ scaling: 'T4' })],
  ['unified, L10', () => unified({ scaling: 'L10' })],
];

interface Cost {
  readonly writes: number;
  readonly space: number;
  readonly largestTask: number;
}

function costOf(make: () => CompactionStrategy, memtables: number, maxTaskEntries: number): Cost {
  const keyCount = memtables * flushEntries;
  const tableEntries = flushEntries / 4;
  const sizes = { keyCount, flushEntries, tableEntries, maxTaskEntries };
  const simulator = new Simulator(make(), sizes);
  const random = seededRandom(1);
  for (let i = 0; i < keyCount; i++) simulator.put(random.next() % keyCount);
  const before = simulator.stats.writtenBytes;
  let space = 0;
  for (let flush = 0; flush < passes * memtables; flush++) {
    for (let i = 0; i < flushEntries; i++) simulator.put(random.next() % keyCount);
    space += simulator.stats.treeBytes / keyCount;
  }
  const { writtenBytes, largestTaskBytes } = simulator.stats;
  return {
    writes: (writtenBytes - before) / (passes * keyCount),
    space: space / (passes * memtables),
    largestTask: largestTaskBytes,
  };
}

console.log('| strategy | writes, whole | in pieces | space, whole | in pieces |');
console.log('|---|---|---|---|---|');
let isWithin = true;
for (const [name, make] of strategies) {
  const means = limits.map((limit) => {
    const costs = [60, 85, 120, 170].map((memtables) => costOf(make, memtables, limit));
    isWithin &&= costs.every(({ largestTask }) => largestTask <= limit);
    const mean = (of: (cost: Cost) => number): string =>
      (costs.reduce((sum, cost) => sum + of(cost), 0) / costs.length).toFixed(2);
    return { writes: mean(({ writes }) => writes), space: mean(({ space }) => space) };
  });
  const cells = [...means.map(({ writes }) => writes), ...means.map(({ space }) => space)];
  console.log(`| ${name} | ${cells.join(' | ')} |`);
}
prove('no task was larger than its limit', isWithin);
finish();
