/**
 * `peers`: the engine beside other stores, each in a process of its own.
 */
import type { Command } from 'commander';
import { type Flags, print, sessionFlags, withSizes, words } from './flags.ts';

/** Adds the commands to the program. */
export function registerPeers(program: Command): void {
  withSizes(program.command('peers'))
    .description('compare with classic-level, lmdb and node:sqlite, each in a process of its own')
    .option('--stores <names>', 'lsm, classic-level, lmdb, sqlite', words)
    .option('--workloads <names>', 'workloads', words)
    .action(async (flags: Flags) => {
      const { comparePeers } = await import('../commands/peers.ts');
      await comparePeers(flags, sessionFlags(flags), print);
    });
  program
    .command('peer-run', { hidden: true })
    .argument('<setting>', 'JSON')
    .action(async (setting: string) => {
      const { runPeer } = await import('../commands/peer-run.ts');
      await runPeer(JSON.parse(setting), print);
    });
}
