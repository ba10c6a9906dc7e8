/** The summary as a table for the terminal: a row per figure, a column per variant, units in every row. */
import Table from 'cli-table3';
import { digits, formatBytes, formatCount, formatMicroseconds, formatSeconds } from './format.ts';
import type { FigureUnit, Spread, SummaryRow, WorkloadSummary } from './summary.ts';

/** One figure as text, with its unit. */
function formatFigure(value: number, unit: FigureUnit): string {
  switch (unit) {
    case 'per second':
      return `${formatCount(value)}/s`;
    case 'µs':
      return formatMicroseconds(value);
    case 'ms':
      return formatSeconds(value / 1000);
    case 'seconds':
      return formatSeconds(value);
    case 'bytes':
      return formatBytes(value);
    case 'ratio':
    case 'count':
      return digits(value);
  }
}

/** Median and, if there were repeats, the range around it in percent. */
export function formatSpread(spread: Spread | null, unit: FigureUnit): string {
  if (spread === null) return '–';
  const text = formatFigure(spread.median, unit);
  if (spread.low === spread.high || spread.median === 0) return text;
  const percent = (part: number): string => String(Math.round((part / spread.median - 1) * 100));
  return `${text} (${percent(spread.low)}…+${percent(spread.high)} %)`;
}

/** The table of one workload. `style` is off for tests and files. */
export function renderTable(summary: WorkloadSummary, durability: string, style = true): string {
  const table = new Table({
    head: [`${summary.workload} (durability ${durability})`, ...summary.variants],
    colAligns: ['left', ...summary.variants.map(() => 'right' as const)],
    chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
    style: style ? { head: ['bold'], border: ['grey'] } : { head: [], border: [] },
  });
  for (const phase of new Set(summary.rows.map((row) => row.phase))) {
    const rows = summary.rows.filter((row) => row.phase === phase);
    if (phase === '') for (const row of rows) table.push([row.figure, ...cellsOf(row)]);
    else table.push(...phaseRows(phase, rows, summary.variants.length));
  }
  return table.toString();
}

/** A phase in two lines: its rate, and its latencies. */
function phaseRows(phase: string, rows: readonly SummaryRow[], variants: number): string[][] {
  const find = (figure: string): SummaryRow | undefined =>
    rows.find((row) => row.figure === figure);
  const time = find('time');
  if (time !== undefined) return [[`  ${phase}`, ...cellsOf(time)]];
  const entries = find('entries');
  const rate = entries ?? find('operations');
  const lines: string[][] = [];
  if (rate !== undefined) {
    lines.push([entries === undefined ? phase : `${phase}, entries`, ...cellsOf(rate)]);
  }
  const latencies = [find('p50'), find('p99'), find('p99.9')];
  const cells = Array.from({ length: variants }, (_, variant) =>
    latencies.map((row) => latencyOf(row?.spreads[variant] ?? null)).join(' · '),
  );
  if (latencies[0] !== undefined) lines.push(['  p50 · p99 · p99.9', ...cells]);
  return lines;
}

function latencyOf(spread: Spread | null): string {
  return spread === null ? '–' : formatMicroseconds(spread.median);
}

function cellsOf(row: SummaryRow): string[] {
  return row.spreads.map((spread, variant) => {
    const text = formatSpread(spread, row.unit);
    return row.best === variant ? `* ${text}` : text;
  });
}

/** Explains the cells. */
export const TABLE_LEGEND =
  'Medians of the repeats (range of all repeats). * = better than every other, ranges not touching.';
