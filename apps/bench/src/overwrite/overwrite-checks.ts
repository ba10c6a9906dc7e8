/**
 * What has to hold of the best strategy for writes, against leveled with uniform filters. The best is the one that
 * writes least of those that keep the bound on space.
 */
import { digits, formatBytes } from '../report/format.ts';
import type { OverwriteResult } from './overwrite-run.ts';

const WRITES_MAX = 0.6;
const SPACE_MAX = 1.35;
/** By how much its filters may take more memory; less only makes it harder. */
const MEMORY_EXCESS_MAX = 0.02;

/** A claim, whether it holds, and the figures. */
export interface OverwriteCheck {
  readonly claim: string;
  readonly holds: boolean;
  readonly evidence: string;
}

/** The one that writes least of those within the bound on space; of all, if none is. */
export function bestForWrites(results: readonly OverwriteResult[]): OverwriteResult {
  const within = results.filter(({ spaceAmplification }) => spaceAmplification <= SPACE_MAX);
  return (within.length > 0 ? within : results).reduce((best, result) =>
    result.writeAmplification < best.writeAmplification ? result : best,
  );
}

/**
 * Checks the best of the others against leveled.
 *
 * @param leveled - with uniform filters
 * @param others - with Monkey; at least one
 */
export function checkOverwrite(
  leveled: OverwriteResult,
  others: readonly OverwriteResult[],
): readonly OverwriteCheck[] {
  const best = bestForWrites(others);
  const writes = best.writeAmplification / leveled.writeAmplification;
  const memory = best.filterBytes / leveled.filterBytes;
  return [
    {
      claim: `${best.strategy} has at most ${100 * WRITES_MAX} % of leveled's write amplification`,
      holds: writes <= WRITES_MAX,
      evidence: `${digits(best.writeAmplification)} ÷ ${digits(leveled.writeAmplification)} = ${digits(100 * writes)} %`,
    },
    {
      claim: `its files take at most ${SPACE_MAX} times a compacted copy, on average over the second half`,
      holds: best.spaceAmplification <= SPACE_MAX,
      evidence: digits(best.spaceAmplification),
    },
    {
      claim: `its filters take no more memory than leveled's, within ${100 * MEMORY_EXCESS_MAX} %`,
      holds: memory <= 1 + MEMORY_EXCESS_MAX,
      evidence: `${formatBytes(best.filterBytes)}, ${formatBytes(leveled.filterBytes)}`,
    },
    {
      claim:
        'with Monkey it reads no more blocks for absent keys than leveled with uniform filters',
      holds: best.blockReadsPerMiss <= leveled.blockReadsPerMiss,
      evidence: `${best.blockReadsPerMiss.toFixed(4)}, ${leveled.blockReadsPerMiss.toFixed(4)} for each`,
    },
  ];
}
