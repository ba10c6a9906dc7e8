/**
 * The way of a point read: newest to oldest, on the caller's thread, one hash for all filters, no allocation until the
 * value is copied.
 *
 * 1. Active memtable, then sealed ones, newest first.
 * 2. Runs, newest first; in each the one table whose range holds the key.
 * 3. A combined index (combined-index.ts), where there is one, says which runs needn't be asked.
 * 4. In every source, range tombstones count as well: the newest covering one is carried along; the search ends at the
 *    first source that has a version of the key or a covering range tombstone, because every older source holds only
 *    older sequence numbers for that key (invariant V5).
 */
import { Entry, EntryKind, KeyBuffer, type KeyHasher } from '@lsm/core';
import type { Counters } from '../counters.ts';
import type { TableFile } from '../tree/table-file.ts';
import type { TreeView } from '../tree/tree-view.ts';
import type { MemtableUnit } from '../write/memtable-unit.ts';
import { SLOT_UNKNOWN } from './combined-index.ts';
import type { CombinedIndexBuilder } from './combined-index-builder.ts';

/** The key has a value: `entry` stands on it. */
export const FOUND = 1;
/** The key has no value at this sequence number. */
const ABSENT = 0;
/** A block has to be read first: `missingFile`, `missingBlock`. */
export const MISSING_BLOCK = -1;
/** The memtables say nothing about the key. */
export const UNDECIDED = 2;

/**
 * Asks the memtables for a key as a reader at `sequence` sees it.
 *
 * @param units - newest first
 * @param entry - filled on FOUND
 * @returns {@link FOUND}, {@link ABSENT} or {@link UNDECIDED}
 */
export function findInMemtables(
  units: readonly MemtableUnit[],
  key: KeyBuffer,
  sequence: number,
  entry: Entry,
  counters: Counters,
): number {
  for (let i = 0; i < units.length; i++) {
    const memtable = units[i]!.memtable;
    const found = memtable.get(key, sequence, entry);
    if (memtable.rangeTombstones.count > 0) {
      const covering = memtable.rangeTombstones.maxCoveringSequence(
        key.bytes.subarray(0, key.length),
        sequence,
      );
      if (covering >= 0 && (!found || covering > entry.sequence)) return ABSENT;
    }
    if (found) {
      counters.memtableHits++;
      return entry.kind === EntryKind.put ? FOUND : ABSENT;
    }
  }
  return UNDECIDED;
}

/**
 * Whether a range delete of a table that the reader sees covers a key and is newer than what was found of it.
 *
 * @param foundSequence - of the version found in the table; −1 if none was
 */
export function isCovered(
  file: TableFile,
  key: KeyBuffer,
  sequence: number,
  foundSequence: number,
): boolean {
  if (file.metadata.rangeTombstones === 0) return false;
  const bytes = key.bytes.subarray(0, key.length);
  return file.table.rangeTombstones.maxCoveringSequence(bytes, sequence) > foundSequence;
}

/** Finds one key at a time; holds the state of the last lookup. */
export class ReadPath {
  /** The value found; borrowed until the next lookup or any other read. */
  readonly entry: Entry = new Entry();
  /** Key of the lookup. */
  readonly key: KeyBuffer = new KeyBuffer();
  /** After MISSING_BLOCK: what to load. */
  missingFile: TableFile | null = null;
  missingBlock = -1;
  readonly #hasher: KeyHasher;
  readonly #counters: Counters;
  readonly #combined: CombinedIndexBuilder;

  constructor(hasher: KeyHasher, counters: Counters, combined: CombinedIndexBuilder) {
    this.#hasher = hasher;
    this.#counters = counters;
    this.#combined = combined;
  }

  /**
   * Finds the value of {@link key} as a reader at `sequence` sees it.
   *
   * @param units - memtables, newest first
   * @returns {@link FOUND}, {@link ABSENT} or {@link MISSING_BLOCK} (only if tables are in cache-only mode)
   */
  find(units: readonly MemtableUnit[], view: TreeView, sequence: number): number {
    const found = findInMemtables(units, this.key, sequence, this.entry, this.#counters);
    if (found !== UNDECIDED) return found;
    return view.runs.length === 0 ? ABSENT : this.#findInRuns(view, sequence);
  }

  #findInRuns(view: TreeView, sequence: number): number {
    const combined = this.#combined.indexFor(view);
    const key = this.key;
    const entry = this.entry;
    const hasher = this.#hasher;
    hasher.hash(key.words, 0, key.length);
    const low = hasher.low;
    const high = hasher.high;
    const newest = combined === null ? SLOT_UNKNOWN : combined.newest(low, high);
    const runs = view.runs;
    for (let i = 0; i < runs.length; i++) {
      const run = runs[i]!;
      if (combined !== null && combined.slotOf(run) > newest) {
        this.#counters.runsSkipped++;
        continue;
      }
      const index = run.find(key);
      if (index < 0) continue;
      const file = run.files[index]!;
      const table = file.opened ?? file.table;
      this.#counters.runsProbed++;
      const result = table.get(key, low, high, sequence, entry);
      if (result < 0) {
        this.missingFile = file;
        this.missingBlock = table.missBlock;
        return MISSING_BLOCK;
      }
      if (isCovered(file, key, sequence, result === 1 ? entry.sequence : -1)) return ABSENT;
      if (result === 1) return entry.kind === EntryKind.put ? FOUND : ABSENT;
    }
    return ABSENT;
  }
}
