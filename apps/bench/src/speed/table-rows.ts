/** Rows of background work: one flush of a full memtable, one merge of overlapping runs from file to file. */
import { open } from '@lsm/engine';
import type { WorkDirectory } from '../run/work-directory.ts';
import {
  ROUNDS,
  SPEED_ENTRY_BYTES,
  SPEED_VALUES,
  SpeedKeys,
  type SpeedRows,
} from './speed-rows.ts';

const RUNS = 4;
const MEGABYTE = 1e6;
/** No strategy triggers before the merge that is measured. */
const QUIET = {
  strategy: 'tiered',
  minMergeWidth: 64,
  maxMergeWidth: 64,
  maxSpaceAmplification: 100,
} as const;

/** Adds the rows. */
export async function measureTables(
  rows: SpeedRows,
  directory: WorkDirectory,
  entries: number,
): Promise<void> {
  const flushes: number[] = [];
  const merges: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const path = directory.next();
    const db = await open(path, {
      durability: 'memory',
      memoryBytes: 2 * 2 ** 30,
      memtableBytes: 512 << 20,
      compaction: QUIET,
    });
    const keys = new SpeedKeys();
    const perRun = Math.floor(entries / RUNS);
    for (let run = 0; run < RUNS; run++) {
      for (let i = 0; i < perRun; i++) {
        db.putSync(keys.of(i * RUNS + run), SPEED_VALUES[i & 63]!);
      }
      const start = performance.now();
      await db.flush();
      flushes.push((perRun * SPEED_ENTRY_BYTES) / MEGABYTE / ((performance.now() - start) / 1000));
    }
    await db.idle();
    const before = db.stats().counters.compactionReadBytes;
    const start = performance.now();
    await db.compact();
    const seconds = (performance.now() - start) / 1000;
    const read = db.stats().counters.compactionReadBytes - before;
    merges.push(read / MEGABYTE / seconds);
    await db.close();
    directory.drop(path);
  }
  rows.add('flush, keys and values', 'fsync', 'MB/s', flushes);
  rows.add(`merge of ${RUNS} runs, file to file, bytes read`, 'fsync', 'MB/s', merges);
}
