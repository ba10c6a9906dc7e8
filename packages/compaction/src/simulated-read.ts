/** Reads of the simulator, by the rules of the real read path: newest run first, the first version found ends it. */
import { compareBytes, EntryKind, type RangeTombstone } from '@lsm/core';
import type { SimulatedEntries } from './simulated-table.ts';

/** Number of the put that a reader sees, −1 if there is none. */
export type Visible = number;

/**
 * Looks a key up in sources, newest first.
 *
 * @param sources - the tables of each run, runs newest first
 * @param key - the key's number
 * @param keyBytes - the same key's bytes
 * @param sequenceMax - the reader's sequence number
 */
export function readVisible(
  sources: readonly (readonly SimulatedEntries[])[],
  key: number,
  keyBytes: Uint8Array,
  sequenceMax: number,
): Visible {
  let covering = -1;
  for (const tables of sources) {
    let found = -1;
    let kind = 0;
    let value = -1;
    for (const table of tables) {
      covering = Math.max(covering, coveringSequence(table.rangeTombstones, keyBytes, sequenceMax));
      if (found >= 0) continue;
      const at = firstVisible(table, key, sequenceMax);
      if (at < 0) continue;
      found = table.sequences[at]!;
      kind = table.kinds[at]!;
      value = table.values[at]!;
    }
    // Sources fall in age, key by key: what comes later is older than what was met here.
    if (covering > found && covering >= 0) return -1;
    if (found >= 0) return kind === EntryKind.put ? value : -1;
  }
  return -1;
}

function firstVisible(table: SimulatedEntries, key: number, sequenceMax: number): number {
  const { keys, sequences } = table;
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (keys[middle]! < key) low = middle + 1;
    else high = middle;
  }
  for (let i = low; i < keys.length && keys[i] === key; i++) {
    if (sequences[i]! <= sequenceMax) return i;
  }
  return -1;
}

function coveringSequence(
  tombstones: readonly RangeTombstone[],
  key: Uint8Array,
  sequenceMax: number,
): number {
  let newest = -1;
  for (const { lower, upper, sequence } of tombstones) {
    if (
      sequence > newest &&
      sequence <= sequenceMax &&
      compareBytes(lower, key) <= 0 &&
      (upper === null || compareBytes(key, upper) < 0)
    ) {
      newest = sequence;
    }
  }
  return newest;
}
