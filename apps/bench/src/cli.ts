/**
 * The command line of the bench: `compare` (the default), `workload`, `peers`, `speed`, `endurance`.
 *
 * Mistakes in flags, config or input end with one message and exit code 2; wrong answers and figures that don't count
 * with exit code 1.
 */
import { isLsmError } from '@lsm/core';
import { Command, CommanderError, Option } from 'commander';
import type { SessionFlags } from './commands/compare.ts';
import type { InputChoice } from './commands/load-data.ts';
import { type BenchConfig, DATA_SOURCES, parseConfig, readConfigFile } from './config.ts';
import { INPUT_FORMATS } from './data/input-file.ts';
import { WrongAnswer } from './model.ts';
import { VoidFigure } from './run/checks.ts';
import { UsageError } from './usage-error.ts';
import { WORKLOADS } from './workloads/catalogue.ts';

type Flags = Record<string, unknown>;

const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

/** Flags that are settings of the same name. */
const CONFIG_FLAGS = [
  'strategies',
  'filters',
  'filter',
  'filterStrategy',
  'data',
  'entries',
  'keyBytes',
  'valueBytes',
  'operations',
  'inFlight',
  'repeats',
  'seed',
  'rate',
  'warmUp',
  'maxSeconds',
  'durability',
  'memtableBytes',
  'cacheBytes',
  'indexBytes',
  'tableBytes',
] as const satisfies readonly (keyof BenchConfig)[];

/** Where `workload` differs from `compare`. */
const WORKLOAD_DEFAULTS = { data: 'generated', filters: [], maxSeconds: 0 };

/** Adds the flags that choose sizes. */
function withSizes(command: Command): Command {
  return command
    .option('--entries <count>', 'entries to load', integer)
    .option('--key-bytes <count>', 'bytes of generated keys', integer)
    .option('--value-bytes <count>', 'bytes of generated values', integer)
    .option('--operations <count>', 'point operations per phase; as many as entries', integer)
    .option('--in-flight <count>', 'writes under way at once', integer)
    .option('--repeats <count>', 'interleaved repeats', integer)
    .option('--seed <number>', 'seed of all random choices', integer)
    .addOption(
      new Option('--durability <word>', 'what the acknowledgement of a write means').choices([
        'memory',
        'os',
        'fsync',
      ]),
    )
    .option('--directory <path>', 'parent of the temporary databases; the system’s own')
    .option('--keep', 'leave the databases behind', false)
    .option('--output <path>', 'directory of report.html, results.json and results.csv')
    .option('--quiet', 'no progress', false);
}

/** Adds the flags of comparisons of the engine with itself. */
function withVariants(command: Command): Command {
  return withSizes(command)
    .option('--config <file>', 'JSON file of settings; flags go over it')
    .option('--strategies <names>', 'name or name:setting=value, separated by spaces', words)
    .option('--filter <filter>', 'monkey, uniform:BITS or list:RATE,RATE,…')
    .option('--filters <filters>', 'filters to compare, separated by spaces; "" for none', words)
    .option('--filter-strategy <name>', 'the strategy under the comparison of filters')
    .addOption(new Option('--data <name>', 'data set').choices(DATA_SOURCES))
    .option('--input <file>', 'data of your own: TSV, CSV or JSON lines')
    .addOption(new Option('--format <name>', 'format of the input').choices(INPUT_FORMATS))
    .option('--key-column <name>', 'column or field of the key')
    .option('--value-column <name>', 'column or field of the value')
    .option('--strict', 'stop at the first malformed line', false)
    .option('--rate <count>', 'operations per second (open loop)', integer)
    .option('--no-warm-up', 'skip the uncounted run before')
    .option(
      '--max-seconds <count>',
      'begin no repeat that would end later; 0 for no limit',
      integer,
    )
    .option('--memtable-bytes <bytes>', 'size of a memtable', integer)
    .option('--cache-bytes <bytes>', 'size of the block cache', integer)
    .option('--index-bytes <bytes>', 'most bytes of filters and indexes', integer)
    .option('--table-bytes <bytes>', 'target size of a table', integer);
}

