/**
 * What a hit and a miss cost, and the hit rate on a skewed trace, beside a `Map` in LRU order.
 *
 *     node --conditions=@lsm/source bench/block-cache.bench.ts [--quick]
 *
 * 32,768 blocks, frames for one in eight; each call runs one whole trace over a cache that has seen it before. Frames
 * aren't filled: only the bookkeeping is measured.
 */
import { BlockCache } from '@lsm/cache';
import { seededRandom } from '@lsm/core';
import { type BenchTask, copyOf, finish, measure, prove, quick } from '../../../tooling/bench.ts';

const BLOCKS = quick ? 2048 : 32_768;
const FRAMES = BLOCKS / 8;
/** Whole turns over all blocks, so that the trace of misses has none that comes back too soon. */
const ACCESSES = BLOCKS * 8;

const random = seededRandom(3);
/** Cubing a uniform number prefers low blocks: about half of all accesses go to one eighth of the blocks. */
const skewed = Int32Array.from({ length: ACCESSES }, () =>
  Math.floor((random.next() / 0x1_0000_0000) ** 3 * BLOCKS),
);
/** Only blocks that fit: after the first round all hits. */
const hot = Int32Array.from({ length: ACCESSES }, (_, i) => (i < FRAMES ? i : skewed[i]! % FRAMES));
/** Each block once, in turns: all misses. */
const cold = Int32Array.from({ length: ACCESSES }, (_, i) => i % BLOCKS);

type Trace = Int32Array;

interface Subject {
  /** Runs the trace; returns the accesses that were counted as hit or miss. */
  readonly run: () => number;
  /** Share of hits in the last run. */
  readonly hitRate: () => number;
}

function sieve(trace: Trace): Subject {
  const cache = new BlockCache(new Uint8Array(FRAMES * 4), { frameBytes: 4, frameCount: FRAMES });
  const handle = cache.register(BLOCKS);
  const access = copyOf((map: Int32Array, blocks: Trace, to: BlockCache, of: typeof handle) => {
    for (let i = 0; i < blocks.length; i++) {
      const block = blocks[i]!;
      const frame = map[block]!;
      if (frame >= 0) to.touch(frame);
      else to.insert(of, block);
    }
  });
  let rate = 0;
  const run = (): number => {
    const before = cache.stats;
    access(handle.frameOf, trace, cache, handle);
    const after = cache.stats;
    const hits = after.hits - before.hits;
    rate = hits / trace.length;
    return hits + after.misses - before.misses;
  };
  return { run, hitRate: () => rate };
}

function mapLru(trace: Trace): Subject {
  const frames = new Map<number, number>();
  const access = copyOf((map: Map<number, number>, blocks: Trace, counts: Int32Array): void => {
    for (let i = 0; i < blocks.length; i++) {
      const block = blocks[i]!;
      let frame = map.get(block);
      if (frame !== undefined) {
        counts[0]!++;
        map.delete(block);
      } else {
        counts[1]!++;
        if (map.size === counts[2]!) {
          const oldest = map.keys().next().value!;
          frame = map.get(oldest)!;
          map.delete(oldest);
        } else frame = map.size;
      }
      map.set(block, frame);
    }
  });
  let rate = 0;
  const run = (): number => {
    const counts = Int32Array.of(0, 0, FRAMES);
    access(frames, trace, counts);
    rate = counts[0]! / trace.length;
    return counts[0]! + counts[1]!;
  };
  return { run, hitRate: () => rate };
}

const tasks = Object.entries({ hits: hot, misses: cold, skewed }).flatMap(
  ([name, trace]): BenchTask[] => {
    const ours = sieve(trace);
    const other = mapLru(trace);
    // The first run fills, the second one tells.
    const [ourRate, otherRate] = [ours, other].map(({ run, hitRate }) => (run(), run(), hitRate()));
    if (name === 'hits') prove('the hot trace only hits', ourRate === 1 && otherRate === 1);
    if (name === 'misses') prove('the cold trace only misses', ourRate === 0 && otherRate === 0);
    if (name === 'skewed') {
      prove('SIEVE keeps more of the skewed trace than LRU', ourRate! > otherRate!);
    }
    const row = (subject: string, { run, hitRate }: Subject): BenchTask => ({
      name: `${subject}, ${name}`,
      operations: ACCESSES,
      expected: ACCESSES,
      run,
      note: () => `${(100 * hitRate()).toFixed(1)} % hits`,
    });
    return [
      { ...row('BlockCache', ours), beside: `Map in LRU order, ${name}` },
      row('Map in LRU order', other),
    ];
  },
);

await measure(`${FRAMES} frames for ${BLOCKS} blocks`, tasks);
finish();
