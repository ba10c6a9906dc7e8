/**
 * How to share filter memory among runs (Dayan, Athanassoulis, Idreos 2017, "Monkey", in a form without levels).
 *
 * A lookup of an absent key reads Σ p(run) blocks in vain. Under Σ entries(run) · bits(p) = budget the sum is least
 * where p(run) = min(1, λ · entries(run)): a small run gets many bits per key, since they cost little there. λ is found
 * by bisection, which also settles which runs end at p = 1, that is without a filter.
 */
import { bloomBitsPerKey, LN2_SQUARED } from './bloom-formulas.ts';

/** Smallest rate that a filter over 64-bit hashes is asked for. */
export const RATE_MIN: number = 2 ** -32;
/** Halvings of ln λ: more than the bits of its fraction. */
const STEPS = 80;

/**
 * The false positive rates that minimise their sum within a budget of classic Bloom filters.
 *
 * @param entries - entries of each run, ≥ 0
 * @param budgetBits - bits for all filters together
 * @param rateMin - no rate is set below this one; default and least 2^-32
 * @returns a rate for each run, `rateMin` to 1; 1 means no filter
 */
export function monkeyRates(
  entries: readonly number[],
  budgetBits: number,
  rateMin: number = RATE_MIN,
): number[] {
  const floor = Math.max(RATE_MIN, rateMin);
  const filled = entries.filter((count) => count > 0);
  const rateOf = (lambda: number, count: number): number =>
    Math.min(1, Math.max(floor, lambda * count));
  const costOf = (lambda: number): number =>
    filled.reduce((sum, count) => sum + count * bloomBitsPerKey(rateOf(lambda, count)), 0);
  // At the lower end every rate is the floor, at the upper end every rate is 1.
  let lower = Math.log(floor / Math.max(1, ...filled));
  let upper = -Math.log(Math.min(1, ...filled));
  if (costOf(Math.exp(lower)) <= budgetBits) return entries.map(() => floor);
  for (let step = 0; step < STEPS; step++) {
    const middle = (lower + upper) / 2;
    if (costOf(Math.exp(middle)) <= budgetBits) upper = middle;
    else lower = middle;
  }
  const lambda = Math.exp(upper);
  return entries.map((count) => rateOf(lambda, count));
}

/** The false positive rate of the ideal classic filter with so many bits per key: e^(−ln²2 · bits). */
export function idealRate(bitsPerKey: number): number {
  return Math.exp(-LN2_SQUARED * bitsPerKey);
}
