/**
 * `@lsm/core`: the words of the domain. Bytes and their order, entries and records, errors, the hash, and the seams
 * that higher floors meet at. Imports nothing.
 */
export * from './block-transform.ts';
export * from './bytes.ts';
export * from './clock.ts';
export * from './compaction.ts';
export * from './cursor.ts';
export * from './entry.ts';
export * from './errors.ts';
export * from './file-system.ts';
export * from './hash.ts';
export * from './json.ts';
export * from './key-buffer.ts';
export * from './memtable.ts';
export * from './options.ts';
export * from './point-index.ts';
export * from './range-tombstones.ts';
export * from './record.ts';
export * from './varint.ts';
