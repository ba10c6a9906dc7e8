/**
 * The fuzz of rule A8: strategies that never stop, each in its own way. Admission has to stop them, within a bound that
 * is worked out here anew.
 */
import { Simulator } from '@lsm/compaction';
import { type CompactionTask, type Random, type RunInfo, seededRandom } from '@lsm/core';
import { IDLE_STRATEGY as IDLE } from '@lsm/testkit';
import type { SimulatorRules } from '../src/simulator-options.ts';

const KEYS = 64;
const STEPS_MAX = 4000;
/** Proposals in a row that are refused until a strategy is taken to be stopped. */
const REFUSALS_MAX = 40;

/** Proposes for ever. */
type Loop = (runs: readonly RunInfo[], random: Random) => CompactionTask;

const common = { reason: 'for ever', score: 1 };
const shape = { tableBytes: 8 };
const idsOf = (runs: readonly RunInfo[]): number[] =>
  runs.flatMap((run) => run.tables.map((table) => table.id));

/** Each keeps busy without end. */
export const LOOPS: Readonly<Record<string, Loop>> = {
  'rewrites one run': (runs, random) => ({
    kind: 'rewrite',
    inputs: idsOf([runs[random.next() % runs.length]!]),
    shape,
    ...common,
  }),
  'merges everything': (runs) => ({
    kind: 'merge',
    inputs: idsOf(runs),
    to: { newRun: { level: 9, before: null } },
    shape,
    ...common,
  }),
  'cuts everything now so, now otherwise': (runs, random) => ({
    kind: 'merge',
    inputs: idsOf(runs),
    to: { newRun: { level: 9, before: null } },
    shape: { tableBytes: 20 + (random.next() % 40) },
    ...common,
  }),
  'cuts single tables now so, now otherwise': (runs, random) => {
    const { tables } = runs[random.next() % runs.length]!;
    return {
      kind: 'rewrite',
      inputs: [tables[random.next() % tables.length]!.id],
      shape: { tableBytes: 30 + (random.next() % 60) },
      ...common,
    };
  },
  'moves tables into runs of their own and back': (runs, random) => {
    const at = random.next() % runs.length;
    const { tables } = runs[at]!;
    const table = tables[random.next() % tables.length]!;
    const older = runs[at + 1];
    const to =
      older !== undefined && random.next() % 2 === 0
        ? { into: older.id }
        : { newRun: { level: runs[at]!.level, before: older?.id ?? null } };
    return { kind: 'move', inputs: [table.id], to, ...common };
  },
};

/**
 * Runs one seed of one loop; says what went on for too long, or `null`.
 *
 * @param cap - bytes that may be read, as a multiple of the tree
 */
export function loopFor(
  seed: number,
  loop: Loop,
  cap: number,
  rules: SimulatorRules,
): string | null {
  const random = seededRandom(seed);
  const simulator = new Simulator(
    IDLE,
    { keyCount: KEYS, flushEntries: 1e9, settles: false, writeAmplificationCap: cap },
    rules,
  );
  for (let run = 1 + (random.next() % 6); run > 0; run--) {
    for (let i = 0; i < 24; i++) simulator.put(random.next() % KEYS);
    simulator.flush();
  }
  let tasks = 0;
  let bytes = 0;
  let tablesMax = 0;
  let bytesMax = 0;
  let refusals = 0;
  const fruitless = new Set<string>();
  for (let step = 0; step < STEPS_MAX && refusals < REFUSALS_MAX; step++) {
    tablesMax = Math.max(tablesMax, idsOf(simulator.tree().runs).length);
    bytesMax = Math.max(bytesMax, simulator.stats.treeBytes);
    const task = loop(simulator.tree().runs, random);
    const before = looksOf(simulator);
    const inputs = looksOf(simulator, task.inputs);
    const answer = simulator.start(task);
    if ('rule' in answer) {
      refusals++;
      continue;
    }
    refusals = 0;
    tasks++;
    if (task.kind !== 'move') bytes += answer.inputBytes;
    simulator.commit(answer.id);
    if (tasks > 16 * tablesMax + 16) return `${tasks} tasks on ${tablesMax} tables`;
    if (bytes > cap * bytesMax) return `${bytes} bytes read of a tree of ${bytesMax}`;
    if (task.kind === 'move' || looksOf(simulator) !== before) continue;
    const what = `${JSON.stringify({ ...task, inputs: [] })} ${inputs}`;
    if (fruitless.has(what)) return `repeated: ${what}`;
    fruitless.add(what);
  }
  return refusals < REFUSALS_MAX ? 'never refused' : null;
}

/** The tree, or some tables of it, without numbers. */
function looksOf(simulator: Simulator, only?: readonly number[]): string {
  return simulator.runs
    .map((run) =>
      run.tables
        .filter(({ id }) => only?.includes(id) ?? true)
        .map(({ minKey, maxKey, bytes }) => `${minKey.join()}-${maxKey?.join() ?? '*'}:${bytes}`)
        .join(' '),
    )
    .join(' | ');
}
