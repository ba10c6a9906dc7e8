/** Nobody can aim at one slot of a hash table: its seed is the database's, drawn when that was made. */
import { seededRandom } from '@lsm/core';
import { memoryFileSystem } from '@lsm/fs';
import { readManifest } from '@lsm/manifest';
import { expect, it, vi } from 'vitest';
import { open } from '../src/index.ts';
import { pairs, TINY } from './support/open.ts';

const seeds: (readonly [number, number] | undefined)[] = [];

vi.mock(import('@lsm/memtable'), async (original) => {
  const real = await original();
  const hashMemtable: typeof real.hashMemtable = (arena, firstSequence, seed) => {
    seeds.push(seed);
    return real.hashMemtable(arena, firstSequence, seed);
  };
  return { ...real, hashMemtable };
});

it('hash memtables, replayed ones too, are seeded with the seed of the database', async () => {
  const drawn = new Set<string>();
  for (const seed of [1, 2]) {
    const fs = memoryFileSystem();
    const options = { ...TINY, fs, memtable: 'hash', random: seededRandom(seed) } as const;
    seeds.length = 0;
    const db = await open('/db', options);
    for (let i = 0; i < 300; i++) db.putSync(`k${i}`, 'v'.repeat(100));
    await db.close();
    const made = seeds.length;
    const again = await open('/db', options);
    expect(pairs(again).length).toBe(300);
    await again.close();
    const { hashSeed } = readManifest(fs, '/db').state;
    expect(made).toBeGreaterThan(1);
    expect(seeds.length).toBeGreaterThan(made + 1);
    for (const given of seeds) expect(given).toEqual(hashSeed);
    drawn.add(String(hashSeed));
  }
  expect(drawn.size).toBe(2);
  expect(drawn).not.toContain('0,0');
});
