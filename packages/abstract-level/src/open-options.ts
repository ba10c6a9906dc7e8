/**
 * Which of the options of a level are the engine's.
 *
 * abstract-level forwards everything that it does not know, also what belongs to the application (hooks get to see
 * it), so unknown names pass. LevelDB's tuning options do not: they would be ignored without a word.
 */
import type { OpenOptions } from '@lsm/engine';
import { LevelError } from './level-error.ts';

const engineOptions: Readonly<Record<keyof OpenOptions, true>> = {
  createIfMissing: true,
  errorIfExists: true,
  readOnly: true,
  durability: true,
  memoryBytes: true,
  memtableBytes: true,
  cacheBytes: true,
  indexBytes: true,
  combinedIndex: true,
  memtable: true,
  blockBytes: true,
  tableBytes: true,
  compression: true,
  reads: true,
  executor: true,
  maxTasks: true,
  lossy: true,
  compaction: true,
  filter: true,
  fs: true,
  clock: true,
  random: true,
};

/** Options of classic-level and what stands for them here. */
const foreignOptions: Readonly<Record<string, string>> = {
  cacheSize: 'use cacheBytes',
  writeBufferSize: 'use memtableBytes',
  blockSize: 'use blockBytes',
  maxFileSize: 'use tableBytes',
  maxOpenFiles: 'leave it out',
  blockRestartInterval: 'leave it out',
  multithreading: 'leave it out: one instance serves one thread',
};

/**
 * The engine's options among those of a level.
 *
 * @throws LEVEL_INVALID_ARGUMENT for a tuning option of LevelDB, naming what to use
 */
export function engineOptionsOf(options: Readonly<Record<string, unknown>>): OpenOptions {
  const chosen: Record<string, unknown> = {};
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(engineOptions, name)) chosen[name] = options[name];
    else if (Object.hasOwn(foreignOptions, name)) {
      throw new LevelError(
        'LEVEL_INVALID_ARGUMENT',
        `${name} is an option of LevelDB; ${foreignOptions[name]}.`,
      );
    }
  }
  return chosen;
}
