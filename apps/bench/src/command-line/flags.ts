/**
 * Flags that commands share, and how their values are read.
 */
import { type Command, Option } from 'commander';
import type { SessionFlags } from '../commands/compare.ts';
import type { InputChoice } from '../commands/load-data.ts';
import { type BenchConfig, DATA_SOURCES } from '../config.ts';
import { INPUT_FORMATS } from '../data/input-file.ts';
import { UsageError } from '../usage-error.ts';

/** Flags as they were parsed, by name. */
export type Flags = Record<string, unknown>;

/** Writes one line to the terminal. */
export const print = (text: string): void => {
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

/** Adds the flags that choose sizes. */
export function withSizes(command: Command): Command {
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
export function withVariants(command: Command): Command {
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

/** The data set that the flags name, or null. */
export function inputOf(flags: Flags): InputChoice | null {
  if (flags['input'] === undefined) return null;
  return {
    path: String(flags['input']),
    format: flags['format'] as InputChoice['format'],
    keyColumn: flags['keyColumn'] as string | undefined,
    valueColumn: flags['valueColumn'] as string | undefined,
    strict: flags['strict'] === true,
  };
}

/** The flags that every command with databases on disk takes. */
export function sessionFlags(flags: Flags): SessionFlags {
  return {
    directory: flags['directory'] as string | undefined,
    keep: flags['keep'] === true,
    output: flags['output'] as string | undefined,
    quiet: flags['quiet'] === true,
  };
}

/** A whole number, underscores allowed. */
export function integer(text: string): number {
  const value = Number(text.replaceAll('_', ''));
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new UsageError(`"${text}" is not a whole number.`);
  }
  return value;
}

/** Words separated by spaces. */
export function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}
