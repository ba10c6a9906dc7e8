/**
 * What the benches of the packages share: tinybench in interleaved rounds, checked results, one table.
 *
 * 1. Each task does many operations per call, so that the harness (about 0.2 µs a call) doesn't count, and returns how
 *    many of the things it claims to touch it has touched; a call that returns anything else ends the bench.
 * 2. Tasks take turns: in every round each runs for one slice, in an order that rotates. A slow moment of the machine
 *    hurts all alike.
 * 3. The figures are best, median and quartiles of all calls, divided by the operations of a call. A ratio is the
 *    median over the rounds of (median of this task ÷ median of the other): trust it more than either time.
 *
 * Run a bench in the folder of its package: `node --conditions=@lsm/source bench/<name>.bench.ts [arguments]`, or with
 * `--quick` for a few milliseconds per task, on small data: then only the checks mean anything.
 */
import { runInThisContext } from 'node:vm';
import { Bench, type Task } from 'tinybench';

const given = process.argv.slice(2);

/** Whether `--quick` was given: benches then take small data. */
export const quick: boolean = given.includes('--quick');

const positional = given.filter((argument) => !argument.startsWith('--'));
const ROUNDS = quick ? 2 : 9;
const SLICE_MS = quick ? 1 : 30;
const WARMUP_MS = quick ? 0 : 60;

/**
 * A number from the command line.
 *
 * @param index - place among the arguments that aren't flags, from 0
 * @param usual - what holds if it isn't given; `small` with `--quick`
 */
export function numberArgument(index: number, usual: number, small: number): number {
  const text = positional[index];
  if (text === undefined) return quick ? small : usual;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`Not a number above 0: ${text}`);
  return value;
}

/** A text from the command line: the argument at a place among those that aren't flags, from 0. */
export function textArgument(index: number, usual: string): string {
  return positional[index] ?? usual;
}

/** One row of a table. */
export interface BenchTask {
  readonly name: string;
  /** Operations of one call of {@link run}; the time of a call is divided by it. Many: a call should take ≥ 50 µs. */
  readonly operations: number;
  /** What a call has to return: a count of what it touched (entries found, blocks read, bytes written). */
  readonly expected: number;
  /** The timed work. */
  run(): number | Promise<number>;
  /** Untimed work before each call. */
  readonly before?: () => void;
  /** Untimed work after each call. */
  readonly after?: () => void;
  /** Whether {@link run} returns a promise; default false. */
  readonly async?: boolean;
  /** Calls of a round, in place of a time slice: for calls whose untimed work is what takes long. */
  readonly calls?: number;
  /** Bytes that a call handles; adds the column MB/s (1 MB = 10^6 bytes). */
  readonly bytes?: number;
  /** Name of the task of the same table that this one is divided by, for the column "ratio". */
  readonly beside?: string;
  /** Text for the last column, taken when all rounds are over. */
  readonly note?: () => string;
}

/** What was measured of a task. Times in nanoseconds per operation. */
export interface BenchFigures {
  readonly name: string;
  readonly best: number;
  readonly median: number;
  readonly lower: number;
  readonly upper: number;
  /** This task's time ÷ the time of the one it stands beside; null if it stands alone. */
  readonly ratio: number | null;
}

let checked = 0;

/**
 * Measures tasks in turns and prints their table.
 *
 * @param title - printed above
 * @throws if a call doesn't return what its task expects, or throws
 */
export async function measure(title: string, tasks: readonly BenchTask[]): Promise<BenchFigures[]> {
  const benches = tasks.map(benchOf);
  const samples = tasks.map((): number[] => []);
  const medians = tasks.map((): number[] => []);
  if (!quick) for (const bench of benches) await bench.warmup();
  for (let round = 0; round < ROUNDS; round++) {
    for (let turn = 0; turn < tasks.length; turn++) {
      const i = (turn + round) % tasks.length;
      const taken = await runOnce(benches[i]!, tasks[i]!.operations);
      medians[i]!.push(quantile(taken, 0.5));
      for (const sample of taken) samples[i]!.push(sample);
    }
  }
  const figures = tasks.map(({ name, beside }, i): BenchFigures => {
    const sorted = samples[i]!.sort((a, b) => a - b);
    return {
      name,
      best: sorted[0]!,
      median: quantile(sorted, 0.5),
      lower: quantile(sorted, 0.25),
      upper: quantile(sorted, 0.75),
      ratio: beside === undefined ? null : ratioOf(medians[i]!, medians[indexOf(tasks, beside)]!),
    };
  });
  printTable(title, tasks, figures);
  return figures;
}

/**
 * States what a bench has touched beyond what its calls return.
 *
 * @param claim - printed if true, thrown if not
 */
