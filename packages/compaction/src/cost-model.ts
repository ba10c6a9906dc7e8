/**
 * Closed forms for what a tree costs: writes, runs, space, filters.
 *
 * The family is *fluid* {T, K, Z}: size ratio T, at most K runs in each upper level and Z in the last. Leveling is
 * K = Z = 1, tiering K = Z = T − 1, lazy leveling K = T − 1 and Z = 1 (Dayan & Idreos, Dostoevsky, 2018).
 *
 * A first filter, not a predictor: against the simulator the write forms were off by −30 % to +81 %, the more the
 * emptier the last level is. Compare strategies with the {@link Simulator} before you rely on a difference.
 */

/** A tree of the fluid family. */
export interface FluidShape {
  /** Size ratio T, > 1. */
  readonly ratio: number;
  /** Levels L below the memtable, ≥ 1. */
  readonly levels: number;
  /** Runs K in each upper level. */
  readonly upperRuns: number;
  /** Runs Z in the last level. */
  readonly lastRuns: number;
}

/** ln(2)²: how a Bloom filter's rate falls with its bits. */
const LN2_SQUARED = Math.LN2 ** 2;

/** Levels that data needs: ceil(log_T(data / buffer · (T − 1) / T)), at least 1. */
export function levelCount(dataBytes: number, bufferBytes: number, ratio: number): number {
  const filled = (dataBytes / bufferBytes) * ((ratio - 1) / ratio);
  return Math.max(1, Math.ceil(Math.log(filled) / Math.log(ratio) - 1e-9));
}

/** Runs of a full tree: K · (L − 1) + Z. */
export function runCount({ levels, upperRuns, lastRuns }: FluidShape): number {
  return upperRuns * (levels - 1) + lastRuns;
}

/**
 * Times that an entry is rewritten by merges (Dostoevsky's form); add 1 for the flush and 1 for the log.
 *
 * (L − 1)(T − 1)/(K + 1) + (T − 1)/(Z + 1)
 */
export function writeAmplification({ ratio, levels, upperRuns, lastRuns }: FluidShape): number {
  return ((levels - 1) * (ratio - 1)) / (upperRuns + 1) + (ratio - 1) / (lastRuns + 1);
}

/** The same by Endure's form: Σ (T − 1 + K) / 2K over the levels. */
export function writeAmplificationEndure(shape: FluidShape): number {
  const { ratio, levels, upperRuns, lastRuns } = shape;
  const ofLevel = (runs: number): number => (ratio - 1 + runs) / (2 * runs);
  return (levels - 1) * ofLevel(upperRuns) + ofLevel(lastRuns);
}

/** One level by Callaghan's rule: its size against the level above, and the runs of that level. */
export interface LevelFanOut {
  readonly fanOut: number;
  /** Runs that the level above has when it is full; 1 for leveling. */
  readonly runsAbove: number;
}

/** Times that an entry is rewritten, flush not counted: Σ fan-out / runs above (leveled-N). */
export function writeAmplificationFanOut(levels: readonly LevelFanOut[]): number {
  let writes = 0;
  for (const { fanOut, runsAbove } of levels) writes += fanOut / runsAbove;
  return writes;
}

/**
 * The fan-outs that write least for a total fan-out: each in proportion to the runs above it.
 *
 * @param totalFanOut - size of the last level against the first, > 1
 * @param runsAbove - for each level, newest first, the runs of the one above
 */
export function balancedFanOuts(
  totalFanOut: number,
  runsAbove: readonly number[],
): readonly LevelFanOut[] {
  let product = 1;
  for (const runs of runsAbove) product *= runs;
  const share = (totalFanOut / product) ** (1 / runsAbove.length);
  return runsAbove.map((runs) => ({ fanOut: share * runs, runsAbove: runs }));
}

/** How often data grows by `ratio` between two sizes: log_ratio(to / from), not rounded. */
export function levelSteps(fromBytes: number, toBytes: number, ratio: number): number {
  return Math.log(toBytes / fromBytes) / Math.log(ratio);
}

/**
 * Times that an entry is rewritten on its way down so many steps: once a tiered step, (T + 1)/2 times a leveled one on
 * average, as the level below fills up, and T + 1 times at worst, when it is full.
 *
 * @param steps - levels that data goes down, see {@link levelSteps}
 * @param leveledSteps - how many of them are leveled, the last ones: all for leveling, 1 for lazy leveling, 0 for tiering
 * @param isWorst - whether every leveled step finds the level below full; default false
 */
export function writeAmplificationOfSteps(
  steps: number,
  leveledSteps: number,
  ratio: number,
  isWorst = false,
): number {
  const leveled = Math.min(steps, leveledSteps);
  return steps - leveled + leveled * (isWorst ? ratio + 1 : (ratio + 1) / 2);
}

/** The number of leveled levels that writes least for a total fan-out: the integer next to its logarithm that is best. */
export function levelsForLeastWrites(totalFanOut: number): number {
  const cost = (levels: number): number => levels * totalFanOut ** (1 / levels);
  const below = Math.max(1, Math.floor(Math.log(totalFanOut)));
  return cost(below) <= cost(below + 1) ? below : below + 1;
}

/** Bytes of all levels per byte of the last one, for level sizes as they are. */
export function spaceAmplificationOf(levelBytes: readonly number[]): number {
  let sum = 0;
  for (const bytes of levelBytes) sum += bytes;
  return sum / Math.max(1, levelBytes.at(-1) ?? 0);
}

/** Bytes on disk per byte of live data if the last level is full: 1 + (Z − 1) + 1/(T − 1). */
export function spaceAmplification({ ratio, lastRuns }: FluidShape): number {
  return lastRuns + 1 / (ratio - 1);
}

/** False positive rate of a Bloom filter: e^(−ln²2 · bits). */
export function falsePositiveRate(bitsPerKey: number): number {
  return Math.exp(-LN2_SQUARED * bitsPerKey);
}

/** Bits per key that a false positive rate takes. */
export function bitsForRate(rate: number): number {
  return -Math.log(rate) / LN2_SQUARED;
}

/** Tables read in vain for an absent key if every filter has the same bits. */
export function missesUniform(shape: FluidShape, bitsPerKey: number): number {
  return runCount(shape) * falsePositiveRate(bitsPerKey);
}

/**
 * The same with bits dealt by run size (Monkey), at the same memory; a deep tree with all rates below 1.
 *
 * K^(1/T) · Z^((T − 1)/T) · T^(T/(T − 1)) / (T − 1) · e^(−ln²2 · bits)
 */
export function missesMonkey(shape: FluidShape, bitsPerKey: number): number {
  const { ratio, upperRuns, lastRuns } = shape;
  return (
    (upperRuns ** (1 / ratio) *
      lastRuns ** ((ratio - 1) / ratio) *
      ratio ** (ratio / (ratio - 1)) *
      falsePositiveRate(bitsPerKey)) /
    (ratio - 1)
  );
}

/** Monkey's false positive rate of each level, newest first: proportional to the size of a run. */
export function ratesMonkey(shape: FluidShape, bitsPerKey: number): readonly number[] {
  const { ratio, levels, upperRuns, lastRuns } = shape;
  const misses = missesMonkey(shape, bitsPerKey);
  return Array.from({ length: levels }, (_, i) => {
    const above = levels - 1 - i;
    if (above === 0) return (misses * (ratio - 1)) / (ratio * lastRuns);
    return (misses * (ratio - 1)) / (upperRuns * ratio ** (above + 1));
  });
}
