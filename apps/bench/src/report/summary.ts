/**
 * Repeats condensed: the median and the range of each figure, by workload, row and variant. A variant is called best
 * at a figure only if its range of at least three repeats does not touch any other's.
 */
import type { ExperimentResult, PhaseResult, RunResult } from '../results.ts';

/** One figure over all repeats. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
  /** How many repeats there were. */
  readonly repeats: number;
}

/** Of fewer repeats nothing is concluded. */
const REPEATS_MIN = 3;
/** Ranges that are nearer to each other than this factor count as touching. */
const DIFFERENCE_MIN = 1.01;

/** How a figure is to be read. */
export type FigureUnit = 'per second' | 'µs' | 'ratio' | 'ms' | 'bytes' | 'seconds' | 'count';

/** One figure of all variants. */
export interface SummaryRow {
  /** Empty for figures of the whole run. */
  readonly phase: string;
  readonly figure: string;
  readonly unit: FigureUnit;
  readonly calls: string;
  /** By variant, in the experiment's order; `null` where it does not apply. */
  readonly spreads: readonly (Spread | null)[];
  /** Index of the variant that is best beyond doubt, or −1. */
  readonly best: number;
}

/** One workload of an experiment. */
export interface WorkloadSummary {
  readonly workload: string;
  readonly title: string;
  readonly variants: readonly string[];
  readonly rows: readonly SummaryRow[];
}

type Read<T> = (item: T) => number | null;
interface Figure<T> {
  readonly figure: string;
  readonly unit: FigureUnit;
  readonly better: 'more' | 'less' | 'neither';
  readonly read: Read<T>;
}

const PHASE_FIGURES: readonly Figure<PhaseResult>[] = [
  {
    figure: 'operations',
    unit: 'per second',
    better: 'more',
    read: (phase) => (phase.kind === 'operations' ? phase.operationsPerSecond : null),
  },
  {
    figure: 'entries',
    unit: 'per second',
    better: 'more',
    read: (phase) => phase.entriesPerSecond,
  },
  { figure: 'p50', unit: 'µs', better: 'less', read: (phase) => phase.latencies[0]?.p50Us ?? null },
  { figure: 'p99', unit: 'µs', better: 'less', read: (phase) => phase.latencies[0]?.p99Us ?? null },
  {
    figure: 'p99.9',
    unit: 'µs',
    better: 'less',
    read: (phase) => phase.latencies[0]?.p999Us ?? null,
  },
  {
    figure: 'time',
    unit: 'seconds',
    better: 'less',
    read: (phase) => (phase.kind === 'settle' ? phase.seconds : null),
  },
];

const RUN_FIGURES: readonly Figure<RunResult>[] = [
  amplification('write amplification', 'write'),
  amplification('… of it the log', 'writeLog', 'neither'),
  amplification('read amplification (blocks from files per lookup)', 'readBlocksPerLookup'),
  amplification('runs asked per lookup', 'runsPerLookup'),
  amplification('space amplification (files ÷ live data)', 'space'),
  amplification('space amplification, peak', 'spacePeak'),
  runFigure('write stalls', 'ms', 'less', (run) => sumOf(run, 'stallMs')),
  runFigure('write slowdowns', 'ms', 'less', (run) => sumOf(run, 'slowdownMs')),
  runFigure('bytes on disk', 'bytes', 'less', (run) => run.directoryBytes),
  runFigure('filters and indexes', 'bytes', 'less', (run) => run.filters?.bytes ?? null),
  runFigure('bits per key', 'ratio', 'neither', (run) => run.filters?.bitsPerKeyMean ?? null),
  runFigure(
    'false positives per missing key',
    'ratio',
    'less',
    (run) => run.filters?.falsePositivesPerMiss ?? null,
  ),
  runFigure('CPU', 'seconds', 'less', (run) =>
    run.phases.reduce((sum, phase) => sum + phase.cpuSeconds, 0),
  ),
  runFigure('whole run', 'seconds', 'less', (run) => run.seconds),
];

/** Condenses an experiment. */
export function summarize(experiment: ExperimentResult): WorkloadSummary[] {
  return experiment.workloads.map(({ name, title }) => {
    const byVariant = experiment.variants.map((variant) =>
      experiment.runs.filter((run) => run.workload === name && run.variant === variant.name),
    );
    return {
      workload: name,
      title,
      variants: experiment.variants.map((variant) => variant.name),
      rows: [...phaseRows(byVariant), ...runRows(byVariant)],
    };
  });
}

/** Median, least and most of values; `null` if there are none. */
export function spreadOf(values: readonly number[]): Spread | null {
  if (values.length === 0) return null;
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median =
    sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { median, low: sorted[0]!, high: sorted.at(-1)!, repeats: values.length };
}

/** The one that is beyond all others in the better direction, ranges not touching; −1 if there is none. */
export function clearBest(
  spreads: readonly (Spread | null)[],
  better: 'more' | 'less' | 'neither',
): number {
  if (better === 'neither') return -1;
  const others = spreads.filter((spread) => spread !== null);
  if (others.length < 2 || others.some(({ repeats }) => repeats < REPEATS_MIN)) return -1;
  return spreads.findIndex(
    (spread) =>
      spread !== null &&
      others.every(
        (other) =>
          other === spread ||
          (better === 'more'
            ? spread.low > other.high * DIFFERENCE_MIN
            : spread.high * DIFFERENCE_MIN < other.low),
      ),
  );
}

function phaseRows(byVariant: readonly (readonly RunResult[])[]): SummaryRow[] {
  const names = new Map<string, string>();
  for (const run of byVariant.flat()) {
    for (const phase of run.phases) names.set(phase.name, phase.calls);
  }
  return [...names].flatMap(([phase, calls]) =>
    PHASE_FIGURES.map((figure) => {
      const values = byVariant.map((runs) =>
        present(
          runs.flatMap((run) => run.phases.filter(({ name }) => name === phase)),
          figure.read,
        ),
      );
      return rowOf(phase, calls, figure, values);
    }).filter((row) => row !== null),
  );
}

function runRows(byVariant: readonly (readonly RunResult[])[]): SummaryRow[] {
  return RUN_FIGURES.map((figure) =>
    rowOf(
      '',
      '',
      figure,
      byVariant.map((runs) => present(runs, figure.read)),
    ),
  ).filter((row) => row !== null);
}

function rowOf<T>(
  phase: string,
  calls: string,
  { figure, unit, better }: Figure<T>,
  values: readonly (readonly number[])[],
): SummaryRow | null {
  const spreads = values.map(spreadOf);
  if (spreads.every((spread) => spread === null)) return null;
  return { phase, figure, unit, calls, spreads, best: clearBest(spreads, better) };
}

function present<T>(items: readonly T[], read: Read<T>): number[] {
  return items.map(read).filter((value) => value !== null);
}

function runFigure(
  figure: string,
  unit: FigureUnit,
  better: Figure<RunResult>['better'],
  read: Read<RunResult>,
): Figure<RunResult> {
  return { figure, unit, better, read };
}

function amplification(
  figure: string,
  name: 'write' | 'writeLog' | 'readBlocksPerLookup' | 'runsPerLookup' | 'space' | 'spacePeak',
  better: Figure<RunResult>['better'] = 'less',
): Figure<RunResult> {
  return runFigure(figure, 'ratio', better, (run) => run.amplification?.[name] ?? null);
}

function sumOf(run: RunResult, name: 'stallMs' | 'slowdownMs'): number | null {
  if (run.phases.every((phase) => phase.counters === null)) return null;
  return run.phases.reduce((sum, phase) => sum + (phase.counters?.[name] ?? 0), 0);
}
