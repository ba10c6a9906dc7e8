/**
 * Long run: the concurrent fuzz over many seeds, then, for each missing or weakened rule, how many of the first seeds
 * notice. `node --conditions=@lsm/source test/long/fuzz.ts [seeds] [first] [seeds of each mutant]`
 */
import { type FuzzOptions, fuzz } from '../concurrent-fuzz.ts';
import { MUTANTS } from '../mutants.ts';

const seeds = Number(process.argv[2] ?? 100_000);
const first = Number(process.argv[3] ?? 1);
const mutantSeeds = Number(process.argv[4] ?? 5000);

const kinds: readonly (readonly [string, FuzzOptions, number])[] = [
  ['all rules', {}, seeds],
  ['a tree that allows loss', { lossy: true }, Math.ceil(seeds / 4)],
  ['a tree that does not, and drops', { lossy: false }, Math.ceil(seeds / 10)],
  ['a small disk', { smallDisk: true }, Math.ceil(seeds / 4)],
];

for (const [name, options, count] of kinds) {
  const sum = { failures: 0, admitted: 0, rejected: 0, commits: 0, aborts: 0, reads: 0 };
  for (let seed = first; seed < first + count; seed++) {
    const result = fuzz(seed, options);
    if (result.failure !== null) {
      sum.failures++;
      console.error(`seed ${seed}: ${result.failure}`);
    }
    for (const field of ['admitted', 'rejected', 'commits', 'aborts', 'reads'] as const) {
      sum[field] += result[field];
    }
  }
  console.info(JSON.stringify({ rules: name, seeds: count, ...sum }));
  if (sum.failures > 0) process.exitCode = 1;
}

for (const { name, options } of MUTANTS) {
  let failing = 0;
  for (let seed = 1; seed <= mutantSeeds; seed++) {
    if (fuzz(seed, options).failure !== null) failing++;
  }
  console.info(JSON.stringify({ without: name, seeds: mutantSeeds, failing }));
  if (failing === 0) process.exitCode = 1;
}
