/**
 * The oracle: what a database has to contain, kept so simply that one can see that it is right.
 *
 * - Each key has the list of its versions, oldest first; a version is (commit, value or `null` for deleted).
 * - A commit is what must become visible at once: one put, del, delRange or batch. Commits are numbered from 1; the
 *   state after commit n is every key's newest version at or below n.
 * - A range delete writes a deletion to each key that exists in its range. No tombstones, no levels, no files.
 */
import { compareBytes, copyBytes } from '@lsm/core';

/** Bounds of a range of keys; none: all keys. */
export interface KeyRange {
  readonly gte?: Uint8Array;
  readonly gt?: Uint8Array;
  readonly lt?: Uint8Array;
  readonly lte?: Uint8Array;
}

/** A part of a commit. */
export type ModelWrite =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: Uint8Array }
  | ({ readonly type: 'delRange' } & KeyRange);

/** A key and its value. */
export type ModelEntry = readonly [key: Uint8Array, value: Uint8Array];

interface Version {
  readonly commit: number;
  readonly value: Uint8Array | null;
}

interface Row {
  readonly key: Uint8Array;
  readonly versions: Version[];
}

/** A sorted map with its whole history. */
export class ModelDatabase {
  readonly #rows: Row[] = [];
  #commits = 0;

  /** Number of the last commit; 0 at the beginning. */
  get commits(): number {
    return this.#commits;
  }

  /**
   * Applies writes, in order, as one commit; bytes are copied.
   *
   * @returns its number
   */
  commit(writes: readonly ModelWrite[]): number {
    this.#commits++;
    for (const write of writes) {
      switch (write.type) {
        case 'put':
          this.#write(write.key, copyBytes(write.value, 0, write.value.length));
          break;
        case 'del':
          this.#write(write.key, null);
          break;
        case 'delRange':
          for (const [key] of this.entries(write)) this.#write(key, null);
          break;
      }
    }
    return this.#commits;
  }

  /** The value of a key after commit `at` (default: the last); `undefined` if it has none. */
  get(key: Uint8Array, at: number = this.#commits): Uint8Array | undefined {
    const index = this.#lowerBound(key);
    const row = this.#rows[index];
    if (row === undefined || compareBytes(row.key, key) !== 0) return undefined;
    return valueAt(row, at) ?? undefined;
  }

  /** All entries in a range after commit `at`, ascending. */
  entries(range: KeyRange = {}, at: number = this.#commits): ModelEntry[] {
    const entries: ModelEntry[] = [];
    for (const row of this.#rows) {
      if (!inRange(row.key, range)) continue;
      const value = valueAt(row, at);
      if (value !== null) entries.push([row.key, value]);
    }
    return entries;
  }

  /**
   * Which commit a recovered content is the state of; the latest one at or above `floor`, or −1: none, so the
   * recovery lost, invented or tore something.
   */
  findCommit(content: readonly ModelEntry[], floor: number): number {
    for (let commit = this.#commits; commit >= floor; commit--) {
      if (equalEntries(content, this.entries({}, commit))) return commit;
    }
    return -1;
  }

  /** Forgets all commits after `commit`, as a crash does. */
  rollBackTo(commit: number): void {
    this.#commits = commit;
    for (const { versions } of this.#rows) {
      while (versions.length > 0 && versions.at(-1)!.commit > commit) versions.pop();
    }
  }

  #write(key: Uint8Array, value: Uint8Array | null): void {
    const index = this.#lowerBound(key);
    let row = this.#rows[index];
    if (row === undefined || compareBytes(row.key, key) !== 0) {
      row = { key: copyBytes(key, 0, key.length), versions: [] };
      this.#rows.splice(index, 0, row);
    }
    row.versions.push({ commit: this.#commits, value });
  }

  #lowerBound(key: Uint8Array): number {
    let low = 0;
    let high = this.#rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compareBytes(this.#rows[middle]!.key, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Whether a key satisfies all bounds that are given. */
export function inRange(key: Uint8Array, range: KeyRange): boolean {
  if (range.gte !== undefined && compareBytes(key, range.gte) < 0) return false;
  if (range.gt !== undefined && compareBytes(key, range.gt) <= 0) return false;
  if (range.lt !== undefined && compareBytes(key, range.lt) >= 0) return false;
  return range.lte === undefined || compareBytes(key, range.lte) <= 0;
}

/** Whether two lists of entries are equal, order included. */
export function equalEntries(a: readonly ModelEntry[], b: readonly ModelEntry[]): boolean {
  if (a.length !== b.length) return false;
  return a.every(([key, value], i) => {
    const other = b[i]!;
    return compareBytes(key, other[0]) === 0 && compareBytes(value, other[1]) === 0;
  });
}

function valueAt(row: Row, commit: number): Uint8Array | null {
  for (let i = row.versions.length - 1; i >= 0; i--) {
    const version = row.versions[i]!;
    if (version.commit <= commit) return version.value;
  }
  return null;
}
