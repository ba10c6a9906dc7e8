/**
 * False positive rates of the filters of a tree's runs, by formula: what the same memory gives to each.
 *
 * Monkey (Dayan, Athanassoulis & Idreos, 2017): the sum of the rates is least if each is proportional to the entries of
 * its run. Where that would exceed 1, a run gets no filter, and the others share what it leaves.
 */

/** How filter memory is dealt. */
export type FilterModel = 'monkey' | 'uniform' | 'none';

/** ln(2)²: how the rate of a Bloom filter falls with its bits. */
const LN2_SQUARED = Math.LN2 ** 2;

/**
 * A rate for each run.
 *
 * @param entries - of each run
 * @param bitsPerKey - filter bits ÷ entries, over the whole tree
 */
export function filterRates(
  entries: readonly number[],
  model: FilterModel,
  bitsPerKey: number,
): readonly number[] {
  if (model === 'none') return entries.map(() => 1);
  if (model === 'uniform') return entries.map(() => Math.exp(-LN2_SQUARED * bitsPerKey));
  let all = 0;
  for (const count of entries) all += count;
  const bits = all * bitsPerKey;
  let filtered = entries.filter((count) => count > 0);
  for (;;) {
    let sum = 0;
    let weighted = 0;
    for (const count of filtered) {
      sum += count;
      weighted += count * Math.log(count);
    }
    // Σ nᵢ · ln(1 / (scale · nᵢ)) = bits · ln²2
    const logScale = sum === 0 ? 0 : (-bits * LN2_SQUARED - weighted) / sum;
    const next = filtered.filter((count) => logScale + Math.log(count) < 0);
    if (next.length === filtered.length || next.length === 0) {
      return entries.map((count) =>
        count > 0 ? Math.min(1, Math.exp(logScale + Math.log(count))) : 0,
      );
    }
    filtered = next;
  }
}
