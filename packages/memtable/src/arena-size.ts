/**
 * How large an arena has to be for a memtable that takes certain records: frames, index and sequence table.
 *
 * The sequence table takes a fixed part of every arena, so what remains of a power of two may be less than what was
 * asked for. Whoever makes an arena for one large write has to ask for that part as well.
 */
import { artIndexBytes } from './art-memtable.ts';
import { hashIndexBytes } from './hash-memtable.ts';
import { SEQUENCE_SHIFT } from './version.ts';

/** Arena bytes for each byte that is left beside the sequence table: 4 of every 64 bytes are its. */
const ARENA_PER_ROOM = 2 ** SEQUENCE_SHIFT / (2 ** SEQUENCE_SHIFT - 4);

/**
 * Bytes to ask a pool for, so that an empty memtable in that arena has room for some writes.
 *
 * @param kind - of the memtable
 * @param frameBytes - bytes of the frames
 * @param records - how many records they hold
 */
export function memtableArenaBytes(
  kind: 'art' | 'hash',
  frameBytes: number,
  records: number,
): number {
  const index = kind === 'art' ? artIndexBytes(records) : hashIndexBytes(records);
  return Math.ceil((frameBytes + index) * ARENA_PER_ROOM);
}
