/**
 * When the combined index is built, and of what.
 *
 * 1. It takes in the newest runs, all but the oldest one, while their entries fit its memory, if they are enough.
 * 2. Lookups build it: one in 64 takes in a slice of entries. So it costs nothing where nobody reads, and nothing of it
 *    runs between calls: a slice seeks to where the one before ended.
 * 3. `'auto'` begins when the lookups of the present tree have asked so many runs in vain that building would have been
 *    cheaper (the rule of whoever rents skis: never more than twice the price of knowing in advance). `'always'` builds
 *    all at once at the first lookup after a change of the tree.
 * 4. A run that is newer than all that were taken in is added; an older one, as merges make them, begins a new index,
 *    because slots go by age. The one before serves until the new one is whole, if there is memory for both.
 * 5. While the disk is so slow that point reads leave the caller's thread, only one slice in 64 is taken, timed, to see
 *    whether it still is; with `reads: 'async'` none, since building would read on the thread.
 * 6. A table that can't be read is left out: whoever reads it is told, not whoever looks up a key of another one.
 */
import { type Clock, equalAligned, KeyBuffer, type KeyHasher } from '@lsm/core';
import type { Counters } from '../counters.ts';
import type { CombinedIndexMode } from '../options.ts';
import { RunCursor } from '../tree/run-cursor.ts';
import type { RunView } from '../tree/run-view.ts';
import type { TableReads } from '../tree/table-reads.ts';
import type { TreeView } from '../tree/tree-view.ts';
import { CombinedIndex, combinedIndexBytes, combinedIndexEntries } from './combined-index.ts';

/** Fewest runs that are worth it: one costs about as much to ask as the index. */
const RUNS_MIN = 3;
/** Entries of one slice: about 20 µs. */
const SLICE_ENTRIES = 256;
/** While the disk is slow, one slice in 64 is taken. */
const TRY_MASK = 63;
/** Runs asked in vain that cost as much as taking in one entry (45 against 80 ns). */
const PROBES_PER_ENTRY = 2;

/** What a builder is made of. */
export interface CombinedIndexParts {
  readonly mode: CombinedIndexMode;
  /** Most bytes; the old index goes before a new one is begun if there is no room for both. */
  readonly bytesMax: number;
  readonly hasher: KeyHasher;
  readonly counters: Counters;
  readonly reads: TableReads;
  readonly clock: Clock;
}

/** Keeps the combined index of one database. */
export class CombinedIndexBuilder {
  readonly #parts: CombinedIndexParts;
  /** The tree that the plan is for. */
  #view: TreeView | null = null;
  /** What lookups ask. */
  #current: CombinedIndex | null = null;
  /** What is being built: a new index, or the current one if it only grows. */
  #building: CombinedIndex | null = null;
  /** Runs to take in, oldest first. */
  #waiting: RunView[] = [];
  /** The run that is being taken in, from the key {@link #resume} on. */
  #run: RunView | null = null;
  readonly #resume = new KeyBuffer();
  /** Whether what waits can be added to the current index. */
  #grows = false;
  #probesBefore = 0;
  /** Calls of {@link work} while the disk was slow. */
  #calls = 0;

  constructor(parts: CombinedIndexParts) {
    this.#parts = parts;
  }

