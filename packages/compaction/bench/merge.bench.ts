/**
 * What a merge costs per entry: the cursor alone for several numbers of sources, and with the executor's core.
 *
 *     node --conditions=@lsm/source bench/merge.bench.ts [--quick]
 *
 * 16-byte keys that share 8 bytes, 400,000 of them, dealt at random to the sources. The sources are arrays and the sink
 * only counts: blocks, checksums and files come on top.
 */
import { compactEntries, MergeCursor, type TableSink } from '@lsm/compaction';
import { type Cursor, Entry, EntryKind, seededRandom } from '@lsm/core';
import { type BenchTask, finish, measure, quick } from '../../../tooling/bench.ts';

const ENTRIES = quick ? 4000 : 400_000;
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
  open(): void {}
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

/** Entries that come out in order. */
function walk(merged: MergeCursor): number {
  let count = 0;
  let before = -1;
  for (merged.seekToFirst(); merged.valid; merged.next()) {
    const offset = merged.entry.keyOffset;
    if (offset > before) count++;
    before = offset;
  }
  return count;
}

/** Bytes of keys that reach the sink. */
function compact(source: MergeCursor): number {
  const sink = new CountingSink();
  const steps = compactEntries({
    source,
    rangeTombstones: [],
    snapshots: [],
    olderRuns: [],
    shape: { tableBytes: 1e7 },
    sink,
  });
  while (steps.next().done !== true);
  return sink.bytes;
}

const tasks = [1, 2, 4, 8, 9, 20].flatMap((sources): BenchTask[] => {
  const dealt = deal(sources);
  const merged = (): MergeCursor => new MergeCursor(dealt.map((list) => new ArrayCursor(list)));
  const walking = `MergeCursor, ${sources} sources`;
  return [
    { name: walking, operations: ENTRIES, expected: ENTRIES, run: () => walk(merged()) },
    {
      name: `compactEntries, ${sources} sources`,
      operations: ENTRIES,
      expected: ENTRIES * KEY_BYTES,
      run: () => compact(merged()),
      beside: walking,
    },
  ];
});

await measure('Merging, per entry', tasks);
finish();
