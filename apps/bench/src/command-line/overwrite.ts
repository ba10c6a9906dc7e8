/** `overwrite`: what the best strategy for writes costs against leveled. */
import { join } from 'node:path';
import type { Command } from 'commander';
import type { OverwriteFlags } from '../commands/overwrite.ts';
import { integer, print, words } from './flags.ts';

/** Adds the command to the program. */
export function registerOverwrite(program: Command): void {
  program
    .command('overwrite')
    .description(
      '20 million overwrites under leveled and others; writes, space and misses compared',
    )
    .option('--strategies <names>', 'name or name:setting=value, beside leveled', words, [
      'hybrid:level0Runs=6',
      'hybrid',
    ])
    .option('--entries <count>', 'keys', integer, 2_000_000)
    .option('--operations <count>', 'overwrites', integer, 20_000_000)
    .option('--value-bytes <count>', 'bytes of values, a multiple of 4', integer, 100)
    .option('--memtable-bytes <bytes>', 'size of a memtable', integer, 2 ** 21)
    .option('--table-bytes <bytes>', 'target size of a table', integer, 2 ** 20)
    .option('--cache-bytes <bytes>', 'size of the block cache', integer, 2 ** 16)
    .option('--misses <count>', 'lookups of absent keys', integer, 200_000)
    .option('--filter-bits <count>', 'memory of filters, bits for each key', integer, 10)
    .option(
      '--filter-kind <kind>',
      'leveled’s uniform filters: bloom or split-block',
      'split-block',
    )
    .option('--seed <number>', 'seed of all random choices', integer, 1)
    .option('--directory <path>', 'parent of the temporary databases')
    .option('--output <path>', 'directory of overwrite.json', join('reports', 'overwrite'))
    .action(async (flags: OverwriteFlags) => {
      const { runOverwriteCommand } = await import('../commands/overwrite.ts');
      await runOverwriteCommand(flags, print);
    });
}
