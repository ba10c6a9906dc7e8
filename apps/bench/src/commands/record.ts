/** `record`: a workload on the engine, with a trace of all that it asks for. */
import { resolve } from 'node:path';
import { nearestName } from '@lsm/core';
import { parseConfig, strategyVariants } from '../config.ts';
import { formatBytes, formatCount } from '../report/format.ts';
import { runWorkload } from '../run/run-workload.ts';
import { WorkDirectory } from '../run/work-directory.ts';
import { EngineStore } from '../stores/engine-store.ts';
import { UsageError } from '../usage-error.ts';
import { findWorkloads, WORKLOADS } from '../workloads/catalogue.ts';
import { operationsFor } from './bench-session.ts';
import { type InputChoice, loadData } from './load-data.ts';

/** Where the trace goes and what is in it. */
export interface RecordChoice {
  readonly output: string;
  readonly sample: number;
  readonly sketchBytes: number;
  /** Parent of the temporary database; default the system's. */
  readonly directory: string | undefined;
}

/** Runs the workload once, under the first strategy of the settings, and leaves its trace. */
export async function recordTrace(
  settings: Record<string, unknown>,
  input: InputChoice | null,
  choice: RecordChoice,
  print: (text: string) => void,
): Promise<void> {
  const config = parseConfig({ data: 'generated', strategies: ['hybrid'], ...settings });
  const [workload, ...more] = findWorkloads(config.workloads);
  if (workload === undefined || more.length > 0) {
    const names = WORKLOADS.map(({ name }) => name);
    const nearest = nearestName(config.workloads[0] ?? '', names);
    throw new UsageError(`One workload is recorded at a time, such as ${nearest}.`);
  }
  const { data } = await loadData(config, input, print);
  const [variant] = strategyVariants(config);
  const directory = new WorkDirectory(choice.directory, false);
  try {
    const store = await EngineStore.open(directory.next(), variant!.options);
    try {
      const path = resolve(choice.output);
      const { sample, sketchBytes } = choice;
      const recording = store.db.record({ path, sample, sketchBytes, maxBytes: 2 ** 32 });
      await runWorkload(store, {
        experiment: 'record',
        variant: variant!.name,
        repeat: 0,
        seed: config.seed,
        workload,
        data,
        sizes: { operations: operationsFor(data, config.operations), inFlight: config.inFlight },
        rate: config.rate > 0 ? config.rate : null,
        counts: false,
      });
      const { bytes, operations, totals } = await recording.stop();
      const all = totals.puts + totals.deletes + totals.gets + totals.scans;
      print(
        `${workload.name} under ${variant!.name}: ${formatCount(operations)} of ${formatCount(all)} operations noted, ${formatBytes(bytes)}. Trace: ${path}`,
      );
    } finally {
      await store.close();
    }
  } finally {
    directory.remove();
  }
}
