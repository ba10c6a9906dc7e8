/** Small trees written by hand: key ranges as letters, ids as they come. */
import type { RunInfo, TableInfo, TreeSnapshot } from '@lsm/core';
import { SEQUENCE_MAX } from '@lsm/core';

const encoder = new TextEncoder();

/** Bytes of a short text. */
export const key = (text: string): Uint8Array => encoder.encode(text);

/** A table from `range` like `a-f`; `a-*` has no upper end. */
export function table(id: number, range: string, more: Partial<TableInfo> = {}): TableInfo {
  const [minKey, maxKey] = range.split('-');
  return {
    id,
    bytes: 100,
    entries: 10,
    minKey: key(minKey!),
    maxKey: maxKey === '*' ? null : key(maxKey ?? minKey!),
    minSequence: id,
    maxSequence: id,
    pointTombstones: 0,
    rangeTombstones: 0,
    reclaimableBytes: 0,
    oldestTombstoneAt: null,
    oldestWriteAt: 0,
    newestWriteAt: 0,
    createdAt: 0,
    filterBitsPerKey: 10,
    busyBy: null,
    ...more,
  };
}

/** A run. */
export function run(id: number, level: number, tables: readonly TableInfo[]): RunInfo {
  const bytes = tables.reduce((sum, { bytes: size }) => sum + size, 0);
  return { id, level, tables, bytes, entries: 10 * tables.length };
}

/** A snapshot of runs, newest first. */
export function snapshot(runs: readonly RunInfo[], more: Partial<TreeSnapshot> = {}): TreeSnapshot {
  return {
    version: 1,
    now: 0,
    runs,
    inProgress: [],
    oldestReaderSequence: SEQUENCE_MAX,
    flushBytes: 100,
    limits: { maxTasks: 4, maxTaskBytes: 1600, tableBytes: 100, freeDiskBytes: 1e12 },
    ...more,
  };
}
