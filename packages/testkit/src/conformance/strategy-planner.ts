/** A strategy at work on a tree without files: what the properties of the suite have in common. */

import { isRejection } from '@lsm/compaction';
import type {
  CompactionPlan,
  CompactionStrategy,
  CompactionTask,
  Json,
  Random,
  TreeSnapshot,
} from '@lsm/core';
import { StrategyTree, type TreeSizes } from './strategy-tree.ts';

/** Makes the strategy under test; a new one for each use, so that hidden state shows. */
export type MakeStrategy = () => CompactionStrategy;

/** Sizes of all trees of the suite, in entries. */
export const SIZES: TreeSizes = { flushEntries: 40, tableEntries: 40 };
/** Keys of random flushes are 1 … this. */
const KEYS = 3000;
/** Tasks that run at once. */
export const TASKS_MAX = 4;
/** Rounds of planning after which a tree without writes has to be at rest. */
const ROUNDS_MAX = 2000;

/** A strategy with the state that the manifest would keep for it: it passes through JSON, and comes back frozen. */
export class Planner {
  readonly strategy: CompactionStrategy;
  #state: string;

  constructor(make: MakeStrategy) {
    this.strategy = make();
    this.#state = JSON.stringify(this.strategy.initialState?.() ?? null);
  }

  get lossy(): boolean {
    return this.strategy.lossy === true;
  }

  /** The plan; every task of it is a task at least. */
  plan(snapshot: TreeSnapshot): CompactionPlan {
    const plan = this.strategy.plan(snapshot, frozen(JSON.parse(this.#state) as Json));
    if (plan.state !== undefined) this.#state = JSON.stringify(plan.state);
    for (const task of plan.tasks) checkForm(task);
    return plan;
  }

  /**
   * As {@link plan}, and compares it with the judgement.
   *
   * @throws if `quiescent` is not true exactly when there is nothing to do and nothing is being done
   */
  planAndJudge(snapshot: TreeSnapshot): CompactionPlan {
    const { quiescent } = this.strategy.assess(snapshot);
    const plan = this.plan(snapshot);
    const rests = plan.tasks.length === 0 && snapshot.inProgress.length === 0;
    if (quiescent === rests) return plan;
    throw new Error(
      `The tree is called ${quiescent ? '' : 'not '}quiescent with ${plan.tasks.length} tasks planned and ${snapshot.inProgress.length} running.`,
    );
  }
}

function frozen(value: Json): Json {
  if (typeof value !== 'object' || value === null) return value;
  for (const member of Object.values(value)) frozen(member);
  return Object.freeze(value);
}

/** What the engine takes for no task at all, and quarantines for. */
function checkForm(task: CompactionTask): void {
  const isWhole =
    Array.isArray(task.inputs) &&
    task.inputs.length > 0 &&
    typeof task.reason === 'string' &&
    typeof task.score === 'number' &&
    !Number.isNaN(task.score) &&
    (!('shape' in task) || task.shape.tableBytes > 0);
  if (!isWhole)
    throw new Error(`Inputs, reason, score or table size is missing: ${JSON.stringify(task)}`);
}

/**
 * Starts a task.
 *
 * @throws if it is not admitted, other than for a lack of disk space
 */
export function startOrThrow(
  tree: StrategyTree,
  task: CompactionTask,
  freeDiskBytes?: number,
): void {
  const answer = tree.start(task, freeDiskBytes);
  if (!isRejection(answer) || answer.rule === 'A7') return;
  const levels = tree.runs
    .map(({ id, level, tables }) => `${id}@${level}×${tables.length}`)
    .join(' ');
  throw new Error(
    `Rule ${answer.rule} rejects ${JSON.stringify(task)}: ${answer.message} Runs: ${levels}`,
  );
}

/** Either plans and starts, or ends one of the running tasks; sometimes with a failure. */
export function step(tree: StrategyTree, planner: Planner, random: Random): void {
  const { running } = tree;
  const plans = running.length === 0 || random.next() % 2 === 0;
  if (plans && running.length < TASKS_MAX) {
    for (const task of planner.planAndJudge(tree.snapshot(TASKS_MAX)).tasks) {
      startOrThrow(tree, task);
    }
    return;
  }
  const { id } = running[random.next() % running.length]!;
  if (random.next() % 8 === 0) tree.abort(id);
  else tree.finish(id);
}

/** Plans and ends tasks until there are none; returns the bytes that they read. */
export function settle(tree: StrategyTree, planner: Planner, random: Random): number {
  let read = 0;
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const { tasks } = planner.planAndJudge(tree.snapshot(TASKS_MAX));
    for (const task of tasks) startOrThrow(tree, task);
    const { running } = tree;
    if (running.length === 0) return read;
    const ending = running[random.next() % running.length]!;
    if (ending.kind === 'merge' || ending.kind === 'rewrite') read += ending.inputBytes;
    tree.finish(ending.id);
  }
  throw new Error(`The tree is not at rest after ${ROUNDS_MAX} rounds without writes.`);
}

/** Flushes random keys, one in six as a deletion; notes the last write of each in `newest`, negative for a deletion. */
export function flushRandom(tree: StrategyTree, newest: Map<number, number>, random: Random): void {
  const keys = Array.from({ length: SIZES.flushEntries }, () => {
    const key = 1 + (random.next() % KEYS);
    return random.next() % 6 === 0 ? -key : key;
  });
  for (const [i, key] of keys.entries()) {
    const sequence = tree.sequence + i + 1;
    newest.set(Math.abs(key), key < 0 ? -sequence : sequence);
  }
  tree.flush(keys);
}

/** Reads that are not what `newest` says. */
export function countWrongReads(tree: StrategyTree, newest: ReadonlyMap<number, number>): number {
  let wrong = 0;
  for (const [key, sequence] of newest) {
    const entry = tree.find(key);
    if (sequence < 0 ? entry?.deleted === false : entry?.sequence !== sequence) wrong++;
  }
  return wrong;
}

/** What reads of the first keys see. */
export function contentOf(tree: StrategyTree, keys: number): string {
  const seen: string[] = [];
  for (let key = 0; key < keys; key += 3) {
    const entry = tree.find(key);
    if (entry?.deleted === false) seen.push(`${key}:${entry.sequence}`);
  }
  return seen.join(' ');
}

/** Bytes of all tables. */
export function bytesOf({ runs }: { readonly runs: TreeSnapshot['runs'] }): number {
  return runs.reduce((sum, run) => sum + run.bytes, 0);
}

/** The arithmetic mean. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
