/** The size to ask of the pool for what a memtable is going to take, against what the memtable then finds. */

import { ArenaPool, artMemtable, hashMemtable, memtableArenaBytes } from '@lsm/memtable';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

describe.each(['art', 'hash'] as const)('an arena made for some writes (%s)', (kind) => {
  it('has room for their frames and the most that their index takes', () => {
    const pool = new ArenaPool();
    const frames = fc.oneof(
      fc.integer({ min: 0, max: 1 << 22 }),
      // Around the borders of powers of two, where the sequence table decides.
      fc
        .tuple(fc.integer({ min: 16, max: 22 }), fc.integer({ min: -70_000, max: 64 }))
        .map(([bits, off]) => Math.max(0, 2 ** bits + off)),
    );
    fc.assert(
      fc.property(frames, fc.integer({ min: 0, max: 20_000 }), (bytes, records) => {
        const arena = pool.acquire(memtableArenaBytes(kind, bytes, records));
        const memtable = kind === 'art' ? artMemtable(arena, 1) : hashMemtable(arena, 1);
        expect(arena.free()).toBeGreaterThanOrEqual(bytes + memtable.indexBytesMax(records));
        pool.release(arena);
      }),
      { numRuns: 300 },
    );
  });
});
