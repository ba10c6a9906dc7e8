/**
 * `overwrite`: the same uniform overwrites under leveled compaction with uniform filters, and under other strategies
 * with Monkey and as much memory for filters; what the best for writes may cost in space and reads is checked.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseStrategy } from '../config.ts';
import { captureEnvironment, loadAfter } from '../environment.ts';
import { checkOverwrite } from '../overwrite/overwrite-checks.ts';
import { type OverwriteResult, runOverwrite, userDataBytes } from '../overwrite/overwrite-run.ts';
import { overwriteLine, renderChecks, renderOverwrite } from '../overwrite/overwrite-table.ts';
import { formatBytes, formatCount, formatSeconds } from '../report/format.ts';
import { VoidFigure } from '../run/checks.ts';
import { WorkDirectory } from '../run/work-directory.ts';
import { UsageError } from '../usage-error.ts';

/** Flags of the command. */
export interface OverwriteFlags {
  readonly strategies: readonly string[];
  readonly entries: number;
  readonly operations: number;
  readonly valueBytes: number;
  readonly memtableBytes: number;
  readonly tableBytes: number;
  readonly cacheBytes: number;
  readonly misses: number;
  readonly filterBits: number;
  readonly filterKind: string;
  readonly seed: number;
  readonly directory?: string;
  readonly output: string;
}

/** Runs all strategies, prints a table, leaves `overwrite.json`; fails if an answer was wrong or a bound was broken. */
export async function runOverwriteCommand(
  flags: OverwriteFlags,
  print: (text: string) => void,
): Promise<void> {
  checkFlags(flags);
  const directory = new WorkDirectory(flags.directory, false);
  const started = performance.now();
  try {
    const environment = captureEnvironment(directory.path);
    print(
      `${formatCount(flags.operations)} overwrites of ${formatCount(flags.entries)} keys, ${formatBytes(userDataBytes(flags))}; memtables of ${formatBytes(flags.memtableBytes)}, tables of ${formatBytes(flags.tableBytes)}, durability os`,
    );
    // Side by side: what is counted doesn't depend on how fast they are.
    const results = await Promise.all(
      ['leveled', ...flags.strategies].map(async (strategy, i): Promise<OverwriteResult> => {
        const filter = i === 0 ? kindOf(flags.filterKind) : 'monkey';
        const path = directory.next();
        const result = await runOverwrite(flags, strategy, filter, path, everyTenth(strategy));
        directory.drop(path);
        directory.drop(`${path}-copy`);
        print(overwriteLine(result));
        return result;
      }),
    );
    print(renderOverwrite(results));
    const checks = checkOverwrite(results[0]!, results.slice(1));
    print(renderChecks(checks));
    mkdirSync(flags.output, { recursive: true });
    const file = join(flags.output, 'overwrite.json');
    const measured = { ...environment, 'load average after': loadAfter() };
    writeFileSync(file, `${JSON.stringify({ flags, environment: measured, results, checks })}\n`);
    print(`Measured in ${formatSeconds((performance.now() - started) / 1000)}. Figures: ${file}`);
    const broken = checks.filter(({ holds }) => !holds);
    if (broken.length > 0) throw new VoidFigure(`Out of bounds:\n${renderChecks(broken)}`);
  } finally {
    directory.remove();
  }
}

function checkFlags({ strategies, valueBytes, filterKind }: OverwriteFlags): void {
  if (strategies.length === 0) throw new UsageError('Give at least one strategy.');
  for (const strategy of strategies) parseStrategy(strategy);
  kindOf(filterKind);
  if (valueBytes < 8 || valueBytes % 4 !== 0) {
    throw new UsageError('--value-bytes has to be a multiple of 4, at least 8.');
  }
}

function kindOf(text: string): 'bloom' | 'split-block' {
  if (text === 'bloom' || text === 'split-block') return text;
  throw new UsageError(`"${text}" is no kind of filter here; use bloom or split-block.`);
}

/** Says on stderr how far a strategy has come. */
function everyTenth(strategy: string): (share: number) => void {
  let next = 0.1;
  const start = performance.now();
  return (share) => {
    if (share < next) return;
    next = share + 0.1;
    const seconds = (performance.now() - start) / 1000;
    process.stderr.write(
      `${strategy}: ${Math.round(100 * share)} % after ${formatSeconds(seconds)}\n`,
    );
  };
}
