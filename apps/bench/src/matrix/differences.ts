/**
 * Where the engine's figures differ from what was foretold by more than a quarter, and why, as far as the counted facts
 * tell. Every reason is a statement about this cell that was found true of it; where none applies, it says so.
 */
import { digits } from '../report/format.ts';
import type { Calibration } from './matrix-config.ts';
import { flushBytesOf } from './prediction.ts';
import type {
  CellFacts,
  CellFigures,
  CellPrediction,
  Difference,
  FigureName,
  MatrixCell,
} from './results.ts';

/** Said of a difference that none of the counted facts explains. */
export const NO_REASON = 'none of the counted facts tells why';
/** By how much figures have to differ to be named. */
export const DIFFERENCE_MIN = 0.25;
/** Reads of fewer blocks than this do not make a difference. */
const BLOCKS_MIN = 0.02;
/** A share from which a fact counts as a reason. */
const SHARE_MIN = 0.05;
/** Flushes below which a phase is short. */
const FLUSHES_MIN = 30;
const MOVES_SHARE_MIN = 0.15;

/** Names of figures for readers. */
export const FIGURE_TITLES: Readonly<Record<FigureName, string>> = {
  writes: 'write amplification',
  runs: 'runs',
  space: 'space amplification',
  hit: 'blocks per lookup that finds',
  miss: 'blocks per lookup that does not',
  scan: 'blocks per scan of ten',
  task: 'largest merge',
};

/** What is compared, and what the strategy and the workload are like. */
type Cell = Pick<MatrixCell, 'engine' | 'simulator' | 'predicted' | 'entries' | 'size'>;

/** A figure by its name; `null` where there is none. */
export function figureOf(figures: CellFigures, name: FigureName): number | null {
  switch (name) {
    case 'writes':
      return figures.writeAmplification;
    case 'runs':
      return figures.runsMean;
    case 'space':
      return figures.spaceMean;
    case 'task':
      return figures.largestTask;
    case 'hit':
    case 'miss':
    case 'scan':
      return figures[name].blocks;
  }
}

/**
 * All differences of a cell.
 *
 * @param ratio - how much larger each level of the strategy is than the one above; `null` if it has no such thing
 */
export function differencesOf(
  cell: Cell,
  calibration: Calibration,
  ratio: number | null,
): Difference[] {
  const found: Difference[] = [];
  const compare = (
    figure: FigureName,
    by: Difference['by'],
    foretold: number | null,
    reasons: () => string[],
  ): void => {
    const measured = figureOf(cell.engine, figure);
    if (measured === null || foretold === null || isNear(measured, foretold, figure)) return;
    const known = reasons();
    found.push({ figure, by, measured, foretold, reasons: known.length > 0 ? known : [NO_REASON] });
  };
  for (const figure of Object.keys(FIGURE_TITLES) as FigureName[]) {
    compare(figure, 'simulator', figureOf(cell.simulator, figure), () =>
      simulatorReasons(figure, cell),
    );
  }
  const { predicted } = cell;
  if (predicted !== null) {
    const levels = levelReason(cell, ratio, calibration);
    compare('writes', 'predict', predicted.writeAmplification, () =>
      writeReasons(cell, predicted, levels),
    );
    compare('runs', 'predict', predicted.runs, () => [
      ...levels,
      `figures are taken when all work is done; there were ${digits(cell.engine.runsMean)} runs then on average, ${cell.engine.runsMax} at most, and the formula takes each level for half full`,
    ]);
    compare('space', 'predict', predicted.spaceAmplification, () => spaceReasons(cell, predicted));
  }
  return found;
}

/** Whether two figures differ by no more than is worth naming. */
function isNear(measured: number, foretold: number, figure: FigureName): boolean {
  const isBlocks = figure === 'hit' || figure === 'miss' || figure === 'scan';
  if (isBlocks && Math.abs(measured - foretold) < BLOCKS_MIN) return true;
  return Math.abs(measured - foretold) <= DIFFERENCE_MIN * foretold;
}

function simulatorReasons(figure: FigureName, { engine, simulator }: Cell): string[] {
  const reasons: string[] = [];
  const a = engine.facts;
  const b = simulator.facts;
  if (figure === 'hit' || figure === 'miss' || figure === 'scan') {
    return readReasons(figure, engine, simulator);
  }
  if (Math.abs(a.flushes - b.flushes) > SHARE_MIN * b.flushes) {
    reasons.push(
      `the engine flushed ${a.flushes} times, the simulator ${b.flushes} times: how many writes fill a memtable is taken over as a mean`,
    );
  }
  reasons.push(...granularity(a, b));
  if (a.merges !== b.merges || a.moves !== b.moves) {
    reasons.push(
      `the engine merged ${times(a.merges)} and moved ${times(a.moves)}, the simulator merged ${times(b.merges)} and moved ${times(b.moves)}: tables of the engine end where a block does and are weighed with their indexes, so borders fall elsewhere and tasks are cut differently`,
    );
  }
  return reasons;
}