  /** Bytes of memory of what is built. */
  get memoryBytes(): number {
    const other = this.#building === this.#current ? null : this.#building;
    return (this.#current?.memoryBytes ?? 0) + (other?.memoryBytes ?? 0);
  }

  /** The index to ask in a lookup of `view`; `null` if there is none. */
  indexFor(view: TreeView): CombinedIndex | null {
    if (this.#parts.mode === 'always' && view !== this.#view && !this.#parts.reads.async) {
      this.#plan(view);
      while (this.#begin()) this.#advance();
    }
    return this.#current;
  }

  /** Builds a little if it is time to; to be called by one lookup in 64. */
  work(view: TreeView): void {
    const { mode, reads } = this.#parts;
    if (mode !== 'auto' || reads.neverSync) return;
    if (reads.async && (this.#calls++ & TRY_MASK) !== 0) return;
    if (view !== this.#view) this.#plan(view);
    if (this.#begin()) this.#advanceTimed();
  }

  /** Decides what there is to take in. */
  #plan(view: TreeView): void {
    this.#view = view;
    this.#run = null;
    const wanted = this.#wantedRuns(view);
    const index = this.#building ?? this.#current;
    const missing = index === null ? wanted : wanted.filter((run) => index.slotOf(run) === 0);
    // Wanted runs are listed newest first: what is missing must stand before what is not.
    const isNewer = missing.length === 0 || wanted[missing.length - 1] === missing.at(-1);
    this.#grows = index !== null && isNewer && index.hasRoom(missing.length, entriesOf(missing));
    if (wanted.length === 0) {
      this.#current = null;
      this.#probesBefore = this.#probes;
    }
    if (!this.#grows || wanted.length === 0) this.#building = null;
    this.#waiting = (this.#grows ? missing : wanted).toReversed();
  }

  /** The newest runs, newest first, that are worth an index and fit it; empty if they are too few. */
  #wantedRuns(view: TreeView): RunView[] {
    const wanted: RunView[] = [];
    let entries = 0;
    for (const run of view.runs.slice(0, -1)) {
      entries += entriesOf([run]);
      if (combinedIndexBytes(entries) > this.#parts.bytesMax) break;
      if (!run.hasRangeTombstones) wanted.push(run);
    }
    return wanted.length < RUNS_MIN ? [] : wanted;
  }

  /** Whether there is something to build, and it is or has been worth beginning. */
  #begin(): boolean {
    if (this.#building !== null) return true;
    if (this.#waiting.length === 0) return false;
    const { mode, bytesMax } = this.#parts;
    const price = PROBES_PER_ENTRY * entriesOf(this.#waiting);
    if (mode === 'auto' && this.#probes - this.#probesBefore < price) return false;
    if (!this.#grows) {
      // Room for as much again, so that the next flushes can be added.
      const entriesMax = combinedIndexEntries(bytesMax);
      const entries = Math.min(entriesMax, 2 * entriesOf(this.#waiting));
      if (this.memoryBytes + combinedIndexBytes(entries) > bytesMax) this.#current = null;
      this.#building = new CombinedIndex(entries);
    } else {
      this.#building = this.#current;
    }
    return true;
  }

  /** As {@link #advance}; what it reads tells how fast the disk is, also when all that lookups want is cached. */
  #advanceTimed(): void {
    const { reads, clock } = this.#parts;
    const before = reads.counters.blockReads;
    const started = clock.elapsed();
    this.#advance();
    const blocks = reads.counters.blockReads - before;
    if (blocks > 0) reads.measured((clock.elapsed() - started) / blocks);
  }

  /** Takes in a slice. */
  #advance(): void {
    try {
      if (this.#run === null && !this.#next()) {
        this.#current = this.#building;
        this.#building = null;
        this.#probesBefore = this.#probes;
        return;
      }
      this.#slice(this.#building!, this.#run!);
    } catch {
      // Until the tree changes, it goes on as it is.
      this.#building = null;
      this.#waiting = [];
      this.#run = null;
    }
  }

  /** Goes on to the next run; false at the end. */
  #next(): boolean {
    const run = this.#waiting.shift();
    if (run === undefined) return false;
    this.#building!.begin(entriesOf([run]));
    this.#run = run;
    this.#resume.length = 0;
    return true;
  }

  #slice(index: CombinedIndex, run: RunView): void {
    const { hasher } = this.#parts;
    const resume = this.#resume;
    const cursor = new RunCursor(run, { readAhead: true, fillCache: false });
    try {
      cursor.seek(resume);
      const { entry } = cursor;
      for (let count = 0; cursor.valid; count++) {
        const { words, keyOffset, keyLength } = entry;
        // A slice ends between two keys: it always gets beyond the key that it began at.
        if (
          count >= SLICE_ENTRIES &&
          !equalAligned(words, keyOffset, keyLength, resume.words, 0, resume.length)
        ) {
          resume.setBytes(entry.bytes, keyOffset, keyLength);
          return;
        }
        hasher.hash(words, keyOffset, keyLength);
        index.add(hasher.low, hasher.high);
        cursor.next();
      }
    } finally {
      cursor.close();
    }
    index.finish(run.files);
    this.#run = null;
  }

  /** Runs that lookups asked beyond one each. */
  get #probes(): number {
    const { runsProbed, gets, memtableHits } = this.#parts.counters;
    return runsProbed - (gets - memtableHits);
  }
}

function entriesOf(runs: readonly RunView[]): number {
  let entries = 0;
  for (const run of runs) for (const file of run.files) entries += file.metadata.entries;
  return entries;
}
