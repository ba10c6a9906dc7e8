/** Small trees written by hand for tests of planners: key ranges as letters, ids as they come. */
import {
  type CompactionStrategy,
  type RunInfo,
  SEQUENCE_MAX,
  type TableInfo,
  type TreeSnapshot,
} from '@lsm/core';

const encoder = new TextEncoder();

/** Bytes of a short text. */
export const treeKey = (text: string): Uint8Array => encoder.encode(text);

/** A table from `range` like `a-f`; `a-*` has no upper end. */
export function treeTable(id: number, range: string, more: Partial<TableInfo> = {}): TableInfo {
  const [minKey, maxKey] = range.split('-');
  return {
    id,
    bytes: 100,
    entries: 10,
    minKey: treeKey(minKey!),
    maxKey: maxKey === '*' ? null : treeKey(maxKey ?? minKey!),
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
export function treeRun(id: number, level: number, tables: readonly TableInfo[]): RunInfo {
  const bytes = tables.reduce((sum, { bytes: size }) => sum + size, 0);
  return { id, level, tables, bytes, entries: 10 * tables.length };
}

/** A snapshot of runs, newest first. */
export function treeSnapshot(
  runs: readonly RunInfo[],
  more: Partial<TreeSnapshot> = {},
): TreeSnapshot {
  return {
    version: 1,
    now: 0,
    runs,
    inProgress: [],
    oldestReaderSequence: SEQUENCE_MAX,
    flushBytes: 100,
    limits: { maxTasks: 4, maxTaskBytes: 2400, tableBytes: 100, freeDiskBytes: 1e12 },
    ...more,
  };
}

/** A strategy that plans nothing. */
export const IDLE_STRATEGY: CompactionStrategy = Object.freeze({
  name: 'idle',
  formatVersion: 1,
  settings: null,
  plan: () => ({ tasks: [] }),
  assess: () => ({ debtBytes: 0, pressure: 0, delay: 'none' as const, quiescent: true }),
});