function granularity(a: CellFacts, b: CellFacts): string[] {
  const reasons: string[] = [];
  if (Math.min(a.flushes, b.flushes) < FLUSHES_MIN) {
    reasons.push(
      `only ${a.flushes} flushes were measured; whether one more large merge falls among them decides`,
    );
  }
  const written = a.flushBytes + a.mergeBytes;
  const share = a.largestTaskBytes / Math.max(1, written);
  if (share > SHARE_MIN) {
    reasons.push(
      `the largest merge of the whole run read ${percent(share)} of the bytes that were written while it was measured: when it happens decides`,
    );
  }
  return reasons;
}

function readReasons(
  figure: 'hit' | 'miss' | 'scan',
  engine: CellFigures,
  simulator: CellFigures,
): string[] {
  const a = engine[figure];
  const b = simulator[figure];
  if (Math.abs(a.runs - b.runs) > 0.1 * b.runs) {
    return [
      `the trees differ: ${digits(a.runs)} runs were asked on the engine, ${digits(b.runs)} in the simulator`,
    ];
  }
  if (figure === 'scan') {
    return [
      `equally many runs were asked (${digits(a.runs)}); the simulator takes every run to be met in the middle of a block`,
    ];
  }
  return [
    `equally many runs were asked (${digits(a.runs)}), so it lies in the filters: the simulator has the ideal rates for the runs of the moment, the engine's split-block filters are somewhat worse and were sized when each table was built`,
  ];
}

/** Levels by the formula against those that were there. */
function levelReason(
  { engine, entries }: Cell,
  ratio: number | null,
  calibration: Calibration,
): string[] {
  const { levelsMean, lastLevelShare } = engine.facts;
  if (ratio === null) return [];
  const dataFlushes = (entries * calibration.putBytes) / flushBytesOf(calibration, engine.facts);
  const levels = Math.log(dataFlushes) / Math.log(ratio);
  return [
    `the data are ${digits(dataFlushes)} flushes, which is ${digits(levels)} levels of ratio ${ratio}; the formula counts whole levels, and takes each for full. On average ${digits(levelsMean)} levels held something, the last of them ${percent(lastLevelShare)} of it`,
  ];
}

function writeReasons(
  { engine }: Cell,
  { writeAmplification }: CellPrediction,
  levels: readonly string[],
): string[] {
  const { facts } = engine;
  const less = engine.writeAmplification! < writeAmplification;
  const reasons: string[] = [];
  const moved = facts.moves / Math.max(1, facts.moves + facts.merges);
  if (less && moved > MOVES_SHARE_MIN) {
    reasons.push(
      `${facts.moves} of ${facts.moves + facts.merges} tasks moved tables without reading them, because nothing overlapped; the formula rewrites every entry on every level`,
    );
  }
  if (less && facts.flushedShare < 1 - SHARE_MIN) {
    reasons.push(
      `${percent(1 - facts.flushedShare)} of the writes were hidden by a later one of the same key while both were in the memtable, and never reached a table`,
    );
  }
  if (less && facts.obsoleteShare > SHARE_MIN) {
    reasons.push(
      `merges left out ${percent(facts.obsoleteShare)} of what they read as obsolete; the formula writes all of it again`,
    );
  }
  if (facts.deleteShare > SHARE_MIN) {
    reasons.push(
      `${percent(facts.deleteShare)} of the writes were deletes: small entries, that go together with what they hide`,
    );
  }
  const turns = facts.flushBytes / Math.max(1, engine.samples.at(-1)?.bytes ?? 1);
  if (facts.flushes < FLUSHES_MIN) {
    reasons.push(
      `only ${facts.flushes} flushes were measured, ${percent(turns)} of the tree: not every level came to be merged, or one did by chance`,
    );
  }
  return [...reasons, ...levels];
}

function spaceReasons({ engine }: Cell, { spaceAmplification }: CellPrediction): string[] {
  const { facts, spaceMean, spaceMax } = engine;
  const obsolete = 1 - 1 / Math.max(1, spaceMean);
  if (spaceMean < spaceAmplification) {
    return [
      `the formula is an upper estimate: it takes what is above the last run for obsolete. ${percent(1 - facts.lastLevelShare)} of the bytes were above the last level, ${percent(obsolete)} of all were obsolete (${digits(spaceMax)} at the worst moment)`,
    ];
  }
  const reasons = [
    `${percent(obsolete)} of the bytes were obsolete, with ${percent(1 - facts.lastLevelShare)} above the last level: so obsolete entries stood within the last level too`,
  ];
  if (facts.deleteShare > 0 || facts.merges < facts.moves) {
    reasons.push(
      `what deletes hide stays until a merge meets both, and ${facts.moves} of ${facts.moves + facts.merges} tasks merged nothing`,
    );
  }
  return reasons;
}

function percent(share: number): string {
  return `${digits(Math.round(share * 1000) / 10)} %`;
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}
