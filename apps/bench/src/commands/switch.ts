/** `switch`: one database under load, switched through all ordered pairs of strategies; every bound checked. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StrategySetting } from '@lsm/engine';
import { parseStrategy } from '../config.ts';
import { captureEnvironment, loadAfter } from '../environment.ts';
import { formatBytes, formatCount, formatSeconds } from '../report/format.ts';
import { VoidFigure } from '../run/checks.ts';
import { WorkDirectory } from '../run/work-directory.ts';
import { complaintsOf } from '../switch/bounds.ts';
import { KEY_BYTES } from '../switch/operation-trace.ts';
import { SwitchChain } from '../switch/switch-chain.ts';
import { renderSwitches, switchLine } from '../switch/switch-table.ts';

/** Flags of the command. */
export interface SwitchFlags {
  readonly strategies: readonly string[];
  readonly entries: number;
  readonly valueBytes: number;
  readonly rate: number;
  readonly windowSeconds: number;
  readonly churnPercent: number;
  readonly steps?: number;
  readonly memtableBytes: number;
  readonly tableBytes: number;
  readonly seed: number;
  readonly directory?: string;
  readonly output: string;
}

/** Runs the chain, prints it, leaves `switch.json`; fails if an answer was wrong or a bound was broken. */
export async function runSwitchCommand(
  flags: SwitchFlags,
  print: (text: string) => void,
): Promise<void> {
  const directory = new WorkDirectory(flags.directory, false);
  const { entries, valueBytes, rate } = flags;
  const isTimed = flags.windowSeconds > 0;
  const started = performance.now();
  try {
    const environment = captureEnvironment(directory.path);
    print(
      `${formatCount(entries)} entries, ${formatBytes(entries * (KEY_BYTES + valueBytes))}; ${rate} writes and as many reads per second, durability os`,
    );
    const chain = new SwitchChain(
      {
        strategies: flags.strategies.map((name) => ({
          name,
          setting: parseStrategy(name) as StrategySetting,
        })),
        entries,
        valueBytes,
        rate,
        windowMs: 1000 * flags.windowSeconds,
        churn: flags.churnPercent / 100,
        ...(flags.steps === undefined ? {} : { steps: flags.steps }),
        seed: flags.seed,
        open: { memtableBytes: flags.memtableBytes, tableBytes: flags.tableBytes },
      },
      directory,
      (step) => print(switchLine(step)),
    );
    const result = await chain.run();
    const complaints = complaintsOf(result, isTimed);
    print(renderSwitches(result.steps));
    print(
      `${result.steps.length} switches in ${formatSeconds((performance.now() - started) / 1000)}; ${formatCount(result.checkedReads)} reads under load and ${formatCount(result.checkedEntries)} entries at the end agree with the model.`,
    );
    mkdirSync(flags.output, { recursive: true });
    const file = join(flags.output, 'switch.json');
    const measured = { ...environment, 'load average after': loadAfter() };
    writeFileSync(file, JSON.stringify({ flags, environment: measured, complaints, ...result }));
    print(`Figures: ${file}`);
    if (complaints.length > 0) throw new VoidFigure(`Out of bounds:\n${complaints.join('\n')}`);
  } finally {
    directory.remove();
  }
}