export function prove(claim: string, holds: boolean): void {
  if (!holds) throw new Error(`Not true: ${claim}`);
  checked++;
  console.log(`proved: ${claim}`);
}

/** To be called last: says how many results were checked. */
export function finish(): void {
  if (checked === 0) throw new Error('Nothing was checked');
  console.log(`checked ${checked} results`);
}

/**
 * A copy of a function with type feedback of its own. Variants that share one loop make its calls polymorphic, which
 * none of them is in real use.
 *
 * @param loop - may use its parameters and globals only: what it closes over is not there in the copy
 */
export function copyOf<Loop extends (...parameters: never[]) => unknown>(loop: Loop): Loop {
  return runInThisContext(`(${loop.toString()})`, { filename: `copy-${++copies}.js` }) as Loop;
}

let copies = 0;

function benchOf(task: BenchTask): Task {
  const { name, expected, async = false, calls, before, after } = task;
  const check = (result: number): void => {
    if (result !== expected) throw new Error(`${name}: ${result} instead of ${expected}`);
    checked++;
  };
  const bench = new Bench({
    iterations: calls ?? 1,
    time: calls === undefined ? SLICE_MS : 0,
    warmupIterations: 1,
    warmupTime: calls === undefined ? WARMUP_MS : 0,
    retainSamples: true,
    throws: true,
  });
  const run = async ? async () => check(await task.run()) : () => check(task.run() as number);
  return bench
    .add(name, run, {
      async,
      ...(before === undefined ? {} : { beforeEach: () => before() }),
      ...(after === undefined ? {} : { afterEach: () => after() }),
    })
    .getTask(name)!;
}

/** Sorted times of one round, nanoseconds per operation. */
async function runOnce(task: Task, operations: number): Promise<readonly number[]> {
  task.reset();
  const { result } = await task.run();
  if (result.state !== 'completed') throw new Error(`${task.name} is ${result.state}`);
  return result.latency.samples!.map((ms) => (ms * 1e6) / operations);
}

function indexOf(tasks: readonly BenchTask[], name: string): number {
  const index = tasks.findIndex((task) => task.name === name);
  if (index === -1) throw new Error(`No such task to stand beside: ${name}`);
  return index;
}

function ratioOf(times: readonly number[], others: readonly number[]): number {
  return quantile(
    times.map((time, round) => time / others[round]!).sort((a, b) => a - b),
    0.5,
  );
}

function quantile(sorted: readonly number[], share: number): number {
  const place = (sorted.length - 1) * share;
  const below = sorted[Math.floor(place)]!;
  return below + (sorted[Math.ceil(place)]! - below) * (place % 1);
}

function printTable(
  title: string,
  tasks: readonly BenchTask[],
  figures: readonly BenchFigures[],
): void {
  const rows = tasks.map((task, i): Record<string, string> => {
    const { best, median, lower, upper, ratio } = figures[i]!;
    const rate = ((task.bytes ?? 0) * 1000) / (median * task.operations);
    return {
      task: task.name,
      median: formatNs(median),
      best: formatNs(best),
      'p25 – p75': `${formatNs(lower)} – ${formatNs(upper)}`,
      'MB/s': task.bytes === undefined ? '' : rate.toFixed(0),
      ratio: ratio === null ? '' : `${ratio.toFixed(2)} × ${task.beside ?? ''}`,
      note: task.note?.() ?? '',
    };
  });
  console.log(`\n${title} (time per operation)`);
  for (const line of alignColumns(rows)) console.log(line);
}

/** Lines of text, the first two a head; columns that are empty in every row are left out. */
function alignColumns(rows: readonly Record<string, string>[]): string[] {
  const columns = Object.keys(rows[0]!).filter((name) => rows.some((row) => row[name] !== ''));
  const widths = columns.map((name) =>
    Math.max(...rows.map((row) => row[name]!.length), name.length),
  );
  const line = (cell: (name: string) => string): string =>
    columns
      .map((name, i) => {
        const left = i === 0 || name === 'ratio' || name === 'note';
        return left ? cell(name).padEnd(widths[i]!) : cell(name).padStart(widths[i]!);
      })
      .join(' | ')
      .trimEnd();
  return [
    line((name) => name),
    widths.map((width) => '-'.repeat(width)).join('-|-'),
    ...rows.map((row) => line((name) => row[name]!)),
  ];
}

function formatNs(ns: number): string {
  if (ns < 1e4) return `${ns.toFixed(1)} ns`;
  return ns < 1e7 ? `${(ns / 1e3).toFixed(1)} µs` : `${(ns / 1e6).toFixed(1)} ms`;
}
