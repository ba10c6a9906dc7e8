/** The summary as a table for the terminal: a row per figure, a column per variant, units in every row. */
import Table from 'cli-table3';
import { digits, formatBytes, formatCount, formatMicroseconds, formatSeconds } from './format.ts';
import type { FigureUnit, Spread, SummaryRow, WorkloadSummary } from './summary.ts';

/** One figure as text, with its unit. */
export function formatFigure(value: number, unit: FigureUnit): string {
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
    style: style ? {} : { head: [], border: [] },
  });
  let phase = '';
  for (const row of summary.rows) {
    if (row.phase !== phase && row.phase !== '') {
      const title = row.calls === '' ? row.phase : `${row.phase}: ${row.calls}`;
      table.push([{ content: title, colSpan: summary.variants.length + 1 }]);
    }
    phase = row.phase;
    table.push([rowTitle(row), ...row.spreads.map((spread, i) => cell(row, spread, i))]);
  }
  return table.toString();
}

function rowTitle(row: SummaryRow): string {
  return row.phase === '' ? row.figure : `  ${row.figure}`;
}

function cell(row: SummaryRow, spread: Spread | null, variant: number): string {
  const text = formatSpread(spread, row.unit);
  return row.best === variant ? `* ${text}` : text;
}

/** Explains the cells. */
export const TABLE_LEGEND =
  'Medians of the repeats (range of all repeats). * = better than every other, ranges not touching.';
