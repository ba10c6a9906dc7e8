/**
 * Many point reads at once, in stages, so that their cache misses overlap.
 *
 * A lookup waits for three memory accesses of which each says where the next one is. Here they are made for a group of
 * keys one stage at a time: all slots of the point indexes, then all ends of blocks, then all entries; each key is then
 * answered by the same steps as a single read, which find what they need in the processor's cache. The stages before
 * decide nothing, so they can't be wrong.
 *
 * 1. Copy and hash the keys of a group; ask the memtables, key by key.
 * 2. Run after run, newest first, the keys that are still open: touch point indexes, locate, touch blocks, touch
 *    entries, answer. A key is done at its first version or covering range tombstone, as in read-path.ts.
 *
 * Measured (2026-11, 16-byte keys, 100-byte values, one run, lists of 100 and of 20,000): 1M keys 0.46 of the time of
 * single reads (412 against 910 ns, in the same minutes of a loaded machine), 100K keys 0.58 (312 against 534).
 */
import { type Bytes, Entry, EntryKind, KeyBuffer, type KeyHasher } from '@lsm/core';
import { PLACE_ABSENT } from '@lsm/sstable';
import type { Counters } from '../counters.ts';
import type { RunView } from '../tree/run-view.ts';
import type { TableFile } from '../tree/table-file.ts';
import type { TableReads } from '../tree/table-reads.ts';
import type { TreeView } from '../tree/tree-view.ts';
import type { MemtableUnit } from '../write/memtable-unit.ts';
import { type CombinedIndex, SLOT_UNKNOWN } from './combined-index.ts';
import type { CombinedIndexBuilder } from './combined-index-builder.ts';
import { FOUND, findInMemtables, isCovered, UNDECIDED } from './read-path.ts';
import type { ValueSlab } from './value-slab.ts';

/** Keys of a group: their slots, block ends and entries take about 60 KiB, which stay in the L2 cache. */
const GROUP_KEYS = 128;
/** Buffers that a long key made larger than this are not kept. */
const KEY_BYTES_KEPT = 1024;

/** What a lookup of many keys reads from. */
export interface LookupSources {
  /** Memtables, newest first. */
  readonly units: readonly MemtableUnit[];
  readonly view: TreeView;
  /** The reader's sequence number. */
  readonly sequence: number;
  /** Where the block cache is. */
  readonly reads: TableReads;
}

/** Looks up groups of keys; keeps nothing between calls but its buffers. */
export class StagedLookup {
  readonly #hasher: KeyHasher;
  readonly #counters: Counters;
  readonly #slab: ValueSlab;
  readonly #combined: CombinedIndexBuilder;
  readonly #entry = new Entry();
  readonly #keys: KeyBuffer[] = [];
  readonly #lows = new Int32Array(GROUP_KEYS);
  readonly #highs = new Int32Array(GROUP_KEYS);
  /** Where the table of the present run holds a key, if it does. */
  /** The slot that the combined index names for a key. */
  readonly #newest = new Int32Array(GROUP_KEYS);
  readonly #places = new Int32Array(GROUP_KEYS);
  readonly #files: (TableFile | null)[] = [];
  /** The keys of the group that no source has decided yet. */
  readonly #open = new Int32Array(GROUP_KEYS);
  #openCount = 0;
  /** The open keys that a table of the present run may hold. */
  readonly #asking = new Int32Array(GROUP_KEYS);
  /** Word indexes in the cache's memory. */
  readonly #at = new Int32Array(GROUP_KEYS);
  /** What the touches read; nobody asks for it. */
  touched = 0;

  constructor(
    hasher: KeyHasher,
    counters: Counters,
    slab: ValueSlab,
    combined: CombinedIndexBuilder,
  ) {
    this.#combined = combined;
    this.#hasher = hasher;
    this.#counters = counters;
    this.#slab = slab;
  }

  /**
   * Looks keys up.
   *
   * @param keys - a list that nobody changes meanwhile
   * @param values - gets an owned value at the index of each key that has one
   * @param missed - gets the indexes of keys whose blocks are not cached, if tables are in cache-only mode
   * @throws LSM_INVALID_ARGUMENT for a bad key; as reads of tables
   */
  find(
    keys: readonly Bytes[],
    sources: LookupSources,
    values: (Uint8Array | undefined)[],
    missed: number[],
  ): void {
    for (let from = 0; from < keys.length; from += GROUP_KEYS) {
      this.#start(keys, from, sources, values);
      const { runs } = sources.view;
      const combined = this.#combined.indexFor(sources.view);
      this.#askCombined(combined);
      for (let i = 0; i < runs.length && this.#openCount > 0; i++) {
        if (!this.#approach(runs[i]!, combined, sources.reads)) continue;
        this.#answer(sources.sequence, from, values, missed);
      }
    }
  }

  /** Takes in a group, hashed; what memtables decide is done. */
  #start(
    keys: readonly Bytes[],
    from: number,
    { units, view, sequence }: LookupSources,
    values: (Uint8Array | undefined)[],
  ): void {
    const counters = this.#counters;
    const hasher = this.#hasher;
    const entry = this.#entry;
    const count = Math.min(GROUP_KEYS, keys.length - from);
    const hasRuns = view.runs.length > 0;
    this.#openCount = 0;
    for (let i = 0; i < count; i++) {
      const key = this.#buffer(i);
      key.set(keys[from + i]!);
      const found = findInMemtables(units, key, sequence, entry, counters);
      if (found === FOUND) {
        counters.getHits++;
        values[from + i] = this.#slab.copyValue(entry);
      } else if (found === UNDECIDED && hasRuns) {
        hasher.hash(key.words, 0, key.length);
        this.#lows[i] = hasher.low;
        this.#highs[i] = hasher.high;
        this.#open[this.#openCount++] = i;
      }
    }
    counters.gets += count;
  }

