/**
 * What a merge costs per entry: the cursor alone for several numbers of sources, and with the executor's core.
 *
 *     node --conditions=@lsm/source bench/merge.bench.ts
 *
 * 16-byte keys that share 8 bytes, dealt at random to the sources; best of seven rounds over 400,000 entries. The
 * sources are arrays and the sink only counts: blocks, checksums and files come on top.
 */
import { compactEntries, MergeCursor, type TableSink } from '@lsm/compaction';
import { type Cursor, Entry, EntryKind, seededRandom } from '@lsm/core';

const ENTRIES = 400_000;
const ROUNDS = 7;
const KEY_BYTES = 16;

/** Keys i = 0 … n − 1 in order: 8 bytes in common, then i, then rubbish. */
const buffer = new ArrayBuffer(ENTRIES * KEY_BYTES);
const bytes = new Uint8Array(buffer);
const words = new Int32Array(buffer);
const view = new DataView(buffer);
const random = seededRandom(1);
for (let i = 0; i < ENTRIES; i++) {
  view.setUint32(i * KEY_BYTES, 0x75736572);
  view.setUint32(i * KEY_BYTES + 8, i);
  view.setUint32(i * KEY_BYTES + 12, random.next());
}

class ArrayCursor implements Cursor {
  valid = false;
  readonly entry: Entry = new Entry();
  readonly #indexes: Int32Array;
  #at = 0;

  constructor(indexes: Int32Array) {
    this.#indexes = indexes;
    this.entry.bytes = bytes;
    this.entry.words = words;
    this.entry.keyLength = KEY_BYTES;
    this.entry.kind = EntryKind.put;
  }

  seekToFirst(): void {
    this.#moveTo(0);
  }

  seekToLast(): void {
    this.#moveTo(this.#indexes.length - 1);
  }

  seek(): void {
    throw new Error('not needed here');
  }

  next(): void {
    this.#moveTo(this.#at + 1);
  }

  prev(): void {
    this.#moveTo(this.#at - 1);
  }

  close(): void {}

  #moveTo(at: number): void {
    this.#at = at;
    this.valid = at >= 0 && at < this.#indexes.length;
    if (!this.valid) return;
    const index = this.#indexes[at]!;
    this.entry.keyOffset = index * KEY_BYTES;
    this.entry.sequence = ENTRIES - index;
  }
}

class CountingSink implements TableSink {
  bytes = 0;
  open(): void {
    this.bytes = 0;
  }
  add(entry: Entry): void {
    this.bytes += entry.keyLength + entry.valueLength;
  }
  addRangeTombstone(): void {}
  cut(): void {}
}

function deal(sources: number): Int32Array[] {
  const lists: number[][] = Array.from({ length: sources }, () => []);
  for (let i = 0; i < ENTRIES; i++) lists[random.next() % sources]!.push(i);
  return lists.map((list) => Int32Array.from(list));
}

function best(round: () => void): string {
  let ns = Number.POSITIVE_INFINITY;
  for (let i = 0; i < ROUNDS; i++) {
    const start = process.hrtime.bigint();
    round();
    ns = Math.min(ns, Number(process.hrtime.bigint() - start) / ENTRIES);
  }
  return `${ns.toFixed(1).padStart(6)} ns`;
}

console.log('sources     cursor   compactEntries');
for (const sources of [1, 2, 4, 8, 9, 20]) {
  const dealt = deal(sources);
  const cursor = (): MergeCursor => new MergeCursor(dealt.map((list) => new ArrayCursor(list)));
  const walk = (): void => {
    const merged = cursor();
    for (merged.seekToFirst(); merged.valid; merged.next());
  };
  const compact = (): void => {
    const steps = compactEntries({
      source: cursor(),
      rangeTombstones: [],
      snapshots: [],
      olderRuns: [],
      shape: { tableBytes: 1e7 },
      sink: new CountingSink(),
    });
    while (steps.next().done !== true);
  };
  console.log(`${String(sources).padStart(7)}  ${best(walk)}  ${best(compact).padStart(15)}`);
}
