/**
 * Insertion cost by counted work, not time: reads and writes of the arena's memory are counted through proxies.
 * A sorted array as memtable once made random insertion 80 times dearer than sequential insertion.
 */
import { seededRandom } from '@lsm/core';
import { createKernels, type Kernels } from '@lsm/kernels';
import { Arena } from '@lsm/memtable';
import { describe, expect, it } from 'vitest';
import { appendRecord, KINDS } from './subject.ts';

interface Work {
  accesses: number;
}

/** A typed array that counts accesses by index. */
function counted<T extends Uint8Array | Int32Array>(array: T, work: Work): T {
  return new Proxy(array, {
    get(target, property): unknown {
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value === 'function') return value.bind(target);
      work.accesses++;
      return value;
    },
    set(target, property, value): boolean {
      work.accesses++;
      return Reflect.set(target, property, value, target);
    },
  });
}

/** Accesses that linking these keys takes; appending the records is not counted. */
function insertionWork(kind: 'art' | 'hash', keys: readonly Uint8Array[]): number {
  const work: Work = { accesses: 0 };
  const kernels = createKernels(1 << 20, { fallback: true });
  const plain = new Arena(kernels);
  const arena = new Arena({
    bytes: counted(kernels.bytes, work),
    words: counted(kernels.words, work),
    byteLength: kernels.byteLength,
  } as unknown as Kernels);
  const memtable = KINDS[kind](arena, 1);
  let linked = 0;
  for (const [i, key] of keys.entries()) {
    const offset = appendRecord(plain, 0, key, new Uint8Array(0));
    arena.dataEnd = plain.dataEnd;
    const before = work.accesses;
    memtable.add(offset, i + 1);
    linked += work.accesses - before;
  }
  return linked;
}

function numberedKeys(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) =>
    new TextEncoder().encode(`user:${String(i).padStart(10, '0')}`),
  );
}

function permuted(keys: readonly Uint8Array[]): Uint8Array[] {
  const random = seededRandom(3);
  return keys
    .map((key) => ({ key, order: random.next() }))
    .sort((a, b) => a.order - b.order)
    .map(({ key }) => key);
}

describe.each(['art', 'hash'] as const)('insertion into the %s memtable', (kind) => {
  it('takes about the same work in random, ascending and descending order', () => {
    const keys = numberedKeys(4000);
    const ascending = insertionWork(kind, keys);
    for (const other of [keys.toReversed(), permuted(keys)]) {
      const ratio = insertionWork(kind, other) / ascending;
      expect(ratio).toBeLessThan(3);
      expect(ratio).toBeGreaterThan(1 / 3);
    }
  });

  it('takes about the same work per key when there are eight times as many', () => {
    const few = insertionWork(kind, permuted(numberedKeys(500))) / 500;
    const many = insertionWork(kind, permuted(numberedKeys(4000))) / 4000;
    expect(many / few).toBeLessThan(2);
  });
});
