/**
 * What a merge may leave out: the switches of drop rules D1–D3 and the forward sweeps that decide them.
 *
 * - D1 a version goes if a newer kept version of its key (or a range tombstone over it) is in the merge and no live
 *   snapshot separates the two.
 * - D2 a point tombstone goes if it is then the oldest kept version of its key in the merge, and no run older than
 *   the target has a table, other than the inputs, whose range contains the key.
 * - D3 a range tombstone goes if no older run has such a table over any of its range and no snapshot is below it.
 * - D4 sequence numbers are never zeroed: they are what "newest first" is checked by. D5 nothing is ever merged across a
 *   gap (admission rule A2 sees to it), and an entry of an unknown kind is refused even where it is hidden.
 *   D6 memtables are newer than all runs and are flushed in order, so that a merge need not look at them.
 *
 * The sweeps take keys in ascending order and stand on plain metadata: no I/O, nothing allocated per entry.
 */
import {
  compareAligned,
  compareBytes,
  type Entry,
  fragmentRangeTombstones,
  KeyBuffer,
  type RangeTombstone,
  type RangeTombstoneFragment,
} from '@lsm/core';
import type { KeyRange } from './key-range.ts';
import type { SnapshotStripes } from './snapshot-stripes.ts';

/**
 * Switches that turn single drop rules off, to prove that tests notice. Never turn one off outside of a test.
 *
 * @internal
 */
export interface DropRules {
  /** D1: live snapshots are respected. */
  readonly snapshots: boolean;
  /** D2: older runs are asked before a point tombstone goes. */
  readonly olderRuns: boolean;
  /** D3: older runs are asked before a range tombstone goes. */
  readonly olderRunsOfRanges: boolean;
  /** D3: snapshots are asked before a range tombstone goes. */
  readonly snapshotsOfRanges: boolean;
  /** D5: entries of unknown kinds are refused, before D1 could drop them. */
  readonly unknownKinds: boolean;
}

/** @internal */
export const ALL_DROP_RULES: DropRules = {
  snapshots: true,
  olderRuns: true,
  olderRunsOfRanges: true,
  snapshotsOfRanges: true,
  unknownKinds: true,
};

/** A key copied to where words can be compared. */
function alignedKey(key: Uint8Array): KeyBuffer {
  const buffer = new KeyBuffer(key.length);
  buffer.setBytes(key, 0, key.length);
  return buffer;
}

function compareEntryTo(entry: Entry, key: KeyBuffer): number {
  return compareAligned(entry.words, entry.keyOffset, entry.keyLength, key.words, 0, key.length);
}

/** One older run as seen by a merge that passes over it. */
class OlderRun {
  readonly #tables: readonly KeyRange[];
  #index = 0;
  #minKey: KeyBuffer | null = null;
  #maxKey: KeyBuffer | null = null;

  constructor(tables: readonly KeyRange[]) {
    this.#tables = tables;
    this.#load();
  }

  /** Whether the range of a table holds the entry's key; keys ascend from call to call. */
  mayContain(entry: Entry): boolean {
    while (this.#minKey !== null) {
      if (this.#maxKey === null || compareEntryTo(entry, this.#maxKey) <= 0) {
        return compareEntryTo(entry, this.#minKey) >= 0;
      }
      this.#index++;
      this.#load();
    }
    return false;
  }

  /** Whether a table's range meets the fragment's. */
  meets(fragment: RangeTombstoneFragment): boolean {
    return this.#tables.some(
      ({ minKey, maxKey }) =>
        (fragment.upper === null || compareBytes(minKey, fragment.upper) < 0) &&
        (maxKey === null || compareBytes(fragment.lower, maxKey) <= 0),
    );
  }

  #load(): void {
    const table = this.#tables[this.#index];
    this.#minKey = table === undefined ? null : alignedKey(table.minKey);
    this.#maxKey = table === undefined || table.maxKey === null ? null : alignedKey(table.maxKey);
  }
}

/** All runs older than a merge's target, without the merge's inputs. */
export class OlderRuns {
  readonly #runs: readonly OlderRun[];

  /** @param runs - tables of each older run that are no inputs, in key order */
  constructor(runs: readonly (readonly KeyRange[])[]) {
    this.#runs = runs.filter((tables) => tables.length > 0).map((tables) => new OlderRun(tables));
  }

  /** Whether an older run may hold the entry's key; keys ascend from call to call. */
  mayContain(entry: Entry): boolean {
    for (const run of this.#runs) if (run.mayContain(entry)) return true;
    return false;
  }

  /** Whether an older run may hold a key of the fragment; any order. */
  meets(fragment: RangeTombstoneFragment): boolean {
    return this.#runs.some((run) => run.meets(fragment));
  }
}

/** The range tombstones of a merge, passed over in key order: what they cover and which of them stay. */
export class RangeTombstoneSweep {
  /** What has to be written, thinned by D1 and D3; disjoint, in key order. */
  readonly kept: readonly RangeTombstoneFragment[];
  readonly #fragments: readonly RangeTombstoneFragment[];
  readonly #stripes: SnapshotStripes;
  #index = 0;
  #lower: KeyBuffer | null = null;
  #upper: KeyBuffer | null = null;

  /** @param tombstones - of all inputs, in any order */
  constructor(
    tombstones: readonly RangeTombstone[],
    stripes: SnapshotStripes,
    older: OlderRuns,
    rules: DropRules,
  ) {
    this.#stripes = stripes;
    this.#fragments = fragmentRangeTombstones(tombstones);
    this.kept = this.#fragments.flatMap((fragment) => {
      const sequences = thin(fragment, stripes, older, rules);
      return sequences.length === 0 ? [] : [{ ...fragment, sequences }];
    });
    this.#load();
  }

  /** Whether a range tombstone of the merge hides the entry from every reader; keys ascend from call to call. */
  covers(entry: Entry): boolean {
    while (this.#lower !== null) {
      if (this.#upper === null || compareEntryTo(entry, this.#upper) < 0) {
        return compareEntryTo(entry, this.#lower) >= 0 && this.#hides(entry.sequence);
      }
      this.#index++;
      this.#load();
    }
    return false;
  }

  /** Whether the present fragment has a sequence number above `sequence` in the same stripe. */
  #hides(sequence: number): boolean {
    const last = this.#stripes.lastOfStripe(sequence);
    for (const covering of this.#fragments[this.#index]!.sequences) {
      if (covering <= sequence) return false;
      if (covering <= last) return true;
    }
    return false;
  }

  #load(): void {
    const fragment = this.#fragments[this.#index];
    this.#lower = fragment === undefined ? null : alignedKey(fragment.lower);
    this.#upper =
      fragment === undefined || fragment.upper === null ? null : alignedKey(fragment.upper);
  }
}

/** The sequence numbers of a fragment that readers still need: the newest of each stripe, unless D3 lets it go. */
function thin(
  fragment: RangeTombstoneFragment,
  stripes: SnapshotStripes,
  older: OlderRuns,
  rules: DropRules,
): number[] {
  const newestOfStripes = fragment.sequences.filter(
    (sequence, i) =>
      i === 0 || stripes.stripeOf(sequence) !== stripes.stripeOf(fragment.sequences[i - 1]!),
  );
  if (rules.olderRunsOfRanges && older.meets(fragment)) return newestOfStripes;
  return newestOfStripes.filter(
    (sequence) => rules.snapshotsOfRanges && stripes.hasBelow(sequence),
  );
}
