/**
 * The command line of the bench. Each file of `command-line` adds its commands; this one runs them.
 *
 * Mistakes in flags, config or input end with one message and exit code 2; wrong answers and figures that don't count
 * with exit code 1.
 */
import { isLsmError } from '@lsm/core';
import { Command, CommanderError } from 'commander';
import { registerComparisons } from './command-line/comparisons.ts';
import { registerLab } from './command-line/lab.ts';
import { registerLongRuns } from './command-line/long-runs.ts';
import { registerMatrix } from './command-line/matrix.ts';
import { registerOverwrite } from './command-line/overwrite.ts';
import { registerPeers } from './command-line/peers.ts';
import { WrongAnswer } from './model.ts';
import { VoidFigure } from './run/checks.ts';
import { UsageError } from './usage-error.ts';

/** What adds commands, in the order of the help text. */
const REGISTRATIONS = [
  registerComparisons,
  registerMatrix,
  registerOverwrite,
  registerPeers,
  registerLab,
  registerLongRuns,
];

function createProgram(): Command {
  const program = new Command('lsm-bench')
    .description('Measures the @lsm engine on real databases on disk.')
    .exitOverride()
    .configureOutput({ writeErr: (text) => process.stderr.write(text) })
    .showSuggestionAfterError();
  for (const register of REGISTRATIONS) register(program);
  return program;
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
