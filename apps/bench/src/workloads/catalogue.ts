/** All workloads by name. */
import { nearestName } from '@lsm/core';
import { UsageError } from '../usage-error.ts';
import { dbBench } from './db-bench.ts';
import { filterWorkload } from './filter-probe.ts';
import { lifeWorkloads } from './lives.ts';
import { realWorkload } from './real.ts';
import { seedMix } from './seed-mix.ts';
import type { Workload } from './workload.ts';
import { ycsb } from './ycsb.ts';

/** Every workload, in the order of the help text. */
export const WORKLOADS: readonly Workload[] = [
  realWorkload,
  filterWorkload,
  ...dbBench,
  ...ycsb,
  seedMix,
  ...lifeWorkloads,
];

/**
 * Finds workloads by name; `ycsb` stands for all six, `db_bench` for all of those.
 *
 * @throws UsageError naming the nearest known name
 */
export function findWorkloads(names: readonly string[]): readonly Workload[] {
  return names.flatMap((name) => {
    if (name === 'ycsb') return ycsb;
    if (name === 'db_bench') return dbBench;
    const found = WORKLOADS.find((workload) => workload.name === name);
    if (found !== undefined) return [found];
    const known = [...WORKLOADS.map((workload) => workload.name), 'ycsb', 'db_bench'];
    throw new UsageError(
      `No workload is named "${name}"; did you mean "${nearestName(name, known)}"? There are: ${known.join(', ')}.`,
    );
  });
}
