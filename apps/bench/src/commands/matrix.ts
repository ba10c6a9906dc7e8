/** `matrix`: strategies × workloads × data sizes, on the engine and on the simulator side by side. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { captureEnvironment, loadAfter } from '../environment.ts';
import { calibrate } from '../matrix/calibrate.ts';
import { choicesOf } from '../matrix/choices.ts';
import { differencesOf } from '../matrix/differences.ts';
import type { MatrixConfig } from '../matrix/matrix-config.ts';
import type { MatrixCell, MatrixResults } from '../matrix/results.ts';
import { type CellSetting, runCell } from '../matrix/run-cell.ts';
import { levelRatio, matrixStrategy } from '../matrix/strategies.ts';
import { verdictsOf } from '../matrix/verdicts.ts';
import { createDisplay } from '../progress.ts';
import { formatSeconds } from '../report/format.ts';
import { matrixToCsv } from '../report/matrix-csv.ts';
import { renderMatrixReport } from '../report/matrix-report.ts';
import { renderMatrix } from '../report/matrix-table.ts';
import { reportDirectory } from '../report/write-report.ts';
import { VoidFigure } from '../run/checks.ts';
import { WorkDirectory } from '../run/work-directory.ts';
import { UsageError } from '../usage-error.ts';
import { findWorkloads } from '../workloads/catalogue.ts';
import type { SessionFlags } from './compare.ts';

/** The workload on which data may be dropped by age. */
const LOSSY_WORKLOAD = 'expiring';
/** What runs on the simulator: it has no batches, prefixes and reverse scans. */
const SIMULATED = [
  'uniform',
  'zipfian',
  'queue',
  LOSSY_WORKLOAD,
  'read-mostly',
  'scans',
  'mix-70-20-10',
  'fillseq',
  'fillrandom',
  'overwrite',
  'deleterandom',
  'ycsb-a',
  'ycsb-b',
  'ycsb-f',
];

/**
 * Runs the matrix, prints it and writes the report. Returns the path of the report.
 *
 * @throws UsageError for unknown names; VoidFigure if what has to hold does not, after the report was written
 */
export async function runMatrix(
  command: string,
  config: MatrixConfig,
  flags: SessionFlags,
  print: (text: string) => void,
): Promise<string> {
  const plan = planOf(config);
  const startedAt = new Date();
  const start = performance.now();
  const directory = new WorkDirectory(flags.directory, flags.keep);
  const display = createDisplay(flags.quiet);
  try {
    const environment = captureEnvironment(directory.path);
    const calibration = await calibrate(config, directory.path);
    display.begin(plan.length);
    const cells: MatrixCell[] = [];
    for (const part of plan) {
      const { strategy, workload, size } = part;
      display.runBegins(`${workload.name} · ${size}x · ${strategy.name}`);
      const began = performance.now();
      const path = directory.next();
      const cell = await runCell({ ...part, calibration }, path);
      directory.drop(path);
      const ratio = levelRatio(strategy);
      cells.push({ ...cell, differences: differencesOf(cell, calibration, ratio) });
      display.runEnds((performance.now() - began) / 1000);
    }
    display.end();
    const workloads = findWorkloads(config.workloads).map(({ name, title }) => ({ name, title }));
    return finish(
      {
        format: 1,
        command,
        startedAt: startedAt.toISOString(),
        seconds: (performance.now() - start) / 1000,
        config,
        calibration,
        environment: { ...environment, 'load average after': loadAfter() },
        workloads,
        cells,
        verdicts: verdictsOf(cells),
        choices: choicesOf(cells, workloads),
      },
      flags,
      print,
    );
  } finally {
    directory.remove();
  }
}

/** All cells, sizes ascending; wrong names end here, before the first database is opened. */
function planOf(config: MatrixConfig): Omit<CellSetting, 'calibration'>[] {
  const strategies = config.strategies.map(matrixStrategy);
  const workloads = findWorkloads(config.workloads);
  for (const { name } of workloads) {
    if (SIMULATED.includes(name)) continue;
    throw new UsageError(`"${name}" can't be simulated; there are: ${SIMULATED.join(', ')}.`);
  }
  return workloads.flatMap((workload) =>
    config.sizes.flatMap((size) =>
      strategies
        .filter(({ isLossy }) => !isLossy || workload.name === LOSSY_WORKLOAD)
        .map((strategy) => ({ config, strategy, workload, size })),
    ),
  );
}

function finish(
  results: MatrixResults,
  flags: SessionFlags,
  print: (text: string) => void,
): string {
  print(renderMatrix(results));
  const output = flags.output ?? reportDirectory(new Date(results.startedAt));
  mkdirSync(output, { recursive: true });
  const report = resolve(output, 'report.html');
  writeFileSync(join(output, 'results.json'), `${JSON.stringify(results)}\n`);
  writeFileSync(join(output, 'results.csv'), matrixToCsv(results));
  writeFileSync(report, renderMatrixReport(results));
  print(`Measured in ${formatSeconds(results.seconds)}. Report: ${report}`);
  const failed = results.verdicts.filter(({ holds }) => holds === false);
  if (failed.length > 0) {
    const list = failed.map(({ claim, evidence }) => `${claim} (${evidence})`).join('; ');
    throw new VoidFigure(`This should hold and does not: ${list}.`);
  }
  return report;
}
