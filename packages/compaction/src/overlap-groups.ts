/**
 * Divides a run into groups of tables whose borders stay where they are while the run changes.
 *
 * 1. A stretch of tables that has at most `maxBytes` is a group.
 * 2. A larger stretch is split behind the table whose last key has the smallest hash, and both halves likewise.
 *
 * Counting bytes from the start would shift all later borders with each change. Here a change moves only borders
 * near by, because a hash depends on nothing but its key: the shape is that of a treap (Seidel & Aragon, 1996). Runs
 * that are cut at these borders at different times therefore have most of their borders in common.
 */

/** A table as far as grouping goes. */
export interface Groupable {
  /** Largest key, inclusive; `null`: no upper end. */
  readonly maxKey: Uint8Array | null;
  readonly bytes: number;
}

/**
 * Groups the tables of a run; expected O(n log n).
 *
 * @param tables - in key order
 * @param maxBytes - of a group, unless it is a single table
 * @returns neighbouring groups that together are the run
 */
export function overlapGroups<T extends Groupable>(
  tables: readonly T[],
  maxBytes: number,
): readonly (readonly T[])[] {
  const hashes = tables.map(({ maxKey }) => (maxKey === null ? 2 ** 32 : hashOf(maxKey)));
  const groups: (readonly T[])[] = [];
  const stretches: [start: number, end: number][] = tables.length === 0 ? [] : [[0, tables.length]];
  for (let stretch = stretches.pop(); stretch !== undefined; stretch = stretches.pop()) {
    const [start, end] = stretch;
    let bytes = 0;
    let lowest = start;
    for (let i = start; i < end; i++) {
      bytes += tables[i]!.bytes;
      if (i < end - 1 && hashes[i]! < hashes[lowest]!) lowest = i;
    }
    if (bytes <= maxBytes || end - start === 1) {
      groups.push(tables.slice(start, end));
    } else {
      stretches.push([lowest + 1, end], [start, lowest + 1]);
    }
  }
  return groups;
}

/** FNV-1a with a final mix; never stored, so it may change. */
function hashOf(key: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of key) hash = Math.imul(hash ^ byte, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x21f0aaad);
  hash = Math.imul(hash ^ (hash >>> 15), 0x735a2d97);
  return (hash ^ (hash >>> 15)) >>> 0;
}
