/**
 * The arithmetic of Bloom filters (Bloom 1970; the seed's formulas): n keys, m bits, k hashes, false positive rate p.
 *
 *     m = −n · ln p / ln²2        bits per key b = m/n = −ln p / ln²2
 *     k = m/n · ln 2              p = e^(−ln²2 · b) for the ideal k; (1 − e^(−k/b))^k for a whole one
 */

import { invalidArgument } from '@lsm/core';

/** ln²2, which turns bits per key into −ln of the false positive rate. */
export const LN2_SQUARED: number = Math.LN2 * Math.LN2;
/** Most hashes of one key. */
export const HASHES_MAX = 32;

/**
 * Bits per key that a classic Bloom filter needs.
 *
 * @param falsePositiveRate - above 0, at most 1 (0 bits)
 */
export function bloomBitsPerKey(falsePositiveRate: number): number {
  return falsePositiveRate >= 1 ? 0 : -Math.log(falsePositiveRate) / LN2_SQUARED;
}

/** The number of hashes for a number of bits per key, 1 to 32: k = b · ln 2, rounded. */
export function bloomHashes(bitsPerKey: number): number {
  return Math.min(HASHES_MAX, Math.max(1, Math.round(bitsPerKey * Math.LN2)));
}

/** The false positive rate of a classic Bloom filter with a whole number of hashes; 1 for 0 bits. */
export function bloomRate(bitsPerKey: number): number {
  if (bitsPerKey <= 0) return 1;
  const hashes = bloomHashes(bitsPerKey);
  return (1 - Math.exp(-hashes / bitsPerKey)) ** hashes;
}

/**
 * The false positive rate of a split-block filter: 256-bit blocks hold Poisson(256/b) keys, each of which sets one bit
 * in each of 8 words of 32 bits; a block with j keys answers a foreign key "maybe" with (1 − (31/32)^j)^8.
 */
export function splitBlockRate(bitsPerKey: number): number {
  // Below a quarter of a bit every block is full to 13 digits.
  if (bitsPerKey < 0.25) return 1;
  const mean = 256 / bitsPerKey;
  const spread = 12 * Math.sqrt(mean) + 12;
  const from = Math.max(0, Math.floor(mean - spread));
  const to = Math.ceil(mean + spread);
  let logWeight = -mean;
  for (let keys = 1; keys <= from; keys++) logWeight += Math.log(mean / keys);
  let rate = 0;
  for (let keys = from; keys <= to; keys++) {
    if (keys > from) logWeight += Math.log(mean / keys);
    rate += Math.exp(logWeight) * (1 - (31 / 32) ** keys) ** 8;
  }
  return rate;
}

/**
 * Bits per key with which a split-block filter has a false positive rate: the inverse of {@link splitBlockRate}.
 *
 * @param falsePositiveRate - above 0, at most 1 (0 bits)
 * @returns 0 to 64; 64 also for rates below what that gives
 */
export function splitBlockBitsPerKey(falsePositiveRate: number): number {
  if (falsePositiveRate >= 1) return 0;
  let low = 0.25;
  let high = 64;
  // Halved to the precision of a double.
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (splitBlockRate(middle) > falsePositiveRate) low = middle;
    else high = middle;
  }
  return high;
}

/** Returns bits per key as they are; throws LSM_INVALID_ARGUMENT unless they are a number from 0 to 64. */
export function checkedBitsPerKey(bitsPerKey: number): number {
  if (bitsPerKey >= 0 && bitsPerKey <= 64) return bitsPerKey;
  throw invalidArgument(`The bits per key have to be a number from 0 to 64, not ${bitsPerKey}.`);
}