  /** Asks the combined index about the open keys. */
  #askCombined(combined: CombinedIndex | null): void {
    const open = this.#open;
    const count = this.#openCount;
    let touched = 0;
    if (combined === null) {
      this.#newest.fill(SLOT_UNKNOWN);
      return;
    }
    for (let j = 0; j < count; j++) {
      const i = open[j]!;
      touched ^= combined.touch(this.#lows[i]!);
    }
    for (let j = 0; j < count; j++) {
      const i = open[j]!;
      this.#newest[i] = combined.newest(this.#lows[i]!, this.#highs[i]!);
    }
    this.touched = touched;
  }

  /** Brings what a run may know of the open keys near; false if it knows nothing. */
  #approach(run: RunView, combined: CombinedIndex | null, reads: TableReads): boolean {
    const count = this.#openCount;
    const open = this.#open;
    const files = this.#files;
    const keys = this.#keys;
    const lows = this.#lows;
    const highs = this.#highs;
    const places = this.#places;
    const asking = this.#asking;
    const at = this.#at;
    const newest = this.#newest;
    const slot = combined === null ? 0 : combined.slotOf(run);
    let asked = 0;
    for (let j = 0; j < count; j++) {
      const i = open[j]!;
      if (slot > newest[i]!) {
        files[i] = null;
        continue;
      }
      const index = run.find(keys[i]!);
      if (index >= 0) asking[asked++] = i;
      files[i] = index < 0 ? null : run.files[index]!;
    }
    let touched = 0;
    for (let j = 0; j < asked; j++) {
      const i = asking[j]!;
      touched ^= files[i]!.table.touchPoints(lows[i]!, highs[i]!);
    }
    const probed = asked;
    asked = 0;
    for (let j = 0; j < probed; j++) {
      const i = asking[j]!;
      const file = files[i]!;
      const place = file.table.locate(keys[i]!, lows[i]!, highs[i]!);
      if (place === PLACE_ABSENT && file.metadata.rangeTombstones === 0) {
        files[i] = null;
        continue;
      }
      places[i] = place;
      at[asked] = file.table.blockEndAt(place);
      asking[asked++] = i;
    }
    const words = reads.cacheWords;
    touched ^= touchLines(words, at, asked, -16);
    for (let j = 0; j < asked; j++) {
      const i = asking[j]!;
      at[j] = files[i]!.table.entryAt(places[i]!, keys[i]!);
    }
    touched ^= touchLines(words, at, asked, 16);
    this.touched = touched;
    this.#counters.runsProbed += probed;
    return asked > 0;
  }

  /** Answers what the run decides; the other keys stay open. */
  #answer(
    sequence: number,
    from: number,
    values: (Uint8Array | undefined)[],
    missed: number[],
  ): void {
    const count = this.#openCount;
    const open = this.#open;
    const files = this.#files;
    const entry = this.#entry;
    let left = 0;
    for (let j = 0; j < count; j++) {
      const i = open[j]!;
      const file = files[i]!;
      if (file === null) {
        open[left++] = i;
        continue;
      }
      const key = this.#keys[i]!;
      const table = file.table;
      const result = table.getAt(
        this.#places[i]!,
        key,
        this.#lows[i]!,
        this.#highs[i]!,
        sequence,
        entry,
      );
      if (result < 0) missed.push(from + i);
      else if (isCovered(file, key, sequence, result === 1 ? entry.sequence : -1)) continue;
      else if (result === 0) open[left++] = i;
      else if (entry.kind === EntryKind.put) {
        this.#counters.getHits++;
        values[from + i] = this.#slab.copyValue(entry);
      }
    }
    this.#openCount = left;
  }

  #buffer(i: number): KeyBuffer {
    const key = this.#keys[i];
    if (key !== undefined && key.bytes.length <= KEY_BYTES_KEPT) return key;
    return (this.#keys[i] = new KeyBuffer(64));
  }
}

/**
 * Reads three cache lines at each place. The loop has nothing in it but reads, of which none waits for another: so the
 * processor has a dozen or more under way at once (19 ns a place in 140 MB, one after the other 170; 2026-11).
 *
 * @param step - words from one line to the next
 */
function touchLines(words: Int32Array, at: Int32Array, count: number, step: number): number {
  const last = words.length - 1;
  let touched = 0;
  for (let j = 0; j < count; j++) {
    const first = at[j]!;
    const second = Math.min(last, Math.max(0, first + step));
    const third = Math.min(last, Math.max(0, second + step));
    touched ^= words[first]! ^ words[second]! ^ words[third]!;
  }
  return touched;
}
