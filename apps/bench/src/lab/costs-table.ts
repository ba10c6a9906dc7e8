/** What strategies cost under a trace, as a table for the terminal. */
import type { WhatIfRow } from '@lsm/engine';
import Table from 'cli-table3';
import { digits, formatBytes, formatSeconds } from '../report/format.ts';

type Row = Pick<WhatIfRow, 'name' | 'result'> & {
  readonly failure?: string | null;
  readonly score?: number;
};

const HEAD = [
  'strategy',
  'writes',
  'space',
  'most',
  'runs',
  'most',
  'hit',
  'miss',
  'scan',
  'largest merge',
  'stalls',
  'slowdowns',
];

/** A line for each row; `score` is the last column if there is one. `style` is off for tests and files. */
export function renderCosts(rows: readonly Row[], style = true): string {
  const hasScores = rows.some(({ score }) => score !== undefined);
  const head = hasScores ? [...HEAD, 'score'] : HEAD;
  const table = new Table({
    head,
    colAligns: head.map((_, i) => (i === 0 ? 'left' : 'right')),
    chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
    style: style ? { head: ['bold'], border: ['grey'] } : { head: [], border: [] },
  });
  for (const { name, result, failure, score } of rows) {
    if (result === null) {
      table.push([name, { content: failure ?? 'no result', colSpan: head.length - 1 }]);
      continue;
    }
    const cells = [
      name,
      digits(result.writeAmplification),
      digits(result.spaceAmplification),
      digits(result.peakSpaceAmplification),
      digits(result.meanRuns),
      String(result.maxRuns),
      orDash(result.tablesPerHit),
      orDash(result.tablesPerMiss),
      orDash(result.runsPerScan),
      formatBytes(result.largestTaskBytes),
      formatSeconds(result.stallMs / 1000),
      `${Math.round(result.slowShare * 100)} %`,
    ];
    table.push(score === undefined ? cells : [...cells, score.toFixed(2)]);
  }
  return table.toString();
}

function orDash(value: number | null): string {
  return value === null ? '–' : digits(value);
}

/** Explains the columns. */
export const COSTS_LEGEND =
  'writes: bytes of flushes and merges ÷ bytes of keys and values (the log adds 1). space: bytes of tables ÷ live bytes, mean and most. runs: mean and most. hit, miss: tables read for a lookup, scan: runs merged. stalls: time in which writers stand still. slowdowns: share of flushes behind which they are held back.';
