/** `matrix`: strategies × workloads × data sizes. */
import type { Command } from 'commander';
import { MATRIX_DEFAULTS, type MatrixConfig } from '../matrix/matrix-config.ts';
import { UsageError } from '../usage-error.ts';
import { type Flags, integer, print, sessionFlags, words } from './flags.ts';

/** Adds the command to the program. */
export function registerMatrix(program: Command): void {
  const standard = MATRIX_DEFAULTS;
  program
    .command('matrix')
    .description(
      'strategies × workloads × data sizes, on the engine and the simulator; some minutes',
    )
    .option(
      '--strategies <names>',
      'name, or name:setting=value; time-window and fifo only where data may be dropped by age',
      words,
      [...standard.strategies],
    )
    .option('--workloads <names>', 'workloads', words, [...standard.workloads])
    .option(
      '--sizes <numbers>',
      'data as multiples of a memtable',
      words,
      standard.sizes.map(String),
    )
    .option('--turns <count>', 'operations, as a multiple of the entries', integer, standard.turns)
    .option('--seed <number>', 'seed of all random choices', integer, standard.seed)
    .option('--key-bytes <count>', 'bytes of keys', integer, standard.keyBytes)
    .option('--value-bytes <count>', 'bytes of values', integer, standard.valueBytes)
    .option('--memtable-bytes <bytes>', 'size of a memtable', integer, standard.memtableBytes)
    .option('--table-bytes <bytes>', 'target size of a table', integer, standard.tableBytes)
    .option('--cache-bytes <bytes>', 'size of the block cache', integer, standard.cacheBytes)
    .option(
      '--filter-bits-per-key <count>',
      'mean bits of filters',
      integer,
      standard.filterBitsPerKey,
    )
    .option('--directory <path>', 'parent of the temporary databases; the system’s own')
    .option('--keep', 'leave the databases behind', false)
    .option('--output <path>', 'directory of report.html, results.json and results.csv')
    .option('--quiet', 'no progress', false)
    .action(async (flags: Flags) => {
      const { runMatrix } = await import('../commands/matrix.ts');
      const command = process.argv.slice(2).join(' ');
      await runMatrix(command, configOf(flags), sessionFlags(flags), print);
    });
}

function configOf(flags: Flags): MatrixConfig {
  const sizes = (flags['sizes'] as string[]).map(integer);
  if (sizes.length === 0 || sizes.some((size) => size < 2)) {
    throw new UsageError('The sizes have to be at least 2 memtables.');
  }
  const number = (name: keyof MatrixConfig): number => flags[name] as number;
  return {
    strategies: flags['strategies'] as string[],
    workloads: flags['workloads'] as string[],
    sizes: sizes.toSorted((a, b) => a - b),
    turns: number('turns'),
    seed: number('seed'),
    keyBytes: number('keyBytes'),
    valueBytes: number('valueBytes'),
    memtableBytes: number('memtableBytes'),
    tableBytes: number('tableBytes'),
    cacheBytes: number('cacheBytes'),
    filterBitsPerKey: number('filterBitsPerKey'),
  };
}
