/**
 * What reads would ask of simulated tables: the runs that a lookup goes to, the entries that a scan passes. Nothing is
 * asked of filters; whoever knows their rates can say from this what they would have spared.
 */
import { compareBytes, EntryKind } from '@lsm/core';
import { isWithinUpper, type KeyRange } from './key-range.ts';
import type { SimulatedEntries } from './simulated-table.ts';

/** A run for reading: tables with their metadata, in key order. */
export interface ProbedRun {
  readonly tables: readonly { readonly range: KeyRange; readonly entries: SimulatedEntries }[];
}

/** What a lookup did. */
export interface SimulatedLookup {
  /** Places of the runs that have a table whose range holds the key and were asked in vain, newest first. */
  readonly vain: readonly number[];
  /** Place of the run that ended the search by an entry of the key, −1 if none did. */
  readonly ended: number;
}

/** What a scan did. */
export interface SimulatedScan {
  /** Entries that a reader is given. */
  readonly returned: number;
  /** Entries that were passed in each run, newest first, hidden ones and tombstones included; −1: no table ahead. */
  readonly passed: readonly number[];
}

/**
 * Looks a key up, newest run first.
 *
 * @param runs - newest first
 * @param key - the key's number
 * @param keyBytes - the same key's bytes
 */
export function probeRuns(
  runs: readonly ProbedRun[],
  key: number,
  keyBytes: Uint8Array,
): SimulatedLookup {
  const vain: number[] = [];
  for (const [place, run] of runs.entries()) {
    const entries = entriesAround(run, keyBytes);
    if (entries === null) continue;
    const { keys, rangeTombstones } = entries;
    if (keys[firstAt(keys, key)] === key) return { vain, ended: place };
    vain.push(place);
    const covered = rangeTombstones.some(
      ({ lower, upper }) =>
        compareBytes(lower, keyBytes) <= 0 && (upper === null || compareBytes(keyBytes, upper) < 0),
    );
    if (covered) return { vain, ended: -1 };
  }
  return { vain, ended: -1 };
}

/**
 * Walks over the runs in key order until enough entries were visible.
 *
 * @param runs - newest first
 * @param key - where it starts, by number
 * @param keyBytes - the same key's bytes
 * @param limit - most entries returned, ≥ 1
 */
export function scanRuns(
  runs: readonly ProbedRun[],
  key: number,
  keyBytes: Uint8Array,
  limit: number,
): SimulatedScan {
  const walks = runs.map(({ tables }) => new Walk(tables, key, keyBytes));
  const covers = runs
    .flatMap(({ tables }) => tables.flatMap(({ entries }) => entries.rangeTombstones))
    .map(({ lower, upper, sequence }) => ({
      lower: numberOf(lower),
      upper: upper === null ? Number.POSITIVE_INFINITY : numberOf(upper),
      sequence,
    }));
  let returned = 0;
  while (returned < limit) {
    let at = Number.POSITIVE_INFINITY;
    let newest: Walk | null = null;
    for (const walk of walks) {
      if (walk.key >= at) continue;
      at = walk.key;
      newest = walk;
    }
    if (newest === null) break;
    const { kind, sequence } = newest;
    const hidden = covers.some(
      (cover) => cover.sequence > sequence && cover.lower <= at && at < cover.upper,
    );
    if (kind === EntryKind.put && !hidden) returned++;
    for (const walk of walks) walk.pass(at);
  }
  return { returned, passed: walks.map((walk) => walk.passed) };
}

/** One run of a scan. */
class Walk {
  readonly #tables: ProbedRun['tables'];
  #table: number;
  #at = 0;
  /** The next key's number; infinite at the end. */
  key: number = Number.POSITIVE_INFINITY;
  passed: number;

  constructor(tables: ProbedRun['tables'], key: number, keyBytes: Uint8Array) {
    this.#tables = tables;
    this.#table = tableAt(tables, keyBytes);
    const first = tables[this.#table];
    this.passed = first === undefined ? -1 : 0;
    if (first !== undefined) this.#at = firstAt(first.entries.keys, key);
    this.#settle();
  }

  get kind(): number {
    return this.#tables[this.#table]!.entries.kinds[this.#at]!;
  }

  get sequence(): number {
    return this.#tables[this.#table]!.entries.sequences[this.#at]!;
  }

  /** Goes beyond a key. */
  pass(key: number): void {
    while (this.key <= key) {
      this.#at++;
      this.passed++;
      this.#settle();
    }
  }

  #settle(): void {
    let table = this.#tables[this.#table];
    while (table !== undefined && this.#at >= table.entries.keys.length) {
      table = this.#tables[++this.#table];
      this.#at = 0;
    }
    this.key = table === undefined ? Number.POSITIVE_INFINITY : table.entries.keys[this.#at]!;
  }
}

/** The table of a run whose range holds a key, or `null`. */
export function entriesAround(
  { tables }: ProbedRun,
  keyBytes: Uint8Array,
): SimulatedEntries | null {
  const table = tables[tableAt(tables, keyBytes)];
  const isBefore = table === undefined || compareBytes(table.range.minKey, keyBytes) > 0;
  return isBefore ? null : table.entries;
}

/** Place of the first table that reaches up to a key. */
function tableAt(tables: ProbedRun['tables'], keyBytes: Uint8Array): number {
  let low = 0;
  let high = tables.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isWithinUpper(keyBytes, tables[middle]!.range.maxKey)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Place of the first entry at or behind a key. */
function firstAt(keys: Uint32Array, key: number): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (keys[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The number of a simulated key; bounds that were clipped just behind a key are longer, and count as that key. */
function numberOf(bytes: Uint8Array): number {
  const number = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0);
  return bytes.byteLength > 4 ? number + 0.5 : number;
}
