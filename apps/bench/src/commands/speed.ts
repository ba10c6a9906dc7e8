/**
 * `speed`: what single calls of the engine cost, beside calibration rows of the same minutes.
 *
 * Keys are 16 bytes made from a number (a few ns, included), values 100 bytes. Every row is measured in rounds and
 * the best and the median are shown: on a shared machine the best says what the code can do, the median what it did.
 * Each row names its durability; rows of reads are of cached data.
 */
import Table from 'cli-table3';
import { captureEnvironment } from '../environment.ts';
import { digits, formatCount } from '../report/format.ts';
import { spreadOf } from '../report/summary.ts';
import { WorkDirectory } from '../run/work-directory.ts';
import { calibrate } from '../speed/calibration.ts';
import { measureReads } from '../speed/read-rows.ts';
import { SpeedRows } from '../speed/speed-rows.ts';
import { measureTables } from '../speed/table-rows.ts';
import { measureWrites } from '../speed/write-rows.ts';

/** Measures and prints all rows. */
export async function measureSpeed(
  entries: number,
  parent: string | undefined,
  print: (text: string) => void,
): Promise<void> {
  const directory = new WorkDirectory(parent, false);
  const start = performance.now();
  try {
    const environment = captureEnvironment(directory.path);
    for (const [name, value] of Object.entries(environment))
      print(`${name}: ${value ?? 'unknown'}`);
    const rows = new SpeedRows();
    await calibrate(rows, directory);
    await measureWrites(rows, directory);
    await measureReads(rows, directory, entries);
    await measureTables(rows, directory, entries);
    print(renderRows(rows));
    print(`Measured in ${digits((performance.now() - start) / 1000)} s.`);
  } finally {
    directory.remove();
  }
}

function renderRows(rows: SpeedRows): string {
  const table = new Table({
    head: ['call', 'durability', 'best', 'median', 'per second (best)'],
    colAligns: ['left', 'left', 'right', 'right', 'right'],
    chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
    style: { head: ['bold'], border: ['grey'] },
  });
  for (const { name, durability, unit, values } of rows.all) {
    if (unit === 'MB/s') {
      const best = Math.max(...values);
      const median = spreadOf(values)!.median;
      table.push([name, durability, `${digits(best)} MB/s`, `${digits(median)} MB/s`, '']);
    } else {
      const best = Math.min(...values);
      const median = spreadOf(values)!.median;
      const rate = `${formatCount(1e9 / best)}/s`;
      table.push([name, durability, `${digits(best)} ns`, `${digits(median)} ns`, rate]);
    }
  }
  return table.toString();
}
