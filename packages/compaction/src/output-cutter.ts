/**
 * Decides where a merge ends one table and begins the next.
 *
 * 1. Never inside the versions of one user key.
 * 2. When the table has reached its target size.
 * 3. Where a table of the run `cutNear` ends, if the table has at least half of its target size: tables that end
 *    together are later merged together, at less cost.
 * 4. `cutNear` is divided into groups of at most `maxOverlapBytes` (overlap-groups.ts); a table never spans two groups.
 *    The groups depend on that run alone, so that all runs above it get their borders at the same keys.
 * 5. Before each key of `cutKeys`, whatever the size.
 *
 * The idea of cutting at the borders of the next level is RocksDB's (7.8) and Spooky's (Dayan et al., 2022).
 */
import { compareAligned, type Entry, KeyBuffer } from '@lsm/core';
import { overlapGroups } from './overlap-groups.ts';

/** A table of the run that cuts align to. */
export interface CutBorder {
  /** Where it ends, inclusive; `null`: no upper end. */
  readonly maxKey: Uint8Array | null;
  readonly bytes: number;
}

/** How outputs are cut; see {@link OutputShape} for the strategy's view of it. */
export interface CutShape {
  /** Target size of a table, bytes. */
  readonly tableBytes: number;
  /** All tables of the run that cuts align to, in key order; default none. */
  readonly cutNear?: readonly CutBorder[];
  /** Most bytes of `cutNear` that one output spans; default 0: no limit. */
  readonly maxOverlapBytes?: number;
  /** Keys before which an output ends, ascending; default none. */
  readonly cutKeys?: readonly Uint8Array[];
}

/** Follows the keys of a merge along the borders of another run. */
export class OutputCutter {
  readonly #tableBytes: number;
  readonly #borders: readonly CutBorder[];
  /** 1 where a group of borders ends. */
  readonly #groupEnds: Uint8Array;
  #index = 0;
  #border: KeyBuffer | null = null;
  readonly #cutKeys: readonly Uint8Array[];
  #cutIndex = 0;
  #cutKey: KeyBuffer | null = null;
  /** After {@link shouldCut} said yes: the border that was crossed, or `null`. */
  crossed: Uint8Array | null = null;

  constructor(shape: CutShape) {
    this.#tableBytes = shape.tableBytes;
    this.#borders = shape.cutNear ?? [];
    this.#groupEnds = groupEnds(this.#borders, shape.maxOverlapBytes ?? 0);
    this.#cutKeys = shape.cutKeys ?? [];
    this.#load();
    this.#loadCutKey();
  }

  /**
   * Whether to end the open table before this entry.
   *
   * @param entry - first entry of a new user key; keys ascend from call to call
   * @param openBytes - size of the open table; 0 if none is open
   */
  shouldCut(entry: Entry, openBytes: number): boolean {
    let crossed = -1;
    let group = false;
    while (this.#border !== null && isBelow(this.#border, entry)) {
      if (!group) crossed = this.#index;
      group ||= this.#groupEnds[this.#index] === 1;
      this.#index++;
      this.#load();
    }
    if (openBytes === 0) return false;
    this.crossed = crossed < 0 ? null : this.#borders[crossed]!.maxKey;
    if (group || openBytes >= this.#tableBytes) return true;
    return crossed >= 0 && openBytes >= this.#tableBytes / 2;
  }

  /**
   * The next key of `cutKeys` that lies between the entry before and this one, or is this one's; `null` if there is no
   * more. To be asked until then, before {@link shouldCut}.
   *
   * @param entry - as for {@link shouldCut}; `null`: the end
   */
  passCutKey(entry: Entry | null): Uint8Array | null {
    if (this.#cutKey === null || (entry !== null && isAbove(this.#cutKey, entry))) return null;
    const key = this.#cutKeys[this.#cutIndex++]!;
    this.#loadCutKey();
    return key;
  }

  #loadCutKey(): void {
    const key = this.#cutKeys[this.#cutIndex];
    if (key === undefined) {
      this.#cutKey = null;
      return;
    }
    this.#cutKey ??= new KeyBuffer(64);
    this.#cutKey.setBytes(key, 0, key.length);
  }

  #load(): void {
    const maxKey = this.#borders[this.#index]?.maxKey ?? null;
    if (maxKey === null) {
      this.#border = null;
      return;
    }
    this.#border ??= new KeyBuffer(64);
    this.#border.setBytes(maxKey, 0, maxKey.length);
  }
}

function compareBorder(border: KeyBuffer, entry: Entry): number {
  const { words, keyOffset, keyLength } = entry;
  return compareAligned(border.words, 0, border.length, words, keyOffset, keyLength);
}

function isBelow(border: KeyBuffer, entry: Entry): boolean {
  return compareBorder(border, entry) < 0;
}

function isAbove(border: KeyBuffer, entry: Entry): boolean {
  return compareBorder(border, entry) > 0;
}

function groupEnds(borders: readonly CutBorder[], maxOverlapBytes: number): Uint8Array {
  const ends = new Uint8Array(borders.length);
  if (maxOverlapBytes <= 0) return ends;
  let end = 0;
  for (const group of overlapGroups(borders, maxOverlapBytes)) {
    end += group.length;
    if (end < borders.length) ends[end - 1] = 1;
  }
  return ends;
}
