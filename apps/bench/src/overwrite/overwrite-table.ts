/** The results of the overwrite run as a table for the terminal. */
import Table from 'cli-table3';
import { digits, formatBytes, formatSeconds } from '../report/format.ts';
import type { OverwriteCheck } from './overwrite-checks.ts';
import type { OverwriteResult } from './overwrite-run.ts';

/** One line on a strategy, for while the others run. */
export function overwriteLine(result: OverwriteResult): string {
  const { strategy, writeAmplification, spaceAmplification, filter, filterBytes } = result;
  return [
    `${strategy}: write amplification ${digits(writeAmplification)}, space ${digits(spaceAmplification)};`,
    `${result.blockReadsPerMiss.toFixed(4)} blocks read for an absent key, with ${filter} of ${formatBytes(filterBytes)};`,
    formatSeconds(result.seconds),
  ].join(' ');
}

/** A column for each strategy. `style` is off for files. */
export function renderOverwrite(results: readonly OverwriteResult[], style = true): string {
  const table = new Table({
    head: ['', ...results.map(({ strategy }) => strategy)],
    colAligns: ['left', ...results.map(() => 'right' as const)],
    style: style ? { head: ['bold'], border: ['grey'] } : { head: [], border: [] },
  });
  const row = (name: string, show: (result: OverwriteResult) => string): void => {
    table.push([name, ...results.map(show)]);
  };
  row('write amplification', (r) => digits(r.writeAmplification));
  row('… of flushes', (r) => digits(r.flushBytes / r.userBytes));
  row('… of merges', (r) => digits(r.mergeBytes / r.userBytes));
  row('log, not counted', (r) => digits(r.logBytes / r.userBytes));
  row('space, mean', (r) => digits(r.spaceAmplification));
  row('space, most', (r) => digits(r.spaceAmplificationMax));
  row('one compacted copy', (r) => formatBytes(r.compactedBytes));
  row('runs, mean', (r) => digits(r.runsMean));
  row('runs, most', (r) => String(r.runsMax));
  row('levels', (r) => String(r.levelsMax));
  row('filters', (r) => r.filter);
  row('… memory', (r) => formatBytes(r.filterBytes));
  row('runs asked for an absent key', (r) => digits(r.runsAskedPerMiss));
  row('blocks read for an absent key', (r) => r.blockReadsPerMiss.toFixed(4));
  row('flushes', (r) => String(r.flushes));
  row('merges', (r) => String(r.merges));
  row('moves', (r) => String(r.moves));
  row('largest merge', (r) => formatBytes(r.largestTaskBytes));
  row('time', (r) => formatSeconds(r.seconds));
  return table.toString();
}

/** A line for each check. */
export function renderChecks(checks: readonly OverwriteCheck[]): string {
  return checks
    .map(({ claim, holds, evidence }) => `${holds ? 'holds' : 'BROKEN'}: ${claim} (${evidence})`)
    .join('\n');
}
