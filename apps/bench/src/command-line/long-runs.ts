/**
 * `endurance` and `speed`: long runs that watch one engine.
 */
import type { Command } from 'commander';
import { integer, print } from './flags.ts';

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
    .command('speed')
    .description('the quick table of single calls, beside calibration rows of the same run')
    .option('--entries <count>', 'entries of the large database', integer, 1_000_000)
    .option('--directory <path>', 'parent of the temporary databases')
    .action(async (flags: { entries: number; directory?: string }) => {
      const { measureSpeed } = await import('../commands/speed.ts');
      await measureSpeed(flags.entries, flags.directory, print);
    });
}
