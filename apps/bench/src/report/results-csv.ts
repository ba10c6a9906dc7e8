/** The results as CSV: one row per run, phase and kind of operation, with the units in the column names. */
import { formatCsvRow, parseCsvRow } from '../data/csv-rows.ts';
import type { BenchResults, LatencyResult, PhaseResult, RunResult } from '../results.ts';

/** What a row is made of. */
interface RowSource {
  readonly durability: string;
  readonly run: RunResult;
  readonly phase: PhaseResult;
  readonly latency: LatencyResult | null;
}

type Cell = string | number | null | undefined;

const COLUMNS: Readonly<Record<string, (source: RowSource) => Cell>> = {
  experiment: ({ run }) => run.experiment,
  workload: ({ run }) => run.workload,
  variant: ({ run }) => run.variant,
  repeat: ({ run }) => run.repeat,
  durability: ({ durability }) => durability,
  phase: ({ phase }) => phase.name,
  calls: ({ phase }) => phase.calls,
  operation: ({ phase, latency }) => latency?.kind ?? phase.kind,
  operations: ({ phase, latency }) => latency?.count ?? phase.operations,
  seconds: ({ phase }) => phase.seconds,
  operations_per_second: ({ phase }) => phase.operationsPerSecond,
  entries: ({ phase }) => phase.entries,
  entries_per_second: ({ phase }) => phase.entriesPerSecond,
  mean_us: ({ latency }) => latency?.meanUs,
  p50_us: ({ latency }) => latency?.p50Us,
  p99_us: ({ latency }) => latency?.p99Us,
  p999_us: ({ latency }) => latency?.p999Us,
  max_us: ({ latency }) => latency?.maxUs,
  stall_ms: ({ phase }) => phase.counters?.stallMs,
  slowdown_ms: ({ phase }) => phase.counters?.slowdownMs,
  cpu_seconds: ({ phase }) => phase.cpuSeconds,
  write_amplification: ({ run }) => run.amplification?.write,
  read_blocks_per_lookup: ({ run }) => run.amplification?.readBlocksPerLookup,
  runs_per_lookup: ({ run }) => run.amplification?.runsPerLookup,
  space_amplification: ({ run }) => run.amplification?.space,
  filter_bytes: ({ run }) => run.filters?.bytes,
  false_positives_per_miss: ({ run }) => run.filters?.falsePositivesPerMiss,
};

const NAMES: readonly string[] = Object.keys(COLUMNS);

/** One row, by column; an empty text where a figure does not apply. */
export type CsvRecord = Readonly<Record<string, string>>;

/** All results as text with a header row. */
export function resultsToCsv(results: BenchResults): string {
  const { durability } = results;
  const lines = [NAMES.join(',')];
  for (const run of results.experiments.flatMap(({ runs }) => runs)) {
    for (const phase of run.phases) {
      const kinds = phase.latencies.length === 0 ? [null] : phase.latencies;
      for (const latency of kinds) {
        const source = { durability, run, phase, latency };
        lines.push(formatCsvRow(Object.values(COLUMNS).map((read) => read(source) ?? '')));
      }
    }
  }
  return `${lines.join('\n')}\n`;
}

/** Reads back what {@link resultsToCsv} wrote. */
export function parseResultsCsv(text: string): CsvRecord[] {
  const [header, ...lines] = text.trimEnd().split('\n');
  if (header !== NAMES.join(',')) throw new Error('These are not results of the bench.');
  return lines.map((line) => {
    const fields = parseCsvRow(line);
    if (typeof fields === 'string') throw new Error(`A row can't be read: ${fields}.`);
    return Object.fromEntries(NAMES.map((name, i) => [name, fields[i] ?? '']));
  });
}
