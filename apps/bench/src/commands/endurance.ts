/** `endurance`: ten million entries under each strategy, one process each, with memory and event loop watched. */
import { execFileSync } from 'node:child_process';
import Table from 'cli-table3';
import type { EnduranceResult, EnduranceSetting } from '../endurance/endurance-run.ts';
import { digits, formatBytes, formatCount } from '../report/format.ts';
import { VoidFigure } from '../run/checks.ts';
import { WorkDirectory } from '../run/work-directory.ts';

const STRATEGIES = ['leveled', 'tiered', 'hybrid'] as const;
/** Runs that any strategy may have at once. */
const RUNS_MAX = 40;

/** Runs all strategies one after the other and prints a table; fails if a value was wrong or a bound was broken. */
export function runEnduranceCommand(
  entries: number,
  parent: string | undefined,
  print: (text: string) => void,
): void {
  const directory = new WorkDirectory(parent, false);
  const results: EnduranceResult[] = [];
  try {
    for (const strategy of STRATEGIES) {
      const path = directory.next();
      print(`${strategy}: ${formatCount(entries)} entries …`);
      results.push(runInProcess({ directory: path, strategy, entries }));
      directory.drop(path);
    }
  } finally {
    directory.remove();
  }
  print(renderResults(results));
  const broken = results.filter(
    ({ wrong, residentBytesMax, residentBytesAllowed, runsMax }) =>
      wrong > 0 || residentBytesMax > residentBytesAllowed || runsMax > RUNS_MAX,
  );
  if (broken.length > 0) {
    throw new VoidFigure(`Out of bounds: ${broken.map(({ strategy }) => strategy).join(', ')}.`);
  }
}

function runInProcess(setting: EnduranceSetting): EnduranceResult {
  const main = process.argv[1]!;
  const args = [...process.execArgv, main, 'endurance-run', JSON.stringify(setting)];
  const output = execFileSync(process.execPath, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return JSON.parse(output.trim().split('\n').at(-1)!) as EnduranceResult;
}

function renderResults(results: readonly EnduranceResult[]): string {
  const table = new Table({
    head: ['', ...results.map(({ strategy }) => strategy)],
    style: { head: ['bold'], border: ['grey'] },
  });
  const row = (name: string, show: (result: EnduranceResult) => string): void => {
    table.push([name, ...results.map(show)]);
  };
  row('await put per second', (r) => formatCount((r.entries / r.loadMs) * 1000));
  row('getSync per second', (r) => formatCount((r.entries / r.readMs) * 1000));
  row('wrong values', (r) => String(r.wrong));
  row('resident memory, peak', (r) => formatBytes(r.residentBytesMax));
  row('  allowed then', (r) => formatBytes(r.residentBytesAllowed));
  row('runs, most', (r) => String(r.runsMax));
  row(
    'event-loop delay p99 / max, ms',
    (r) => `${digits(r.loopDelayP99Ms)} / ${digits(r.loopDelayMaxMs)}`,
  );
  row('stalled / slowed, ms', (r) => `${digits(r.stallMs)} / ${digits(r.slowdownMs)}`);
  row('write amplification', (r) => digits(r.writeAmplification));
  row('space amplification', (r) => digits(r.spaceAmplification));
  return table.toString();
}
