/** What leveled compaction remembers between plans: where the last pick of each level ended. */
import { prefixSuccessor, type TableInfo } from '@lsm/core';

/** The state as JSON: for each level a key in hexadecimal. Kept in the manifest. */
export interface LeveledStateJson {
  readonly [level: string]: string;
}

/** Longest prefix of a key that is kept, bytes. */
const KEY_BYTES_KEPT = 64;

/** The state in use. */
export interface LeveledState {
  /** Where the last pick of a level ended; `null`: none yet, or at the end of all keys. */
  after(level: number): Uint8Array | null;
  readonly json: LeveledStateJson;
}

/** Reads the state; anything that it can't be is taken as "none yet". */
export function readState(json: unknown): LeveledState {
  const cursors = (typeof json === 'object' && json !== null ? json : {}) as LeveledStateJson;
  return {
    json: cursors,
    after(level) {
      const hex = cursors[String(level)];
      if (typeof hex !== 'string' || !/^([0-9a-f]{2})+$/.test(hex)) return null;
      return Uint8Array.from(hex.match(/../g)!, (digits) => Number.parseInt(digits, 16));
    },
  };
}

/** The state after a table of `level` was picked. */
export function withCursor(state: LeveledState, level: number, table: TableInfo): LeveledState {
  const { [String(level)]: _, ...others } = state.json;
  const end = table.maxKey;
  // A long key is cut and rounded up, so that the cursor still stands at or after the pick's end.
  const kept =
    end === null || end.length <= KEY_BYTES_KEPT
      ? end
      : prefixSuccessor(end.subarray(0, KEY_BYTES_KEPT));
  if (kept === null || kept.length === 0) return readState(others);
  const hex = Array.from(kept, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return readState({ ...others, [String(level)]: hex });
}
