/** The point of SIEVE: on skewed traces it keeps more of what is asked for again than LRU, also when scans pass by. */
import { BlockCache, type CacheHandle } from '@lsm/cache';
import { type Random, seededRandom } from '@lsm/core';
import { describe, expect, test } from 'vitest';

const BLOCKS = 20_000;
const ACCESSES = 200_000;

/** Draws blocks with probability ~ 1 / rank^skew. */
function zipf(skew: number, random: Random): () => number {
  const sums = new Float64Array(BLOCKS);
  let sum = 0;
  for (let i = 0; i < BLOCKS; i++) sums[i] = sum += 1 / (i + 1) ** skew;
  return () => {
    const wanted = (random.next() / 0x1_0000_0000) * sum;
    let low = 0;
    let high = BLOCKS - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle]! > wanted) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}

/** A skewed trace; with `scans`, every 20,000 accesses 4,000 blocks are read once in a row. */
function makeTrace(skew: number, scans: boolean): Int32Array {
  const draw = zipf(skew, seededRandom(7));
  const trace = new Int32Array(ACCESSES);
  for (let i = 0; i < ACCESSES; i++) {
    trace[i] = scans && i % 20_000 < 4000 ? (i * 3) % BLOCKS : draw();
  }
  return trace;
}

function sieveHits(trace: Int32Array, frameCount: number): number {
  const cache = new BlockCache(new Uint8Array(frameCount * 4), { frameBytes: 4, frameCount });
  const handle: CacheHandle = cache.register(BLOCKS);
  for (const block of trace) {
    const frame = handle.frameOf[block]!;
    if (frame >= 0) cache.touch(frame);
    else cache.insert(handle, block);
  }
  const { hits, misses, evictions, usedFrames } = cache.stats;
  expect(hits + misses).toBe(trace.length);
  expect(misses - evictions).toBe(usedFrames);
  return hits;
}

function lruHits(trace: Int32Array, frameCount: number): number {
  const blocks = new Set<number>();
  let hits = 0;
  for (const block of trace) {
    if (blocks.delete(block)) hits++;
    else if (blocks.size === frameCount) blocks.delete(blocks.values().next().value!);
    blocks.add(block);
  }
  return hits;
}

describe('BlockCache beside LRU', () => {
  test.each([
    { skew: 0.8, scans: false, share: 0.01 },
    { skew: 0.8, scans: false, share: 0.1 },
    { skew: 1, scans: false, share: 0.01 },
    { skew: 1, scans: false, share: 0.1 },
    { skew: 1, scans: true, share: 0.1 },
  ])('misses less: skew $skew, scans $scans, room for $share of all', ({ skew, scans, share }) => {
    const trace = makeTrace(skew, scans);
    const frameCount = BLOCKS * share;
    const sieve = ACCESSES - sieveHits(trace, frameCount);
    const lru = ACCESSES - lruHits(trace, frameCount);
    expect(sieve).toBeLessThan(lru * 0.97);
  });
});
