import { isLsmError } from '@lsm/core';
import { createKernels } from '@lsm/kernels';
import { Arena, ArenaPool, arenaPool } from '@lsm/memtable';
import { describe, expect, it } from 'vitest';

describe('ArenaPool', () => {
  it('rounds sizes up to powers of two from 64 KiB', () => {
    const pool = new ArenaPool();
    expect(pool.acquire(0).capacity).toBe(0x1_0000);
    expect(pool.acquire(0x1_0000).capacity).toBe(0x1_0000);
    expect(pool.acquire(0x1_0001).capacity).toBe(0x2_0000);
  });

  it.each([2 ** 30 + 1, Number.POSITIVE_INFINITY, Number.NaN])('refuses %s bytes', (bytes) => {
    expect(() => new ArenaPool().acquire(bytes)).toThrow(
      expect.toSatisfy((error: unknown) => isLsmError(error, 'LSM_INVALID_ARGUMENT')),
    );
  });

  it('gives an arena out again, reset, only when its last holder released it', () => {
    const pool = new ArenaPool();
    const arena = pool.acquire(1);
    arena.dataEnd = 800;
    arena.indexStart -= 40;
    arena.retain();
    pool.release(arena);
    expect(pool.idleCount).toBe(0);
    expect(pool.acquire(1)).not.toBe(arena);
    pool.release(arena);
    expect(pool.idleCount).toBe(1);
    expect(pool.acquire(0x2_0000)).not.toBe(arena);
    expect(pool.acquire(1)).toBe(arena);
    expect([arena.dataEnd, arena.indexStart, arena.references]).toEqual([0, arena.capacity, 1]);
    expect(arena.free()).toBe(arena.capacity);
    expect(pool.idleBytes).toBe(0);
  });

  it('finds a release too many, and a retain too late', () => {
    const pool = new ArenaPool();
    const arena = pool.acquire(1);
    pool.release(arena);
    expect(() => pool.release(arena)).toThrow(/released more often/);
    expect(() => arena.retain()).toThrow(/in use/);
    expect(pool.idleCount).toBe(1);
  });

  it('keeps no more idle arenas and bytes than it is told', () => {
    const pool = new ArenaPool({
      create: (bytes) => createKernels(bytes, { fallback: true }),
      idleCountMax: 3,
      idleBytesMax: 0x4_0000,
    });
    const small = Array.from({ length: 5 }, () => pool.acquire(1));
    for (const arena of small) pool.release(arena);
    expect(pool.idleCount).toBe(3);
    expect(pool.acquire(1)).toBe(small[4]);
    const large = pool.acquire(0x4_0000);
    pool.release(large);
    expect([pool.idleCount, pool.idleBytes]).toEqual([1, 0x4_0000]);
    pool.release(pool.acquire(0x8_0000));
    expect([pool.idleCount, pool.idleBytes]).toEqual([0, 0]);
    pool.release(pool.acquire(1));
    pool.clear();
    expect([pool.idleCount, pool.idleBytes]).toEqual([0, 0]);
  });

  it('is one per process', () => {
    const arena = arenaPool.acquire(1);
    arenaPool.release(arena);
    expect(arenaPool.acquire(1)).toBe(arena);
    arenaPool.release(arena);
    arenaPool.clear();
  });
});

describe('Arena', () => {
  it('stands on any kernels, a plain ArrayBuffer included', () => {
    const arena = new Arena(createKernels(0x1_0000, { fallback: true }));
    expect(arena.capacity).toBe(0x1_0000);
    expect(arena.bytes.buffer).toBe(arena.words.buffer);
  });
});
