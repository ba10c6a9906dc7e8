/** The matrix as CSV: one row per cell and source (engine, simulator, predict). */
import { formatCsvRow } from '../data/csv-rows.ts';
import type { CellFigures, MatrixCell, MatrixResults } from '../matrix/results.ts';

const COLUMNS = [
  'workload',
  'size_memtables',
  'entries',
  'strategy',
  'source',
  'write_amplification',
  'log_amplification',
  'runs_mean',
  'runs_max',
  'space_amplification_mean',
  'space_amplification_max',
  'runs_per_hit',
  'blocks_per_hit',
  'runs_per_miss',
  'blocks_per_miss',
  'blocks_per_scan_of_10',
  'largest_merge_share',
  'flushes',
  'merges',
  'moves',
  'full_speed_operations_per_second',
  'full_speed_stalls',
  'full_speed_stall_ms',
] as const;

type Row = Partial<Record<(typeof COLUMNS)[number], string | number | null>>;

/** All cells as text with a header row. */
export function matrixToCsv({ cells }: Pick<MatrixResults, 'cells'>): string {
  const lines = cells
    .flatMap(rowsOf)
    .map((row) => formatCsvRow(COLUMNS.map((column) => row[column] ?? '')));
  return `${[COLUMNS.join(','), ...lines].join('\n')}\n`;
}

function rowsOf(cell: MatrixCell): Row[] {
  const { workload, size, entries, strategy, extras, predicted } = cell;
  const head = { workload, size_memtables: size, entries, strategy };
  const rows: Row[] = [
    {
      ...head,
      source: 'engine',
      ...figures(cell.engine),
      log_amplification: extras.logAmplification,
      full_speed_operations_per_second: extras.fullSpeed?.operationsPerSecond ?? null,
      full_speed_stalls: extras.fullSpeed?.stalls ?? null,
      full_speed_stall_ms: extras.fullSpeed?.stallMs ?? null,
    },
    { ...head, source: 'simulator', ...figures(cell.simulator) },
  ];
  if (predicted !== null) {
    rows.push({
      ...head,
      source: 'predict',
      write_amplification: predicted.writeAmplification,
      runs_mean: predicted.runs,
      space_amplification_mean: predicted.spaceAmplification,
    });
  }
  return rows;
}

function figures({ facts, hit, miss, scan, ...one }: CellFigures): Row {
  return {
    write_amplification: one.writeAmplification,
    runs_mean: one.runsMean,
    runs_max: one.runsMax,
    space_amplification_mean: one.spaceMean,
    space_amplification_max: one.spaceMax,
    runs_per_hit: hit.runs,
    blocks_per_hit: hit.blocks,
    runs_per_miss: miss.runs,
    blocks_per_miss: miss.blocks,
    blocks_per_scan_of_10: scan.blocks,
    largest_merge_share: one.largestTask,
    flushes: facts.flushes,
    merges: facts.merges,
    moves: facts.moves,
  };
}
