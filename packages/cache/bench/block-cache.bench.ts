/**
 * What a hit and a miss cost, and the hit rate on a skewed trace, beside a `Map` in LRU order.
 *
 *     node --conditions=@lsm/source bench/block-cache.bench.ts
 *
 * 32,768 blocks, frames for one in eight; best of seven rounds over the same trace. Frames aren't filled: only the
 * bookkeeping is measured.
 */
import { BlockCache } from '@lsm/cache';
import { seededRandom } from '@lsm/core';

const BLOCKS = 32_768;
const FRAMES = BLOCKS / 8;
const ACCESSES = 500_000;
const ROUNDS = 7;

const random = seededRandom(3);
/** Cubing a uniform number prefers low blocks: about half of all accesses go to one eighth of the blocks. */
const skewed = Int32Array.from({ length: ACCESSES }, () =>
  Math.floor((random.next() / 0x1_0000_0000) ** 3 * BLOCKS),
);
/** Only blocks that fit: after the first round all hits. */
const hot = skewed.map((block) => block % FRAMES);
/** Each block once, in turns: all misses. */
const cold = Int32Array.from({ length: ACCESSES }, (_, i) => i % BLOCKS);

interface Result {
  readonly ns: number;
  readonly rate: number;
}

function best(round: () => number): Result {
  let ns = Infinity;
  let hits = 0;
  for (let i = 0; i < ROUNDS; i++) {
    const start = process.hrtime.bigint();
    hits = round();
    ns = Math.min(ns, Number(process.hrtime.bigint() - start) / ACCESSES);
  }
  return { ns, rate: hits / ACCESSES };
}

function sieve(trace: Int32Array): Result {
  const cache = new BlockCache(new Uint8Array(FRAMES * 4), { frameBytes: 4, frameCount: FRAMES });
  const handle = cache.register(BLOCKS);
  const frameOf = handle.frameOf;
  return best(() => {
    const before = cache.stats.hits;
    for (let i = 0; i < ACCESSES; i++) {
      const block = trace[i]!;
      const frame = frameOf[block]!;
      if (frame >= 0) cache.touch(frame);
      else cache.insert(handle, block);
    }
    return cache.stats.hits - before;
  });
}

function mapLru(trace: Int32Array): Result {
  const frames = new Map<number, number>();
  return best(() => {
    let hits = 0;
    for (let i = 0; i < ACCESSES; i++) {
      const block = trace[i]!;
      let frame = frames.get(block);
      if (frame !== undefined) {
        hits++;
        frames.delete(block);
      } else if (frames.size === FRAMES) {
        const oldest = frames.keys().next().value!;
        frame = frames.get(oldest)!;
        frames.delete(oldest);
      } else frame = frames.size;
      frames.set(block, frame);
    }
    return hits;
  });
}

const rows = Object.entries({ 'all hits': hot, 'all misses': cold, skewed }).map(
  ([name, trace]) => {
    const ours = sieve(trace);
    const other = mapLru(trace);
    return [
      name,
      {
        'BlockCache ns': ours.ns.toFixed(1),
        'Map LRU ns': other.ns.toFixed(1),
        'BlockCache hits': `${(100 * ours.rate).toFixed(1)} %`,
        'Map LRU hits': `${(100 * other.rate).toFixed(1)} %`,
      },
    ] as const;
  },
);
console.table(Object.fromEntries(rows));
