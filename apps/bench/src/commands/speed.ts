/**
 * `speed`: what single calls of the engine cost, beside calibration rows of the same minutes.
 *
 * Keys are 16 bytes made from a number (a few ns, included), values 100 bytes. Every row is measured in rounds and
 * the best and the median are shown: on a shared machine the best says what the code can do, the median what it did.
 * Each row names its durability; rows of reads are of cached data.
 *
 * A second table shows the calls that other stores have too, each store in turn; at its end stand the two claims that
 * the project makes about single calls, with this run's figures.
 */
import Table from 'cli-table3';
import { captureEnvironment } from '../environment.ts';
import { digits, formatCount } from '../report/format.ts';
import { spreadOf } from '../report/summary.ts';
import { WorkDirectory } from '../run/work-directory.ts';
import { calibrate } from '../speed/calibration.ts';
import { findPeers, measurePeers, RAW_WRITE } from '../speed/peer-rows.ts';
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
    const besides = new SpeedRows();
    await measurePeers(besides, directory, entries);
    print(`\nThe same calls of other stores, in turns: best (median) ns`);
    print(renderPeers(besides));
    for (const line of claims(besides)) print(line);
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
      const median = medianOf(values);
      table.push([name, durability, `${digits(best)} MB/s`, `${digits(median)} MB/s`, '']);
    } else {
      const best = bestOf(values);
      const median = medianOf(values);
      const rate = `${formatCount(1e9 / best)}/s`;
      table.push([name, durability, `${digits(best)} ns`, `${digits(median)} ns`, rate]);
    }
  }
  return table.toString();
}

function renderPeers(rows: SpeedRows): string {
  const stores = [...new Set(rows.all.map(({ store }) => store))];
  const table = new Table({
    head: ['call', 'durability', ...stores],
    colAligns: ['left', 'left', ...stores.map(() => 'right' as const)],
    chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
    style: { head: ['bold'], border: ['grey'] },
  });
  for (const name of new Set(rows.all.map((row) => row.name))) {
    const calls = rows.all.filter((row) => row.name === name);
    const cells = stores.map((store) => {
      const values = calls.find((row) => row.store === store)?.values;
      return values === undefined ? '–' : `${digits(bestOf(values))} (${digits(medianOf(values))})`;
    });
    table.push([name, calls[0]!.durability, ...cells]);
  }
  return table.toString();
}

/** What an awaited put may cost until the first memtable is full, on a quiet machine. */
const PUT_NS_MAX = 2000;

/** What the project claims about single calls, and whether this run bears it out. */
function claims(rows: SpeedRows): string[] {
  const lines: string[] = [];
  const own = rows.all.filter((row) => row.store === 'lsm');
  const nsOf = (name: string, store: string): number | undefined => {
    const values = rows.all.find((row) => row.name === name && row.store === store)?.values;
    return values === undefined ? undefined : bestOf(values);
  };
  for (const { name, values } of own.filter((row) => row.name.startsWith('await put'))) {
    const ns = bestOf(values);
    const raw = nsOf(name, RAW_WRITE)!;
    lines.push(
      `${name}, at most ${PUT_NS_MAX} ns: ${digits(ns)} ns, ${verdict(ns <= PUT_NS_MAX)}; that is ${digits(ns / raw)} raw writes`,
    );
  }
  for (const { name, values } of own.filter((row) => row.name.startsWith('getSync,'))) {
    const ns = bestOf(values);
    const theirs = nsOf(name, 'lmdb');
    if (theirs === undefined) continue;
    lines.push(
      `${name}, at most what lmdb takes: ${digits(ns)} of ${digits(theirs)} ns, ${verdict(ns <= theirs)}`,
    );
  }
  for (const name of findPeers().missing) {
    lines.push(
      `${name} is not installed and was not compared; to install it: npm install --ignore-scripts --prefix apps/bench/peers`,
    );
  }
  return lines;
}

function verdict(holds: boolean): string {
  return holds ? 'holds' : 'DOES NOT HOLD';
}

function bestOf(values: readonly number[]): number {
  return Math.min(...values);
}

function medianOf(values: readonly number[]): number {
  return spreadOf(values)!.median;
}
