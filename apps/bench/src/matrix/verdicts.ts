/**
 * What has to hold of the matrix: on uniform overwrites, at each size, leveled writes more than tiered and lazy
 * leveling do, has fewer runs to ask and cheaper scans, and takes less space than tiered; so does lazy leveling.
 *
 * Only reported: who of tiered and lazy leveling writes less, and who of leveled and lazy leveling takes less space.
 * Both depend on how full the last level is; theory gives the last two the same bound.
 */
import { digits } from '../report/format.ts';
import { figureOf, NO_REASON } from './differences.ts';
import type { CellFigures, FigureName, MatrixCell, MatrixVerdict } from './results.ts';

const WORKLOAD = 'uniform';
/** Lazy leveling is what `hybrid` is by default. */
const OTHERS: readonly string[] = ['tiered', 'hybrid'];

const CLAIMS: readonly {
  readonly figure: FigureName;
  readonly words: string;
  readonly more: boolean;
  /** Strategies against which it is reported only. */
  readonly reports?: readonly string[];
}[] = [
  { figure: 'writes', words: 'writes more than', more: true },
  { figure: 'runs', words: 'has fewer runs than', more: false },
  { figure: 'scan', words: 'reads fewer blocks for a short scan than', more: false },
  { figure: 'space', words: 'takes less space than', more: false, reports: ['hybrid'] },
];

/** The verdicts that the cells allow. */
export function verdictsOf(cells: readonly MatrixCell[]): MatrixVerdict[] {
  const sizes = [...new Set(cells.map(({ size }) => size))].sort((a, b) => a - b);
  const ofSizes = sizes.flatMap((size) => {
    const find = (strategy: string): MatrixCell | undefined =>
      cells.find(
        (cell) => cell.workload === WORKLOAD && cell.size === size && cell.strategy === strategy,
      );
    const leveled = find('leveled');
    if (leveled === undefined) return [];
    const others = OTHERS.map(find).filter((cell) => cell !== undefined);
    const ordered = others.flatMap((other) =>
      CLAIMS.map(({ figure, words, more, reports = [] }): MatrixVerdict => {
        const claim = `${WORKLOAD}, ${size}x: leveled ${words} ${other.strategy}`;
        const { holds, evidence } = verdict(leveled, other, figure, more);
        if (!reports.includes(other.strategy)) return { claim, holds, evidence };
        return { claim: `${claim}: ${holds === true ? 'yes' : 'no'}`, holds: null, evidence };
      }),
    );
    const tiered = find('tiered');
    const lazy = find('hybrid');
    if (tiered === undefined || lazy === undefined) return ordered;
    const claim = `${WORKLOAD}, ${size}x: hybrid takes less space than tiered`;
    const space = { claim, ...verdict(lazy, tiered, 'space', false) };
    return [...ordered, space, reported(tiered, lazy, size)];
  });
  return [...ofSizes, reasonsOf(cells)];
}

/** Whether something differs from what was foretold, and nobody knows why. */
function reasonsOf(cells: readonly MatrixCell[]): MatrixVerdict {
  const differences = cells.flatMap((cell) => cell.differences);
  const unexplained = differences.filter(({ reasons }) => reasons.includes(NO_REASON));
  return {
    claim: 'every difference of more than a quarter has a reason that was counted',
    holds: null,
    evidence: `${differences.length} differences, ${unexplained.length} of them without`,
  };
}

function verdict(
  one: MatrixCell,
  other: MatrixCell,
  figure: FigureName,
  more: boolean,
): Pick<MatrixVerdict, 'holds' | 'evidence'> {
  const compare = (figures: (cell: MatrixCell) => CellFigures): { a: number; b: number } => ({
    a: figureOf(figures(one), figure) ?? Number.NaN,
    b: figureOf(figures(other), figure) ?? Number.NaN,
  });
  const engine = compare((cell) => cell.engine);
  const simulator = compare((cell) => cell.simulator);
  return {
    holds: more ? engine.a > engine.b : engine.a < engine.b,
    evidence: `${digits(engine.a)} against ${digits(engine.b)}; simulator ${digits(simulator.a)} against ${digits(simulator.b)}`,
  };
}

function reported(tiered: MatrixCell, lazy: MatrixCell, size: number): MatrixVerdict {
  const { a, b } = {
    a: tiered.engine.writeAmplification ?? Number.NaN,
    b: lazy.engine.writeAmplification ?? Number.NaN,
  };
  return {
    claim: `${WORKLOAD}, ${size}x: who of tiered and lazy leveling (hybrid) writes less`,
    holds: null,
    evidence: `tiered writes ${digits(a)}, hybrid ${digits(b)}: ${a < b ? 'tiered' : 'hybrid'} writes less, by ${digits(100 * Math.abs(1 - Math.min(a, b) / Math.max(a, b)))} %`,
  };
}
