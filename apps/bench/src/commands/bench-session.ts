/** What `compare`, `workload` and `peers` share: run experiments, print the tables, write the report, clean up. */
import type { DataSet } from '../data/data-set.ts';
import { captureEnvironment, type Environment, loadAfter } from '../environment.ts';
import { createDisplay } from '../progress.ts';
import { formatSeconds } from '../report/format.ts';
import { summarize } from '../report/summary.ts';
import { renderTable, TABLE_LEGEND } from '../report/terminal-table.ts';
import { reportDirectory, writeReport } from '../report/write-report.ts';
import type { BenchResults, ExperimentResult } from '../results.ts';
import { type Experiment, type OpenStore, runCount, runExperiment } from '../run/experiment.ts';
import { WorkDirectory } from '../run/work-directory.ts';

/** What is run, and where it goes. */
export interface SessionPlan {
  readonly command: string;
  readonly experiments: readonly Experiment[];
  readonly durability: string;
  readonly repeats: number;
  readonly seed: number;
  readonly rate: number | null;
  readonly open: OpenStore;
  /** Parent of the temporary databases; default the system's. */
  readonly directory: string | undefined;
  readonly keep: boolean;
  /** Directory of the report; default a new one below `reports`. */
  readonly output: string | undefined;
  readonly quiet: boolean;
}

/** Runs a plan. Tables go to `print`; returns the path of the report. */
export async function runSession(
  plan: SessionPlan,
  print: (text: string) => void,
): Promise<string> {
  const startedAt = new Date();
  const start = performance.now();
  const directory = new WorkDirectory(plan.directory, plan.keep);
  const display = createDisplay(plan.quiet);
  try {
    await tryVariants(plan, directory);
    const environment = captureEnvironment(directory.path);
    display.begin(plan.experiments.reduce((sum, one) => sum + runCount(one), 0));
    const experiments: ExperimentResult[] = [];
    for (const experiment of plan.experiments) {
      experiments.push(await runExperiment(experiment, plan.open, directory, display));
    }
    display.end();
    const seconds = (performance.now() - start) / 1000;
    const results = resultsOf(plan, startedAt, seconds, environment, experiments);
    return finish(plan, results, directory, print);
  } finally {
    directory.remove();
  }
}

/** Opens each variant once, so that a wrong option ends the call at once and not after minutes. */
async function tryVariants(plan: SessionPlan, directory: WorkDirectory): Promise<void> {
  for (const { variants } of plan.experiments) {
    for (const variant of variants) {
      const path = directory.next();
      const store = await plan.open(path, variant);
      await store.close();
      directory.drop(path);
    }
  }
}

/** Prints the tables and writes the files. */
export function finish(
  plan: Pick<SessionPlan, 'output' | 'keep' | 'durability'>,
  results: BenchResults,
  directory: WorkDirectory,
  print: (text: string) => void,
): string {
  for (const experiment of results.experiments) {
    print(`\n${experiment.title}\n${experiment.data}`);
    for (const summary of summarize(experiment)) print(renderTable(summary, plan.durability));
  }
  print(TABLE_LEGEND);
  const output = plan.output ?? reportDirectory(new Date(results.startedAt));
  const report = writeReport(output, results);
  if (plan.keep) print(`Databases kept in ${directory.path}`);
  print(`Measured in ${formatSeconds(results.seconds)}. Report: ${report}`);
  return report;
}

function resultsOf(
  plan: SessionPlan,
  startedAt: Date,
  seconds: number,
  environment: Environment,
  experiments: readonly ExperimentResult[],
): BenchResults {
  return {
    format: 1,
    command: plan.command,
    startedAt: startedAt.toISOString(),
    seconds,
    durability: plan.durability,
    repeats: plan.repeats,
    seed: plan.seed,
    rate: plan.rate,
    environment: { ...environment, 'load average after': loadAfter() },
    experiments,
  };
}

/** A part of the data for warming up: at most so many entries. */
export const WARM_UP_ENTRIES = 5000;

/** Point operations of a phase by default. */
export function operationsFor(data: DataSet, wanted: number): number {
  return wanted > 0 ? wanted : data.count;
}
