/** A sealed memtable is read by another thread over the same memory, while this thread goes on writing elsewhere. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { EntryKind, KeyBuffer, seededRandom } from '@lsm/core';
import { arenaPool } from '@lsm/memtable';
import { describe, expect, it } from 'vitest';
import { appendRecord, KINDS } from './subject.ts';
import { KEYS, keyOf, VALUE_BYTES, type WorkerReport } from './worker-keys.ts';

describe.each(['art', 'hash'] as const)('a sealed %s memtable in a worker', (kind) => {
  it('shows every key, version and order, with no read torn or missing', async () => {
    const arena = arenaPool.acquire(1 << 23);
    const memtable = KINDS[kind](arena, 1);
    let sequence = 0;
    const write = (index: number, entryKind: number, fill: number): number => {
      const value = new Uint8Array(entryKind === EntryKind.put ? VALUE_BYTES : 0).fill(fill);
      memtable.add(appendRecord(arena, entryKind, keyOf(index), value), ++sequence);
      return sequence;
    };
    for (let i = 0; i < KEYS; i++) write(i, EntryKind.put, i & 255);
    // Every third key has a tombstone on top, every fifth a void record above that.
    for (let i = 0; i < KEYS; i += 3) write(i, EntryKind.delete, 0);
    const key = new KeyBuffer();
    for (let i = 0; i < KEYS; i += 5) {
      key.set(keyOf(i));
      memtable.markVoid(key, write(i, EntryKind.put, 0xee));
    }
    const worker = new Worker(new URL('./attach-worker.ts', import.meta.url), {
      execArgv: ['--conditions=@lsm/source'],
      workerData: { description: memtable.describe(), handle: arena.kernels.handle },
    });
    const report = once(worker, 'message') as Promise<[WorkerReport]>;
    const other = arenaPool.acquire(1 << 23);
    const active = KINDS[kind](other, 1);
    const random = seededRandom(1);
    for (let i = 1; i <= 20_000; i++) {
      active.add(appendRecord(other, 0, keyOf(random.next()), new Uint8Array(20)), i);
    }
    const [{ missing, torn, unordered, walked, gets }] = await report;
    await worker.terminate();
    expect({ missing, torn, unordered }).toEqual({ missing: 0, torn: 0, unordered: 0 });
    expect(walked).toBe(KEYS + Math.ceil(KEYS / 3));
    expect(gets).toBe(KEYS * 4);
    arenaPool.release(arena);
    arenaPool.release(other);
  });
});
