/**
 * "Choose a strategy", made from the results: for each workload, at its largest size, who writes least, reads
 * cheapest, takes least space, and who pays least over its best for all three together.
 *
 * Reads are blocks: of one lookup that finds, one that does not, and one scan of ten, as each workload weighs them.
 * "All together" is the geometric mean of the three ratios to the best. Strategies within 5 % of the best are named
 * with it.
 */
import { digits } from '../report/format.ts';
import type { CellFigures, MatrixCell, MatrixChoice } from './results.ts';

/** Within so much of the best, a strategy is as good. */
const TIE = 1.05;

/** Weights of hits, misses and scans by workload; all alike elsewhere. */
const READ_WEIGHTS: Readonly<Record<string, readonly [number, number, number]>> = {
  'read-mostly': [0.5, 0.45, 0],
  scans: [0, 0, 1],
  queue: [1, 0, 0],
};

interface Candidate {
  readonly name: string;
  readonly writes: number | null;
  readonly reads: number;
  readonly space: number;
}

/** The choices for all workloads, in their order. */
export function choicesOf(
  cells: readonly MatrixCell[],
  workloads: readonly { readonly name: string; readonly title: string }[],
): MatrixChoice[] {
  return workloads.flatMap(({ name, title }) => {
    const ofWorkload = cells.filter(({ workload }) => workload === name);
    if (ofWorkload.length === 0) return [];
    const largest = Math.max(...ofWorkload.map(({ size }) => size));
    const candidates = ofWorkload
      .filter(({ size }) => size === largest)
      .map(({ strategy, engine }) => candidateOf(strategy, engine, name));
    return [
      {
        workload: name,
        title,
        size: largest,
        writes: best(candidates, ({ writes }) => writes, 'bytes written for each that you write'),
        reads: best(candidates, ({ reads }) => reads, 'blocks a read'),
        space: best(candidates, ({ space }) => space, 'times the data on disk'),
        balanced: balanced(candidates),
      },
    ];
  });
}

/** Blocks of a read as the workload weighs them. */
export function readCost({ hit, miss, scan }: CellFigures, workload: string): number {
  const [hits, misses, scans] = READ_WEIGHTS[workload] ?? [1, 1, 1];
  const weighed = hits * hit.blocks + misses * miss.blocks + scans * scan.blocks;
  return weighed / (hits + misses + scans);
}

function candidateOf(name: string, figures: CellFigures, workload: string): Candidate {
  return {
    name,
    writes: figures.writeAmplification,
    reads: readCost(figures, workload),
    space: figures.spaceMean,
  };
}

function best(
  candidates: readonly Candidate[],
  read: (candidate: Candidate) => number | null,
  words: string,
): string {
  const valued = candidates
    .map((candidate) => ({ name: candidate.name, value: read(candidate) }))
    .filter((one): one is { name: string; value: number } => one.value !== null)
    .sort((a, b) => a.value - b.value);
  const first = valued[0];
  if (first === undefined) return 'nothing is written';
  const ties = valued.filter(({ value }) => value <= first.value * TIE);
  const worst = valued.at(-1)!;
  if (ties.length === valued.length && valued.length > 1) {
    const range = [...new Set([digits(first.value), digits(worst.value)])].join(' to ');
    return `all alike: ${range} ${words}`;
  }
  const named = ties.map(({ name, value }) => `${name} (${digits(value)})`).join(' or ');
  const rest = ties.length < valued.length ? `; most: ${worst.name}, ${digits(worst.value)}` : '';
  return `${named} ${words}${rest}`;
}

function balanced(candidates: readonly Candidate[]): string {
  const least = (read: (candidate: Candidate) => number | null): number =>
    Math.min(...candidates.map(read).filter((value) => value !== null));
  const bests = {
    writes: least(({ writes }) => writes),
    reads: least(({ reads }) => reads),
    space: least(({ space }) => space),
  };
  const scored = candidates
    .map(({ name, writes, reads, space }) => {
      const ratios = {
        writes: writes === null ? 1 : writes / bests.writes,
        reads: reads / bests.reads,
        space: space / bests.space,
      };
      return { name, ratios, score: Math.cbrt(ratios.writes * ratios.reads * ratios.space) };
    })
    .sort((a, b) => a.score - b.score);
  const first = scored[0]!;
  const pays = (['writes', 'reads', 'space'] as const)
    .filter((part) => first.ratios[part] > TIE)
    .map((part) => `${part} ${digits(first.ratios[part])} times the best`);
  const price = pays.length === 0 ? 'the best, or within 5 % of it, in all three' : pays.join(', ');
  const ties = scored.slice(1).filter(({ score }) => score <= first.score * TIE);
  const others = ties.length === 0 ? '' : `; as good: ${ties.map(({ name }) => name).join(', ')}`;
  return `${first.name}: ${price}${others}`;
}
