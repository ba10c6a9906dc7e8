/**
 * The three strategies side by side in the simulator: random overwrites of one size, the shape to know them by.
 *
 *     node --conditions=@lsm/source bench/strategies.bench.ts [keys] [puts]
 *
 * Default 60,000 keys, 300,000 puts, memtables of 500 entries; counted after the first third. Deterministic.
 */
import { Simulator } from '@lsm/compaction';
import { hybrid } from '@lsm/compaction-hybrid';
import { leveled } from '@lsm/compaction-leveled';
import { tiered } from '@lsm/compaction-tiered';
import { type CompactionStrategy, seededRandom } from '@lsm/core';

const keyCount = Number(process.argv[2] ?? 60_000);
const puts = Number(process.argv[3] ?? 300_000);
const flushEntries = 500;

const strategies: readonly (readonly [string, CompactionStrategy])[] = [
  ['leveled', leveled()],
  ['leveled, ratio 4', leveled({ ratio: 4 })],
  ['leveled, ratio 4, round-robin', leveled({ ratio: 4, picker: 'round-robin' })],
  ['tiered', tiered()],
  ['tiered, ratio 8', tiered({ ratio: 8, maxSpaceAmplification: 8 })],
  ['hybrid', hybrid()],
  ['hybrid, ratio 8', hybrid({ ratio: 8 })],
  ['hybrid, upperRuns 1', hybrid({ upperRuns: 1 })],
];

interface Row {
  readonly writes: number;
  readonly runs: number;
  readonly runsMax: number;
  readonly space: number;
  readonly spaceMax: number;
  readonly largestTask: number;
}

function measure(strategy: CompactionStrategy): Row {
  const simulator = new Simulator(strategy, {
    keyCount,
    flushEntries,
    tableEntries: flushEntries / 4,
    maxTaskEntries: 8 * flushEntries,
  });
  const random = seededRandom(7);
  const start = Math.floor(puts / 3);
  let before = simulator.stats;
  let samples = 0;
  const sum = { runs: 0, space: 0 };
  const max = { runs: 0, space: 0 };
  for (let i = 0; i < puts; i++) {
    simulator.put(random.next() % keyCount);
    if (i === start) before = simulator.stats;
    if (i <= start || (i + 1) % flushEntries !== 0) continue;
    const { runs, treeBytes } = simulator.stats;
    samples++;
    sum.runs += runs;
    sum.space += treeBytes / keyCount;
    max.runs = Math.max(max.runs, runs);
    max.space = Math.max(max.space, treeBytes / keyCount);
  }
  const after = simulator.stats;
  return {
    writes: (after.writtenBytes - before.writtenBytes) / (after.flushedBytes - before.flushedBytes),
    runs: sum.runs / samples,
    runsMax: max.runs,
    space: sum.space / samples,
    spaceMax: max.space,
    largestTask: after.largestTaskBytes / keyCount,
  };
}

console.log('| strategy | writes | runs | most runs | space | most space | largest task |');
console.log('|---|---|---|---|---|---|---|');
for (const [name, strategy] of strategies) {
  const { writes, runs, runsMax, space, spaceMax, largestTask } = measure(strategy);
  const cells = [
    writes.toFixed(2),
    runs.toFixed(1),
    runsMax,
    space.toFixed(2),
    spaceMax.toFixed(2),
  ];
  console.log(`| ${name} | ${cells.join(' | ')} | ${(100 * largestTask).toFixed(0)} % |`);
}
