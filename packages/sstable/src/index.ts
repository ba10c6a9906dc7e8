/**
 * `@lsm/sstable`: immutable sorted tables. A builder that streams entries to a file, and tables that answer lookups
 * and scans from it, every byte checked.
 */
export { EntryScratch } from './entry-scratch.ts';
export { BLOCK_BYTES_MAX, BLOCK_BYTES_MIN } from './format.ts';
export { inclusiveUpper } from './range-tombstone-block.ts';
export { GET_ABSENT, GET_FOUND, GET_MISS, MISS_INDEX, Table } from './table.ts';
export { TableBuilder, type TableBuilderOptions } from './table-builder.ts';
export type { CursorOptions } from './table-cursor.ts';
export { readTableProperties, type TableIdentity } from './table-ends.ts';
export {
  type TableCounters,
  TableEnvironment,
  type TableEnvironmentOptions,
  tableCounters,
  type VerifyMode,
} from './table-environment.ts';
export type { PointIndexProperties, TableProperties, TableTimes } from './table-properties.ts';
export { PLACE_ABSENT } from './touch.ts';
