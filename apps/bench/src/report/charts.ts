/** The charts of the report as plain data, those of bars and over time made here; page.client.js draws them with uPlot. */
import type { ExperimentResult, RunResult } from '../results.ts';
import type { FigureUnit, SummaryRow, WorkloadSummary } from './summary.ts';

/** Bars: groups of categories, one bar per variant, a line for the range of the repeats. */
export interface BarChart {
  readonly kind: 'bars';
  readonly id: string;
  readonly title: string;
  readonly unit: string;
  readonly logarithmic: boolean;
  readonly categories: readonly string[];
  readonly series: readonly {
    readonly name: string;
    readonly median: readonly (number | null)[];
    readonly low: readonly (number | null)[];
    readonly high: readonly (number | null)[];
  }[];
}

/** A figure over time, with phases and stalls behind it. */
export interface TimeChart {
  readonly kind: 'time';
  readonly id: string;
  readonly title: string;
  readonly unit: string;
  /** Index of the variant, for its colour. */
  readonly color: number;
  /** Common to all variants, so that charts compare. */
  readonly secondsMax: number;
  readonly valueMax: number;
  readonly seconds: readonly number[];
  readonly values: readonly (number | null)[];
  readonly phases: readonly { readonly name: string; readonly from: number; readonly to: number }[];
  readonly stalls: readonly { readonly from: number; readonly to: number }[];
}

/** Points in a plane, one per repeat; less is better on both axes. */
export interface ScatterChart {
  readonly kind: 'scatter';
  readonly id: string;
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly series: readonly {
    readonly name: string;
    readonly points: readonly { readonly x: number; readonly y: number }[];
  }[];
}

/** Latency against the share of calls that took longer, both logarithmic; one line per variant. */
export interface TailChart {
  readonly kind: 'tail';
  readonly id: string;
  readonly title: string;
  /** Ends of the axis, µs, common to all phases of the workload. */
  readonly usMin: number;
  readonly usMax: number;
  /** The smallest share of all phases of the workload. */
  readonly shareMin: number;
  /** Latencies of all variants, ascending, µs. */
  readonly us: readonly number[];
  readonly series: readonly {
    readonly name: string;
    /** By latency; `null` where this variant has no point. */
    readonly shares: readonly (number | null)[];
  }[];
}

/** Any chart. */
export type Chart = BarChart | TimeChart | ScatterChart | TailChart;

const AMPLIFICATIONS: readonly (readonly [string, string])[] = [
  ['write amplification', 'write'],
  ['read amplification (blocks from files per lookup)', 'read (blocks per lookup)'],
  ['space amplification (files ÷ live data)', 'space'],
  ['space amplification, peak', 'space, peak'],
];

/** The bar charts of one workload. */
export function barCharts(summary: WorkloadSummary, id: string): BarChart[] {
  const phaseRows = summary.rows.filter((row) => row.phase !== '');
  const ofFigure = (figure: string): SummaryRow[] =>
    phaseRows.filter((row) => row.figure === figure);
  const entries = ofFigure('entries');
  const handlesEntries = new Set(entries.map((row) => row.phase));
  const single = ofFigure('operations').filter((row) => !handlesEntries.has(row.phase));
  const chart = (
    suffix: string,
    title: string,
    unit: string,
    rows: readonly SummaryRow[],
  ): BarChart =>
    barsOf(
      `${id}-${suffix}`,
      title,
      unit,
      unit === 'µs',
      rows,
      summary.variants,
      ({ phase }) => phase,
    );
  const amplifications = AMPLIFICATIONS.flatMap(([figure, label]) =>
    summary.rows.filter((row) => row.figure === figure).map((row) => ({ ...row, phase: label })),
  );
  const stalls = summary.rows
    .filter((row) => row.figure === 'write stalls' || row.figure === 'write slowdowns')
    .map((row) => ({ ...row, phase: row.figure }));
  return [
    chart('throughput', 'Throughput', 'operations/s', single),
    chart('entries', 'Throughput of scans and batches', 'entries/s', entries),
    chart('p50', 'Latency p50', 'µs', ofFigure('p50')),
    chart('p99', 'Latency p99', 'µs', ofFigure('p99')),
    chart('p999', 'Latency p99.9', 'µs', ofFigure('p99.9')),
    chart('amplification', 'Amplification, from counted bytes', '×', amplifications),
    chart('stalls', 'Time that writers were held back, whole run', 'ms', stalls),
  ].filter((one) => one.categories.length > 0);
}

function barsOf(
  id: string,
  title: string,
  unit: string,
  logarithmic: boolean,
  rows: readonly { spreads: SummaryRow['spreads']; phase: string; unit: FigureUnit }[],
  variants: readonly string[],
  label: (row: { phase: string }) => string,
): BarChart {
  const pick = (index: number, part: 'median' | 'low' | 'high'): (number | null)[] =>
    rows.map((row) => row.spreads[index]?.[part] ?? null);
  return {
    kind: 'bars',
    id,
    title,
    unit,
    logarithmic,
    categories: rows.map(label),
    series: variants.map((name, index) => ({
      name,
      median: pick(index, 'median'),
      low: pick(index, 'low'),
      high: pick(index, 'high'),
    })),
  };
}

/** Throughput over time of the first repeat of each variant. */
export function timeCharts(
  experiment: ExperimentResult,
  workload: string,
  id: string,
): TimeChart[] {
  const runs = firstRuns(experiment, workload);
  const rates = runs.map(ratesOf);
  const secondsMax = Math.max(0, ...runs.map((run) => run.seconds));
  const valueMax = Math.max(
    1,
    ...rates.flatMap(({ values }) => values.filter((value) => value !== null)),
  );
  return runs.map((run, index) => ({
    kind: 'time',
    id: `${id}-time-${index}`,
    title: `${run.variant}: operations per second over time`,
    unit: 'operations/s',
    color: experiment.variants.findIndex(({ name }) => name === run.variant),
    secondsMax,
    valueMax,
    ...rates[index]!,
    phases: run.phases.map((phase) => ({
      name: phase.name,
      from: phase.startMs / 1000,
      to: phase.startMs / 1000 + phase.seconds,
    })),
    stalls: run.events
      .filter(({ kind }) => kind === 'stall')
      .map(({ startMs, endMs }) => ({ from: startMs / 1000, to: endMs / 1000 })),
  }));
}

/** The first repeat of each variant that has samples. */
export function firstRuns(experiment: ExperimentResult, workload: string): RunResult[] {
  return experiment.variants.flatMap(({ name }) =>
    experiment.runs
      .filter((run) => run.workload === workload && run.variant === name && run.samples.length > 1)
      .slice(0, 1),
  );
}

/** Rates between samples; a gap where the phase changes. */
function ratesOf(run: RunResult): { seconds: number[]; values: (number | null)[] } {
  const seconds: number[] = [];
  const values: (number | null)[] = [];
  for (let i = 1; i < run.samples.length; i++) {
    const before = run.samples[i - 1]!;
    const after = run.samples[i]!;
    const elapsed = (after.atMs - before.atMs) / 1000;
    if (elapsed <= 0) continue;
    seconds.push(after.atMs / 1000);
    const samePhase = after.phase === before.phase;
    values.push(samePhase ? (after.operations - before.operations) / elapsed : null);
  }
  return { seconds, values };
}
