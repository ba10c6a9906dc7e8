/** The matrix for the terminal: a table per workload, then the choices and what has to hold. */
import Table from 'cli-table3';
import { figureOf } from '../matrix/differences.ts';
import type { FigureName, MatrixCell, MatrixResults } from '../matrix/results.ts';
import { digits, formatCount } from './format.ts';

const FIGURES: readonly (readonly [string, FigureName])[] = [
  ['writes', 'writes'],
  ['runs', 'runs'],
  ['space', 'space'],
  ['blocks/hit', 'hit'],
  ['/miss', 'miss'],
  ['/scan', 'scan'],
];

/** Explains the cells. */
const LEGEND =
  'Engine · simulator · predict; amplifications and means after each flush; ! more than 25 % from the engine’s figure, why is in the report.';

/** Everything as text. `style` is off for tests and files. */
export function renderMatrix(results: MatrixResults, style = true): string {
  const parts = results.workloads.flatMap(({ name, title }) => {
    const cells = results.cells.filter(({ workload }) => workload === name);
    return cells.length === 0 ? [] : [`\n${name}: ${title}\n${cellTable(cells, style)}`];
  });
  return [...parts, LEGEND, '', ...choices(results), '', ...verdicts(results)].join('\n');
}

function cellTable(cells: readonly MatrixCell[], style: boolean): string {
  const table = new Table({
    head: ['size', 'strategy', ...FIGURES.map(([name]) => name), 'full speed'],
    colAligns: ['right', 'left', ...FIGURES.map(() => 'right' as const), 'right'],
    chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
    style: style ? { head: ['bold'], border: ['grey'] } : { head: [], border: [] },
  });
  for (const cell of cells.toSorted((a, b) => a.size - b.size)) {
    const { fullSpeed } = cell.extras;
    table.push([
      `${cell.size}x`,
      cell.strategy,
      ...FIGURES.map(([, figure]) => figureText(cell, figure)),
      fullSpeed === null ? '–' : `${formatCount(fullSpeed.operationsPerSecond)}/s`,
    ]);
  }
  return table.toString();
}

function figureText(
  { engine, simulator, predicted, differences }: MatrixCell,
  figure: FigureName,
): string {
  const foretold: Partial<Record<FigureName, number>> = {
    ...(predicted !== null && {
      writes: predicted.writeAmplification,
      runs: predicted.runs,
      space: predicted.spaceAmplification,
    }),
  };
  const mark = (by: 'simulator' | 'predict'): string =>
    differences.some((one) => one.figure === figure && one.by === by) ? '!' : '';
  return [
    ...text(figureOf(engine, figure)),
    ...text(figureOf(simulator, figure)).map((value) => value + mark('simulator')),
    ...text(foretold[figure]).map((value) => value + mark('predict')),
  ].join(' · ');
}

/** None where the source does not have the figure. */
function text(value: number | null | undefined): string[] {
  return value === undefined ? [] : [value === null ? '–' : digits(value)];
}

function choices({ choices: all }: MatrixResults): string[] {
  return all.flatMap(({ workload, size, writes, reads, space, balanced }) => [
    `${workload} (${size}x)`,
    `  writes least: ${writes}`,
    `  reads cheapest: ${reads}`,
    `  least space: ${space}`,
    `  together: ${balanced}`,
  ]);
}

function verdicts({ verdicts: all }: MatrixResults): string[] {
  return all.map(({ claim, holds, evidence }) => {
    const word = holds === null ? 'reported' : holds ? 'holds' : 'FAILS';
    return `${word}: ${claim} (${evidence})`;
  });
}
