/**
 * `endurance`, `switch` and `speed`: long runs that watch one engine.
 */

import { join } from 'node:path';
import type { Command } from 'commander';
import type { SwitchFlags } from '../commands/switch.ts';
import { integer, print, words } from './flags.ts';

/** Adds the commands to the program. */
export function registerLongRuns(program: Command): void {
  program
    .command('endurance')
    .description('ten million entries under each strategy; watches memory, runs and the event loop')
    .option('--entries <count>', 'entries to load', integer, 10_000_000)
    .option('--directory <path>', 'parent of the temporary databases')
    .action(async (flags: { entries: number; directory?: string }) => {
      const { runEnduranceCommand } = await import('../commands/endurance.ts');
      runEnduranceCommand(flags.entries, flags.directory, print);
    });
  program
    .command('endurance-run', { hidden: true })
    .argument('<setting>', 'JSON')
    .action(async (setting: string) => {
      const { runEndurance } = await import('../endurance/endurance-run.ts');
      print(JSON.stringify(await runEndurance(JSON.parse(setting))));
    });
  program
    .command('switch')
    .description('switches one database under load through all ordered pairs of strategies')
    .option('--strategies <names>', 'name or name:setting=value, separated by spaces', words, [
      'tiered',
      'leveled',
      'hybrid',
      'unified',
      'hybrid:preset=1-leveling',
    ])
    .option('--entries <count>', 'entries to load', integer, 4_194_304)
    .option('--value-bytes <count>', 'bytes of values, a multiple of 4', integer, 240)
    .option('--rate <count>', 'writes per second, and reads', integer, 2000)
    .option(
      '--window-seconds <count>',
      'load before each switch; 0: latencies don’t count',
      integer,
      10,
    )
    .option('--churn-percent <count>', 'entries overwritten before each switch', integer, 25)
    .option('--steps <count>', 'switches after which to end; all', integer)
    .option('--memtable-bytes <bytes>', 'size of a memtable', integer, 4 * 2 ** 20)
    .option('--table-bytes <bytes>', 'target size of a table', integer, 4 * 2 ** 20)
    .option('--seed <number>', 'seed of all random choices', integer, 1)
    .option('--directory <path>', 'parent of the temporary databases')
    .option('--output <path>', 'directory of switch.json', join('reports', 'switch'))
    .action(async (flags: SwitchFlags) => {
      const { runSwitchCommand } = await import('../commands/switch.ts');
      await runSwitchCommand(flags, print);
    });
  program
    .command('speed')
    .description('the quick table of single calls, beside calibration rows of the same run')
    .option('--entries <count>', 'entries of the large database', integer, 1_000_000)
    .option('--directory <path>', 'parent of the temporary databases')
    .action(async (flags: { entries: number; directory?: string }) => {
      const { measureSpeed } = await import('../commands/speed.ts');
      await measureSpeed(flags.entries, flags.directory, print);
    });
}
