/**
 * `compare` and `workload`: the engine against itself under several strategies and filters.
 */
import type { Command } from 'commander';
import { parseConfig, readConfigFile } from '../config.ts';
import { WORKLOADS } from '../workloads/catalogue.ts';
import {
  type Flags,
  inputOf,
  print,
  sessionFlags,
  settingsOf,
  withVariants,
  words,
} from './flags.ts';

/** Where `workload` differs from `compare`. */
const WORKLOAD_DEFAULTS = { data: 'generated', filters: [], maxSeconds: 0 };

/** Adds the commands to the program. */
export function registerComparisons(program: Command): void {
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
}

async function runCompare(name: string, flags: Flags, defaults: Flags = {}): Promise<void> {
  const { compare } = await import('../commands/compare.ts');
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
