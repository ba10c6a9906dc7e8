/** `compare` and `workload`: variants of the engine over workloads, and filter settings over one data set. */
import { type BenchConfig, filterVariants, strategyVariants } from '../config.ts';
import type { Experiment, OpenStore } from '../run/experiment.ts';
import { EngineStore } from '../stores/engine-store.ts';
import { findWorkloads } from '../workloads/catalogue.ts';
import { filterEntries, filterSliceBytes, filterWorkload } from '../workloads/filter-probe.ts';
import { operationsFor, runSession, type SessionPlan } from './bench-session.ts';
import { type InputChoice, loadData } from './load-data.ts';

/** Where things go; see the flags of the same names. */
export interface SessionFlags {
  readonly directory: string | undefined;
  readonly keep: boolean;
  readonly output: string | undefined;
  readonly quiet: boolean;
}

/** Of the time, where filters are compared too. */
const STRATEGIES_SHARE = 0.68;

const openEngine: OpenStore = (directory, variant) =>
  EngineStore.open(directory, { ...variant.options });

/** Compares strategies, then filters. Returns the path of the report. */
export async function compare(
  command: string,
  config: BenchConfig,
  input: InputChoice | null,
  flags: SessionFlags,
  print: (text: string) => void,
): Promise<string> {
  const workloads = findWorkloads(config.workloads);
  const strategies = strategyVariants(config);
  const { data, warmUpData } = await loadData(config, input, (message) =>
    process.stderr.write(`${message}\n`),
  );
  const filters = filterVariants(config, filterEntries(data), filterSliceBytes(data) * 2);
  const common = {
    data,
    warmUpData,
    sizes: { operations: operationsFor(data, config.operations), inFlight: config.inFlight },
    repeats: config.repeats,
    seed: config.seed,
    rate: config.rate === 0 ? null : config.rate,
  };
  const experiments: Experiment[] = [
    {
      ...common,
      name: 'strategies',
      title: 'Compaction strategies',
      variants: strategies,
      deadline: deadlineAfter(config.maxSeconds * (filters.length > 0 ? STRATEGIES_SHARE : 1)),
      workloads,
    },
  ];
  if (filters.length > 0) {
    experiments.push({
      ...common,
      name: 'filters',
      title: `Filter settings, strategy ${config.filterStrategy}`,
      variants: filters,
      deadline: deadlineAfter(config.maxSeconds),
      workloads: [filterWorkload],
    });
  }
  const plan: SessionPlan = {
    ...flags,
    ...common,
    command,
    experiments,
    durability: config.durability,
    open: openEngine,
  };
  return runSession(plan, print);
}

/** A moment of `performance.now()`; never, for 0 seconds. */
function deadlineAfter(seconds: number): number {
  return seconds === 0 ? Number.POSITIVE_INFINITY : performance.now() + seconds * 1000;
}
