/**
 * The starvation override: urgent work that is always passed over goes first.
 *
 * 1. A table is *urgent* in a plan if a task with score ≥ 1 has it as input. For each urgent table the plans are
 *    counted in which no task with it was started; a plan in which it is not urgent ends the count.
 * 2. A task with a table that waited for more than `plansMax` plans is *starved*. Starved tasks go first, those that
 *    waited longest before the others, whatever order the strategy gave.
 * 3. A starved task that running tasks keep out holds its place: tasks that meet its rectangle (rows of its inputs
 *    and target, hull of its inputs) are left out of the plan, so that the place becomes free.
 *
 * Nothing here can make a task legal; admission is asked as before. The idea of giving way to what waits longest is
 * RocksDB's for L0 (a pending L0 merge keeps the base level from starting others), made general.
 */
import type { CompactionTask, TableId } from '@lsm/core';
import type { RunView } from './admission.ts';
import { hullOf, type KeyRange, rangesOverlap } from './key-range.ts';

/** Plans that urgent work may be passed over. */
const PLANS_MAX = 16;

/** What a starved task keeps others out of. */
interface Held extends KeyRange {
  readonly first: number;
  readonly last: number;
}

/** Counts how long urgent tables wait. */
export class StarvationGuard {
  readonly #plansMax: number;
  #waits = new Map<TableId, number>();

  /** @param plansMax - plans that urgent work may be passed over; default 16 */
  constructor(plansMax: number = PLANS_MAX) {
    this.#plansMax = plansMax;
  }

  /**
   * Takes note of a plan and says in which order to propose its tasks.
   *
   * @param rows - the tree with its reserved runs
   * @param tasks - the plan
   * @param isBlocked - whether running tasks, and nothing else, keep a task out
   * @returns the same tasks, starved ones first, without those that would keep a starved one waiting
   */
  order(
    rows: readonly RunView[],
    tasks: readonly CompactionTask[],
    isBlocked: (task: CompactionTask) => boolean,
  ): readonly CompactionTask[] {
    this.#note(tasks);
    const starved = tasks
      .filter((task) => task.score >= 1 && this.#waitOf(task) > this.#plansMax)
      .toSorted((a, b) => this.#waitOf(b) - this.#waitOf(a));
    if (starved.length === 0) return tasks;
    const held = starved.filter(isBlocked).flatMap((task) => rectangleOf(rows, task));
    const first = new Set(starved);
    return [...starved, ...tasks.filter((task) => !first.has(task))].filter(
      (task) => !held.some((place) => meets(rows, place, task)),
    );
  }

  /** Says that a task was started. */
  started(inputs: readonly TableId[]): void {
    for (const table of inputs) this.#waits.delete(table);
  }

  #note(tasks: readonly CompactionTask[]): void {
    const waits = new Map<TableId, number>();
    for (const task of tasks) {
      if (!(task.score >= 1)) continue;
      for (const table of task.inputs) waits.set(table, (this.#waits.get(table) ?? 0) + 1);
    }
    this.#waits = waits;
  }

  #waitOf(task: CompactionTask): number {
    let wait = 0;
    for (const table of task.inputs) wait = Math.max(wait, this.#waits.get(table) ?? 0);
    return wait;
  }
}

function rectangleOf(rows: readonly RunView[], task: CompactionTask): Held[] {
  const wanted = new Set(task.inputs);
  const ranges: KeyRange[] = [];
  const at: number[] = [];
  for (let row = 0; row < rows.length; row++) {
    for (const table of rows[row]!.tables) {
      if (!wanted.has(table.id)) continue;
      ranges.push(table);
      at.push(row);
    }
  }
  if (ranges.length === 0) return [];
  if ('to' in task) {
    const to = task.to;
    const id = 'into' in to ? to.into : to.newRun.before;
    const row = id === null ? rows.length : rows.findIndex((run) => run.id === id);
    // A new run stands between two rows.
    if (row >= 0) at.push('into' in to ? row : row - 0.5);
  }
  return [{ ...hullOf(ranges), first: Math.min(...at), last: Math.max(...at) }];
}

function meets(rows: readonly RunView[], held: Held, task: CompactionTask): boolean {
  return rectangleOf(rows, task).some(
    (other) => other.first <= held.last && held.first <= other.last && rangesOverlap(other, held),
  );
}