function createProgram(): Command {
  const program = new Command('lsm-bench')
    .description('Measures the @lsm engine on real databases on disk.')
    .exitOverride()
    .configureOutput({ writeErr: (text) => process.stderr.write(text) })
    .showSuggestionAfterError();
  withVariants(program.command('compare', { isDefault: true }))
    .description('compare compaction strategies and filter settings on a real data set')
    .option('--workloads <names>', 'workloads; the life of a real data set', words)
    .action(async (flags: Flags) => runCompare('compare', flags));
  withVariants(program.command('workload'))
    .description(`run workloads by name: ${WORKLOADS.map(({ name }) => name).join(', ')}`)
    .argument('<names...>', 'workloads; ycsb or db_bench for all of those')
    .action(async (names: string[], flags: Flags) =>
      runCompare('workload', { ...flags, workloads: names }, WORKLOAD_DEFAULTS),
    );
  withSizes(program.command('peers'))
    .description('compare with classic-level, lmdb and node:sqlite, each in a process of its own')
    .option('--stores <names>', 'lsm, classic-level, lmdb, sqlite', words)
    .option('--workloads <names>', 'workloads', words)
    .action(async (flags: Flags) => {
      const { comparePeers } = await import('./commands/peers.ts');
      await comparePeers(flags, sessionFlags(flags), print);
    });
  program
    .command('peer-run', { hidden: true })
    .argument('<setting>', 'JSON')
    .action(async (setting: string) => {
      const { runPeer } = await import('./commands/peer-run.ts');
      await runPeer(JSON.parse(setting), print);
    });
  program
    .command('endurance')
    .description('ten million entries under each strategy; watches memory, runs and the event loop')
    .option('--entries <count>', 'entries to load', integer, 10_000_000)
    .option('--directory <path>', 'parent of the temporary databases')
    .action(async (flags: { entries: number; directory?: string }) => {
      const { runEnduranceCommand } = await import('./commands/endurance.ts');
      runEnduranceCommand(flags.entries, flags.directory, print);
    });
  program
    .command('endurance-run', { hidden: true })
    .argument('<setting>', 'JSON')
    .action(async (setting: string) => {
      const { runEndurance } = await import('./endurance/endurance-run.ts');
      print(JSON.stringify(await runEndurance(JSON.parse(setting))));
    });
  program
    .command('speed')
    .description('the quick table of single calls, beside calibration rows of the same run')
    .option('--entries <count>', 'entries of the large database', integer, 1_000_000)
    .option('--directory <path>', 'parent of the temporary databases')
    .action(async (flags: { entries: number; directory?: string }) => {
      const { measureSpeed } = await import('./commands/speed.ts');
      await measureSpeed(flags.entries, flags.directory, print);
    });
  return program;
}

async function runCompare(name: string, flags: Flags, defaults: Flags = {}): Promise<void> {
  const { compare } = await import('./commands/compare.ts');
  const file = flags['config'] === undefined ? {} : readConfigFile(String(flags['config']));
  const command = `${name} ${process.argv
    .slice(2)
    .filter((word) => word !== name)
    .join(' ')}`.trim();
  await compare(
    command,
    parseConfig({ ...defaults, ...file, ...settingsOf(flags) }),
    inputOf(flags),
    sessionFlags(flags),
    print,
  );
}

/** The flags that are settings, without those that were not given. */
export function settingsOf(flags: Flags): Record<string, unknown> {
  const settings: Record<string, unknown> = {};
  for (const name of [...CONFIG_FLAGS, 'workloads'] as const) {
    // A negated flag is there with its default, true, which must not override a config file.
    if (flags[name] === undefined || (name === 'warmUp' && flags[name] === true)) continue;
    settings[name] = flags[name];
  }
  return settings;
}

function inputOf(flags: Flags): InputChoice | null {
  if (flags['input'] === undefined) return null;
  return {
    path: String(flags['input']),
    format: flags['format'] as InputChoice['format'],
    keyColumn: flags['keyColumn'] as string | undefined,
    valueColumn: flags['valueColumn'] as string | undefined,
    strict: flags['strict'] === true,
  };
}

function sessionFlags(flags: Flags): SessionFlags {
  return {
    directory: flags['directory'] as string | undefined,
    keep: flags['keep'] === true,
    output: flags['output'] as string | undefined,
    quiet: flags['quiet'] === true,
  };
}

function integer(text: string): number {
  const value = Number(text.replaceAll('_', ''));
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new UsageError(`"${text}" is not a whole number.`);
  }
  return value;
}

/** Words separated by spaces. */
function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}

/** Runs the bench with the arguments behind the program's name; returns the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  try {
    await createProgram().parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const mistake = error instanceof UsageError || isLsmError(error, 'LSM_INVALID_ARGUMENT');
    const expected = error instanceof VoidFigure || error instanceof WrongAnswer;
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    process.stderr.write(`${mistake || expected ? message : (stack ?? message)}\n`);
    return mistake ? 2 : 1;
  }
}
