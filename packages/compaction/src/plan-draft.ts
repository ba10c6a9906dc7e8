/**
 * A plan while it is being made: tasks that keep the admission rules and each other out of the way.
 *
 * A planner offers candidates, best first; the draft takes those that the engine would admit beside the running
 * tasks and beside what was taken before. So a strategy needs no notion of what else is going on.
 */
import type { CompactionTask, RunInfo, TableId, TreeSnapshot } from '@lsm/core';
import { admit, type RunningTask, type RunView } from './admission.ts';

/** Collects the tasks of one plan. */
export class PlanDraft {
  /** Tasks taken so far, in order. */
  readonly tasks: CompactionTask[] = [];
  readonly #snapshot: TreeSnapshot;
  readonly #running: RunningTask[];
  readonly #busy = new Set<TableId>();
  #rows: readonly RunView[];

  /** @param snapshot - borrowed for the life of the draft */
  constructor(snapshot: TreeSnapshot) {
    this.#snapshot = snapshot;
    this.#running = [...snapshot.inProgress];
    this.#rows = snapshot.runs;
    for (const task of snapshot.inProgress) for (const id of task.inputs) this.#busy.add(id);
    for (const run of snapshot.runs) {
      for (const table of run.tables) if (table.busyBy !== null) this.#busy.add(table.id);
    }
  }

  /** How many more tasks may start. */
  get room(): number {
    const { limits, inProgress } = this.#snapshot;
    return Math.max(0, limits.maxTasks - inProgress.length - this.tasks.length);
  }

  /** Whether a running or drafted task has the table. */
  isBusy(table: TableId): boolean {
    return this.#busy.has(table);
  }

  /** Whether a running or drafted task has a table of the run. */
  hasBusy(run: RunInfo): boolean {
    return run.tables.some((table) => this.#busy.has(table.id));
  }

  /** Whether {@link add} would take a task. */
  wouldTake(task: CompactionTask): boolean {
    if (this.room === 0 || task.inputs.some((id) => this.#busy.has(id))) return false;
    const context = { freeDiskBytes: this.#snapshot.limits.freeDiskBytes, lossy: true };
    return admit(this.#rows, this.#running, task, context) === null;
  }

  /**
   * Takes a task if there is room, its tables are idle and the rules admit it.
   *
   * @returns whether it was taken
   */
  add(task: CompactionTask): boolean {
    if (!this.wouldTake(task)) return false;
    for (const id of task.inputs) this.#busy.add(id);
    this.tasks.push(task);
    this.#running.push({
      id: -this.tasks.length,
      kind: task.kind,
      inputs: task.inputs,
      target: this.#targetOf(task),
      inputBytes: this.#bytesOf(new Set(task.inputs)),
    });
    return true;
  }

  #bytesOf(ids: ReadonlySet<TableId>): number {
    let bytes = 0;
    for (const { tables } of this.#snapshot.runs) {
      for (const table of tables) if (ids.has(table.id)) bytes += table.bytes;
    }
    return bytes;
  }

  #targetOf(task: CompactionTask): number {
    if (!('to' in task)) {
      return this.#rows.find((run) => run.tables.some((table) => task.inputs.includes(table.id)))!
        .id;
    }
    const to = task.to;
    if ('into' in to) return to.into;
    const { level, before } = to.newRun;
    const id = -1 - this.tasks.length;
    const index =
      before === null ? this.#rows.length : this.#rows.findIndex((run) => run.id === before);
    this.#rows = this.#rows.toSpliced(index, 0, { id, level, tables: [] });
    return id;
  }
}
