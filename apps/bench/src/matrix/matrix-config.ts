/** What the matrix runs: strategies, workloads, sizes, and the small memory that makes few data a deep tree. */
import type { SimulatorOptions } from '@lsm/compaction';

/** Settings of one call of `matrix`. */
export interface MatrixConfig {
  /** Strategies by name, or `name:setting=value,…`. */
  readonly strategies: readonly string[];
  readonly workloads: readonly string[];
  /** Data sizes, as multiples of what one memtable holds; ascending. */
  readonly sizes: readonly number[];
  readonly seed: number;
  readonly memtableBytes: number;
  readonly tableBytes: number;
  readonly cacheBytes: number;
  readonly filterBitsPerKey: number;
  readonly keyBytes: number;
  readonly valueBytes: number;
  /** Operations of a workload, as a multiple of the loaded entries. */
  readonly turns: number;
}

/** Workloads of the default matrix. */
const MATRIX_WORKLOADS: readonly string[] = [
  'uniform',
  'zipfian',
  'fillseq',
  'queue',
  'expiring',
  'read-mostly',
  'scans',
  'mix-70-20-10',
];

/** Strategies of the default matrix; the two last only run where data may be dropped by age. */
const MATRIX_STRATEGIES: readonly string[] = [
  'leveled',
  'tiered',
  'hybrid',
  'unified',
  'time-window',
  'fifo',
];

const KIBIBYTE = 1024;

/** The default matrix. */
export const MATRIX_DEFAULTS: MatrixConfig = {
  strategies: MATRIX_STRATEGIES,
  workloads: MATRIX_WORKLOADS,
  sizes: [40, 100, 250],
  seed: 1,
  memtableBytes: 64 * KIBIBYTE,
  tableBytes: 64 * KIBIBYTE,
  cacheBytes: 64 * KIBIBYTE,
  filterBitsPerKey: 10,
  keyBytes: 16,
  valueBytes: 100,
  turns: 2,
};

/** What one memtable and one table hold, as measured; makes the simulator's tree as large as the engine's. */
export interface Calibration {
  /** Puts until a memtable is full. */
  readonly memtablePuts: number;
  /** Deletes until a memtable is full. */
  readonly memtableDeletes: number;
  /** Bytes of a put and of a delete in a table, its share of everything in the file. */
  readonly putBytes: number;
  readonly deleteBytes: number;
}

/** Tables that one task of the engine takes at most, by `limits.maxTaskBytes`. */
const TASK_TABLES_MAX = 24;

/** The engine's settings in the simulator's words; the clock stands still but for `advance`. */
export function simulatorOptions(
  config: MatrixConfig,
  { putBytes, deleteBytes }: Calibration,
  keyCount: number,
): SimulatorOptions {
  return {
    keyCount,
    // Its store flushes by how full a memtable of the engine would be.
    flushEntries: Number.POSITIVE_INFINITY,
    flushBytes: config.memtableBytes,
    entryBytes: putBytes,
    tombstoneBytes: deleteBytes,
    tableEntries: config.tableBytes / putBytes,
    maxTasks: 2,
    maxTaskEntries: (TASK_TABLES_MAX * config.tableBytes) / putBytes,
    flushMs: 0,
  };
}
