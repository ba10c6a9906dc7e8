/** The results as CSV: one row per run, phase and kind of operation, with the units in the column names. */
import { formatCsvRow, parseCsvRow } from '../data/csv-rows.ts';
import type { BenchResults, LatencyResult, PhaseResult, RunResult } from '../results.ts';

/** Columns, in order. */
export const CSV_COLUMNS = [
  'experiment',
  'workload',
  'variant',
  'repeat',
  'durability',
  'phase',
  'calls',
  'operation',
  'operations',
  'seconds',
  'operations_per_second',
  'entries',
  'entries_per_second',
  'mean_us',
  'p50_us',
  'p99_us',
  'p999_us',
  'max_us',
  'stall_ms',
  'slowdown_ms',
  'cpu_seconds',
  'write_amplification',
  'read_blocks_per_lookup',
  'runs_per_lookup',
  'space_amplification',
  'filter_bytes',
  'false_positives_per_miss',
] as const;

/** One row, by column. */
export type CsvRecord = Record<(typeof CSV_COLUMNS)[number], string>;

/** All results as text with a header row. */
export function resultsToCsv(results: BenchResults): string {
  const lines = [CSV_COLUMNS.join(',')];
  for (const { runs } of results.experiments) {
    for (const run of runs) {
      for (const phase of run.phases) {
        const kinds = phase.latencies.length === 0 ? [null] : phase.latencies;
        for (const latency of kinds) lines.push(rowOf(results.durability, run, phase, latency));
      }
    }
  }
  return `${lines.join('\n')}\n`;
}

/** Reads back what {@link resultsToCsv} wrote. */
export function parseResultsCsv(text: string): CsvRecord[] {
  const [header, ...lines] = text.trimEnd().split('\n');
  if (header !== CSV_COLUMNS.join(',')) throw new Error('These are not results of the bench.');
  return lines.map((line) => {
    const fields = parseCsvRow(line);
    if (typeof fields === 'string') throw new Error(`A row can't be read: ${fields}.`);
    return Object.fromEntries(CSV_COLUMNS.map((name, i) => [name, fields[i] ?? ''])) as CsvRecord;
  });
}

function rowOf(
  durability: string,
  run: RunResult,
  phase: PhaseResult,
  latency: LatencyResult | null,
): string {
  const { amplification, filters } = run;
  return formatCsvRow([
    run.experiment,
    run.workload,
    run.variant,
    run.repeat,
    durability,
    phase.name,
    phase.calls,
    latency?.kind ?? phase.kind,
    latency?.count ?? phase.operations,
    phase.seconds,
    phase.operationsPerSecond,
    phase.entries ?? '',
    phase.entriesPerSecond ?? '',
    latency?.meanUs ?? '',
    latency?.p50Us ?? '',
    latency?.p99Us ?? '',
    latency?.p999Us ?? '',
    latency?.maxUs ?? '',
    phase.counters?.stallMs ?? '',
    phase.counters?.slowdownMs ?? '',
    phase.cpuSeconds,
    amplification?.write ?? '',
    amplification?.readBlocksPerLookup ?? '',
    amplification?.runsPerLookup ?? '',
    amplification?.space ?? '',
    filters?.bytes ?? '',
    filters?.falsePositivesPerMiss ?? '',
  ]);
}
