/**
 * `record`, `what-if` and `advise`: the laboratory. A trace of a workload, what other strategies would have cost under
 * it, and which one suits it.
 */
import { type Command, Option } from 'commander';
import { UsageError } from '../usage-error.ts';
import { type Flags, inputOf, integer, print, settingsOf, withVariants, words } from './flags.ts';

/** Adds the commands to the program. */
export function registerLab(program: Command): void {
  withVariants(program.command('record'))
    .description('run a workload on the engine and record a trace of it (--output FILE)')
    .requiredOption('--workload <name>', 'the workload')
    .option('--sample <share>', 'share of keys that is recorded', share, 1 / 4)
    .option('--sketch-bytes <count>', 'bytes of each key to keep; 0 for none', integer, 8)
    .action(async (flags: Flags) => {
      const { recordTrace } = await import('../commands/record.ts');
      await recordTrace(
        settingsOf({ ...flags, workloads: [flags['workload']] }),
        inputOf(flags),
        {
          output: (flags['output'] as string | undefined) ?? `${String(flags['workload'])}.trace`,
          sample: flags['sample'] as number,
          sketchBytes: flags['sketchBytes'] as number,
          directory: flags['directory'] as string | undefined,
        },
        print,
      );
    });
  withReplay(program.command('what-if'))
    .description('replay a trace over strategies in the simulator')
    .action(async (path: string, flags: Flags) => {
      const { whatIfCommand } = await import('../commands/what-if.ts');
      whatIfCommand(path, flags, print);
    });
  withReplay(program.command('advise'))
    .description('say which strategy suits a trace, and why')
    .option('--weights <numbers>', 'weights of writes, reads and space, as in 1,1,0.5', weights)
    .option('--threshold <share>', 'what a switch has to gain', share, 0.15)
    .action(async (path: string, flags: Flags) => {
      const { adviseCommand } = await import('../commands/advise.ts');
      adviseCommand(path, flags, print);
    });
}

function withReplay(command: Command): Command {
  return command
    .argument('<trace>', 'a file of `record`, or of db.record')
    .option('--strategies <names>', 'name or name:setting=value, separated by spaces', words)
    .option('--bytes-per-second <bytes>', 'what the device reads and writes', integer, 100_000_000)
    .option('--bits-per-key <count>', 'mean bits of filters', integer, 10)
    .addOption(
      new Option('--filter <name>', 'how filter memory is dealt')
        .choices(['monkey', 'uniform', 'none'])
        .default('monkey'),
    )
    .option('--max-operations <count>', 'operations that are replayed, about', integer, 400_000)
    .option('--json <file>', 'write the result there as well');
}

function share(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 1)) throw new UsageError(`"${text}" is no share above 0, at most 1.`);
  return value;
}

function weights(text: string): { write: number; read: number; space: number } {
  const [write = -1, read = -1, space = -1, ...more] = text.split(',').map(Number);
  if (more.length > 0 || ![write, read, space].every((weight) => weight >= 0)) {
    throw new UsageError(`"${text}" is not three weights of at least 0, as in 1,1,0.5.`);
  }
  return { write, read, space };
}
