/** The other side of worker.test.ts: attaches, reads everything several times, reports what was wrong. */
import { parentPort, workerData } from 'node:worker_threads';
import { compareBytes, Entry, EntryKind, KeyBuffer } from '@lsm/core';
import { attachMemtable, type MemtableDescription, type SealableMemtable } from '@lsm/memtable';
import { KEYS, keyOf, VALUE_BYTES, type WorkerReport } from './worker-keys.ts';

/** Whether the entry is what was written for the key of this index. */
function isRight(entry: Entry, index: number, isPut: boolean): boolean {
  const value = entry.copyValue();
  if (compareBytes(entry.copyKey(), keyOf(index)) !== 0) return false;
  if (!isPut) return entry.kind === EntryKind.delete && value.length === 0;
  const filled = value.every((byte) => byte === (index & 255));
  return entry.kind === EntryKind.put && value.length === VALUE_BYTES && filled;
}

function readAll(memtable: SealableMemtable): Pick<WorkerReport, 'missing' | 'torn' | 'gets'> {
  const key = new KeyBuffer();
  const entry = new Entry();
  let missing = 0;
  let torn = 0;
  let gets = 0;
  for (let round = 0; round < 4; round++) {
    // In even rounds below the tombstones: the first KEYS sequence numbers are the puts.
    const below = round % 2 === 0;
    for (let i = 0; i < KEYS; i++) {
      gets++;
      key.set(keyOf(i));
      if (!memtable.get(key, below ? KEYS : 1e9, entry)) missing++;
      else if (!isRight(entry, i, below || i % 3 !== 0)) torn++;
    }
  }
  return { missing, torn, gets };
}

function walkAll(memtable: SealableMemtable): Pick<WorkerReport, 'unordered' | 'walked'> {
  let unordered = 0;
  let walked = 0;
  let before: { key: Uint8Array; sequence: number } | null = null;
  const cursor = memtable.cursor();
  for (cursor.seekToFirst(); cursor.valid; cursor.next()) {
    const here = { key: cursor.entry.copyKey(), sequence: cursor.entry.sequence };
    if (before !== null) {
      const order = compareBytes(before.key, here.key) || here.sequence - before.sequence;
      if (order >= 0) unordered++;
    }
    before = here;
    walked++;
  }
  return { unordered, walked };
}

const job = workerData as { description: MemtableDescription; handle: unknown };
const memtable = attachMemtable(job.description, job.handle);
parentPort!.postMessage({ ...readAll(memtable), ...walkAll(memtable) } satisfies WorkerReport);
