/**
 * Which tables may be dropped whole.
 *
 * A table is dropped only together with everything older under its keys; else older versions would come back. So the
 * runs are looked at from the oldest up, and a table that is kept keeps what lies over it (admission rule A6 checks the
 * same).
 */
import { overlapping } from '@lsm/compaction';
import type { RunInfo, TableId, TableInfo, TreeSnapshot } from '@lsm/core';
import type { FifoSettings } from './settings.ts';

/** What is to be dropped, and why. */
export interface Expired {
  readonly ids: readonly TableId[];
  readonly bytes: number;
}

/** Tables whose newest write is too old; those that hide older ones which stay are left out. */
export function expiredTables(
  { runs, now }: TreeSnapshot,
  { maxAgeMs }: FifoSettings,
  isBusy: (table: TableId) => boolean,
): Expired {
  if (maxAgeMs === 0) return { ids: [], bytes: 0 };
  return collect(runs, (table) => table.newestWriteAt + maxAgeMs <= now && !isBusy(table.id));
}

/**
 * What is oldest, until the rest fits: runs from the oldest up. With windows a run goes as a whole, since it is one;
 * without, table by table, by the age of the newest write: a run that another strategy left may be all there is.
 */
export function surplusTables(
  { runs }: TreeSnapshot,
  { maxBytes, windowMs }: FifoSettings,
  isBusy: (table: TableId) => boolean,
): Expired {
  if (maxBytes === 0) return { ids: [], bytes: 0 };
  let surplus = -maxBytes;
  for (const run of runs) surplus += run.bytes;
  const dropped = new Set<TableId>();
  for (const run of runs.toReversed()) {
    if (surplus <= 0 || run.tables.some((table) => isBusy(table.id))) break;
    for (const table of run.tables.toSorted((a, b) => a.newestWriteAt - b.newestWriteAt)) {
      if (windowMs === 0 && surplus <= 0) break;
      dropped.add(table.id);
      surplus -= table.bytes;
    }
  }
  return collect(runs, (table) => dropped.has(table.id));
}

function collect(runs: readonly RunInfo[], isWanted: (table: TableInfo) => boolean): Expired {
  const ids: TableId[] = [];
  let bytes = 0;
  const kept: (readonly TableInfo[])[] = [];
  for (const run of runs.toReversed()) {
    const stays: TableInfo[] = [];
    for (const table of run.tables) {
      const stands = !isWanted(table) || kept.some((older) => overlapping(older, table).length > 0);
      if (stands) {
        stays.push(table);
        continue;
      }
      ids.push(table.id);
      bytes += table.bytes;
    }
    if (stays.length > 0) kept.push(stays);
  }
  return { ids, bytes };
}
