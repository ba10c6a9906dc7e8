/**
 * Compares variants over workloads: repeats are interleaved (A B C A B C), so that what else the machine does falls
 * on all alike; before the first repeat each variant runs once without being counted, so that none pays for warming
 * up the compiler.
 */
import type { Variant } from '../config.ts';
import type { DataSet } from '../data/data-set.ts';
import type { Display } from '../progress.ts';
import { mixWord } from '../random.ts';
import type { ExperimentResult, RunResult } from '../results.ts';
import type { Store } from '../stores/store.ts';
import type { Workload, WorkloadSizes } from '../workloads/workload.ts';
import { runWorkload } from './run-workload.ts';
import type { WorkDirectory } from './work-directory.ts';

/** What is compared, and how. */
export interface Experiment {
  readonly name: string;
  readonly title: string;
  readonly variants: readonly Variant[];
  readonly workloads: readonly Workload[];
  readonly data: DataSet;
  /** A small part of the data, for the warm-up; `null`: none. */
  readonly warmUpData: DataSet | null;
  readonly sizes: WorkloadSizes;
  readonly repeats: number;
  readonly seed: number;
  readonly rate: number | null;
  /** Repeats after the first begin only if they are likely to end before this moment of `performance.now()`. */
  readonly deadline: number;
}

/** Opens a new store in a directory. */
export type OpenStore = (directory: string, variant: Variant) => Promise<Store>;

/** How many runs an experiment has, for the display. */
export function runCount({ variants, workloads, repeats }: Experiment): number {
  return variants.length * workloads.length * repeats;
}

/** Runs an experiment. */
export async function runExperiment(
  experiment: Experiment,
  open: OpenStore,
  directory: WorkDirectory,
  display: Display,
): Promise<ExperimentResult> {
  const runs: RunResult[] = [];
  await warmUp(experiment, open, directory);
  const { workloads, deadline } = experiment;
  const begin = performance.now();
  for (const [place, workload] of workloads.entries()) {
    const start = performance.now();
    const end = begin + ((deadline - begin) * (place + 1)) / workloads.length;
    for (let repeat = 1; repeat <= experiment.repeats; repeat++) {
      const each = (performance.now() - start) / (repeat - 1);
      if (repeat > 1 && performance.now() + each > end) {
        display.note(
          `${experiment.name} · ${workload.name}: ${repeat - 1} of ${experiment.repeats} repeats, more would take longer than --max-seconds.`,
        );
        break;
      }
      for (const variant of experiment.variants) {
        const title = `${experiment.name} · ${workload.name} · ${variant.name} · repeat ${repeat}`;
        display.runBegins(title);
        const run = await runOnce(experiment, workload, variant, repeat, open, directory, display);
        display.runEnds(run.seconds);
        runs.push(run);
      }
    }
  }
  return {
    name: experiment.name,
    title: experiment.title,
    data: experiment.data.description,
    variants: experiment.variants,
    workloads: experiment.workloads.map(({ name, title }) => ({ name, title })),
    runs,
  };
}

async function runOnce(
  experiment: Experiment,
  workload: Workload,
  variant: Variant,
  repeat: number,
  open: OpenStore,
  directory: WorkDirectory,
  display: Display,
): Promise<RunResult> {
  const path = directory.next();
  const store = await open(path, variant);
  try {
    return await runWorkload(store, {
      experiment: experiment.name,
      variant: variant.name,
      repeat,
      // The same for all variants of a repeat: they are given the same operations in the same order.
      seed: mixWord(experiment.seed + repeat - 1),
      workload,
      data: experiment.data,
      sizes: experiment.sizes,
      rate: experiment.rate,
      onPhase: (phase, operations, progress) => {
        display.phaseBegins(phase, operations, progress);
      },
    });
  } finally {
    await store.close();
    directory.drop(path);
  }
}

async function warmUp(
  experiment: Experiment,
  open: OpenStore,
  directory: WorkDirectory,
): Promise<void> {
  const data = experiment.warmUpData;
  if (data === null) return;
  const sizes = { ...experiment.sizes, operations: Math.min(experiment.sizes.operations, 5000) };
  for (const workload of experiment.workloads) {
    for (const variant of experiment.variants) {
      const path = directory.next();
      const store = await open(path, variant);
      try {
        await runWorkload(store, {
          experiment: 'warm-up',
          variant: variant.name,
          repeat: 0,
          seed: experiment.seed,
          workload,
          data,
          sizes,
          rate: null,
          counts: false,
        });
      } finally {
        await store.close();
        directory.drop(path);
      }
    }
  }
}
