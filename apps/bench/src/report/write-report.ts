/** Writes the three files of a call: report.html, results.json, results.csv. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { BenchResults } from '../results.ts';
import { renderReport } from './html-report.ts';
import { resultsToCsv } from './results-csv.ts';

/** Writes the files into a directory, made if missing, and returns the path of the report. */
export function writeReport(directory: string, results: BenchResults): string {
  mkdirSync(directory, { recursive: true });
  const report = resolve(directory, 'report.html');
  writeFileSync(join(directory, 'results.json'), `${JSON.stringify(results)}\n`);
  writeFileSync(join(directory, 'results.csv'), resultsToCsv(results));
  writeFileSync(report, renderReport(results));
  return report;
}

/** The default directory of a call that starts now. */
export function reportDirectory(startedAt: Date): string {
  const stamp = startedAt.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
  return join('reports', `bench-${stamp}`);
}
