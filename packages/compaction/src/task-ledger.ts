/**
 * The ledger of compaction tasks: admits what strategies propose, reserves target runs, and guards against loops.
 *
 * 1. `propose` checks A1–A8. A target that does not exist yet is reserved: an empty run of its own number, at its
 *    place in the order, unseen by readers, until no running task names it. So every task is "into run p".
 * 2. `outcome` says what the tree will be once a task's outputs replace its inputs; nothing changes yet. The caller
 *    makes it durable, and then calls `commit`. `abort` forgets the task.
 * 3. The order of live and reserved runs is kept here; `view` merges it with the live runs of a version. A live run
 *    that is new to the ledger stands after its live neighbour on the newer side, so that a flush comes on top.
 * 4. A8: between two flushes a strategy may start at most 16 · tables + 16 tasks and read at most
 *    `writeAmplificationCap` times the bytes of the tree; and a merge that made nothing but its own inputs again is
 *    not repeated: it trips the breaker, and the caller should quarantine the strategy.
 * 5. `order` puts urgent tasks that were passed over for too long before all others (starvation-guard.ts).
 */
import {
  assert,
  type CompactionTask,
  compareBytes,
  type RunId,
  type TableId,
  type TaskId,
} from '@lsm/core';
import {
  type AdmissionContext,
  type AdmissionRules,
  ALL_ADMISSION_RULES,
  admit,
  type Rejection,
  type RunningTask,
  type RunView,
  type TableView,
} from './admission.ts';
import { isWithinUpper, totalBytes } from './key-range.ts';
import { ALL_PROGRESS_RULES, ProgressGuard, type ProgressRules } from './progress-guard.ts';
import { StarvationGuard } from './starvation-guard.ts';

/** A task that may run. */
export interface AdmittedTask extends RunningTask {
  readonly task: CompactionTask;
  /** Tag of the target run. */
  readonly level: number;
  /** Whether the target was made for this task. */
  readonly isNewRun: boolean;
}

/** Settings of a {@link TaskLedger}. */
export interface TaskLedgerOptions {
  /** Gives the number of a new run, never the same twice. */
  readonly nextRunId: () => RunId;
  /** First task number; default 1. */
  readonly firstTaskId?: TaskId;
  /** Bytes that tasks may read between two flushes, as a multiple of the tree; default 64. */
  readonly writeAmplificationCap?: number;
  /** Plans in which urgent work may be passed over before it goes first; default 16. */
  readonly starvedPlansMax?: number;
}

interface RunSlot {
  readonly id: RunId;
  readonly level: number;
}

/** Whether an answer of {@link TaskLedger.propose} is a rejection. */
export function isRejection(answer: AdmittedTask | Rejection): answer is Rejection {
  return 'rule' in answer;
}

/** Keeps account of tasks; see the head of this file. */
export class TaskLedger {
  readonly #options: TaskLedgerOptions;
  readonly #rules: AdmissionRules;
  readonly #running = new Map<TaskId, AdmittedTask>();
  readonly #guard: ProgressGuard;
  readonly #starvation: StarvationGuard;
  #order: RunSlot[] = [];
  #nextTaskId: TaskId;

  /**
   * @param rules - test only, see {@link AdmissionRules}
   * @param progress - test only
   */
  constructor(
    options: TaskLedgerOptions,
    rules: AdmissionRules = ALL_ADMISSION_RULES,
    progress: ProgressRules = ALL_PROGRESS_RULES,
  ) {
    this.#options = options;
    this.#rules = rules;
    this.#nextTaskId = options.firstTaskId ?? 1;
    this.#guard = new ProgressGuard(options.writeAmplificationCap ?? 64, progress);
    this.#starvation = new StarvationGuard(options.starvedPlansMax);
  }

  /** Tasks that were admitted and have not ended, oldest first. */
  get running(): readonly AdmittedTask[] {
    return [...this.#running.values()];
  }

  /** Whether a merge was proposed again although it had changed nothing; the strategy should be quarantined. */
  get isBreakerTripped(): boolean {
    return this.#guard.isTripped;
  }

  /** The task that has a table as input, or `null`. */
  busyBy(table: TableId): TaskId | null {
    for (const task of this.#running.values()) if (task.inputs.includes(table)) return task.id;
    return null;
  }

  /**
   * The tree with its reserved runs.
   *
   * @param live - runs of the current version, newest first
   * @returns live runs as given and reserved ones without tables, newest first
   */
  view<T extends TableView, R extends RunView<T>>(live: readonly R[]): readonly (R | RunView<T>)[] {
    const byId = new Map(live.map((run) => [run.id, run]));
    const held = new Set([...this.#running.values()].map((task) => task.target));
    const order = this.#order.filter((slot) => byId.has(slot.id) || held.has(slot.id));
    const known = new Set(order.map((slot) => slot.id));
    let at = 0;
    for (const run of live) {
      if (!known.has(run.id)) {
        order.splice(at++, 0, { id: run.id, level: run.level });
        continue;
      }
      // Both are newest first.
      while (order[at]!.id !== run.id) at++;
      at++;
    }
    this.#order = order;
    return order.map((slot) => byId.get(slot.id) ?? { ...slot, tables: [] });
  }

  /**
   * The order in which to propose the tasks of a plan; call it once for each plan.
   *
   * As the strategy gave them, unless some with score ≥ 1 were passed over in too many plans: those go first, and
   * tasks that would keep them waiting are left out.
   *
   * @param live - runs of the current version, newest first
   * @param tasks - the plan's
   */
  order(live: readonly RunView[], tasks: readonly CompactionTask[]): readonly CompactionTask[] {
    const rows = this.view(live);
    const isBlocked = (task: CompactionTask): boolean =>
      admit(rows, this.running, task, { lossy: true }, this.#rules) !== null &&
      admit(rows, [], task, { lossy: true }, this.#rules) === null;
    return this.#starvation.order(rows, tasks, isBlocked);
  }

  /**
   * Admits a task and reserves its target, or says why not.
   *
   * @param live - runs of the current version, newest first
   * @param task - what a strategy asks for
   * @param context - disk space and whether loss is allowed
   */
  propose(
    live: readonly RunView[],
    task: CompactionTask,
    context: AdmissionContext = {},
  ): AdmittedTask | Rejection {
    const rows = this.view(live);
    const rejection = admit(rows, this.running, task, context, this.#rules);
    if (rejection !== null) return rejection;
    const inputs = inputsOf(rows, task.inputs);
    const limit = this.#guard.check(task, inputs, live);
    if (limit !== null) return limit;
    const target = this.#reserve(rows, task);
    const admitted: AdmittedTask = {
      id: this.#nextTaskId++,
      kind: task.kind,
      inputs: Object.freeze([...task.inputs]),
      target: target.id,
      level: target.level,
      isNewRun: 'to' in task && 'newRun' in task.to,
      inputBytes: totalBytes(inputs),
      task,
    };
    this.#running.set(admitted.id, admitted);
    this.#guard.started(admitted.id, task, inputs);
    this.#starvation.started(admitted.inputs);
    return admitted;
  }

  /**
   * The runs as they will be when a task's outputs have taken the place of its inputs; runs without tables are left
   * out. For a move, `outputs` is not looked at.
   *
   * @param live - runs of the current version, newest first
   * @param outputs - the task's new tables in any order; disjoint
   * @throws LSM_INTERNAL if the result would not be a tree (V1–V3)
   */
  outcome<T extends TableView>(
    live: readonly RunView<T>[],
    id: TaskId,
    outputs: readonly T[],
  ): readonly RunView<T>[] {
    const task = this.#get(id);
    const gone = new Set(task.inputs);
    const rows = this.view<T, RunView<T>>(live);
    const coming =
      task.kind === 'move'
        ? rows.flatMap((run) => run.tables.filter((table) => gone.has(table.id)))
        : outputs;
    const runs = rows
      .map((run) => {
        const joins = run.id === task.target && coming.length > 0;
        if (!joins && !run.tables.some((table) => gone.has(table.id))) return run;
        const tables = run.tables.filter((table) => !gone.has(table.id));
        return { id: run.id, level: run.level, tables: joins ? sorted(tables, coming) : tables };
      })
      .filter((run) => run.tables.length > 0);
    checkTree(runs);
    return runs;
  }

  /** Ends a task whose outcome is in force. */
  commit(id: TaskId, outputs: readonly TableView[]): void {
    this.#get(id);
    this.#guard.committed(id, outputs);
    this.#running.delete(id);
  }

  /** Ends a task whose outputs were abandoned; the tree is as if it had never run. */
  abort(id: TaskId): void {
    this.#get(id);
    this.#guard.aborted(id);
    this.#running.delete(id);
  }

  /** Says that a flush brought new work, or the strategy changed: the budget of A8 begins anew. */
  renewBudget(): void {
    this.#guard.renew();
  }

  #get(id: TaskId): AdmittedTask {
    const task = this.#running.get(id);
    assert(task !== undefined, `Task ${id} is not running.`);
    return task;
  }

  #reserve(rows: readonly RunView[], task: CompactionTask): RunSlot {
    if (!('to' in task)) {
      return rows.find((run) => run.tables.some((table) => task.inputs.includes(table.id)))!;
    }
    const to = task.to;
    if ('into' in to) return this.#order.find((slot) => slot.id === to.into)!;
    const slot = { id: this.#options.nextRunId(), level: to.newRun.level };
    const before = to.newRun.before;
    const index = this.#order.findIndex((other) => other.id === before);
    this.#order.splice(before === null ? this.#order.length : index, 0, slot);
    return slot;
  }
}

function inputsOf(rows: readonly RunView[], ids: readonly TableId[]): readonly TableView[] {
  const wanted = new Set(ids);
  return rows.flatMap((run) => run.tables.filter((table) => wanted.has(table.id)));
}

function sorted<T extends TableView>(tables: readonly T[], more: readonly T[]): readonly T[] {
  return [...tables, ...more].toSorted((a, b) => compareBytes(a.minKey, b.minKey));
}

/** V1 disjoint tables in order, V2 tags ascend, V3 each table once. */
function checkTree(runs: readonly RunView[]): void {
  const seen = new Set<TableId>();
  for (let row = 0; row < runs.length; row++) {
    const { id, level, tables } = runs[row]!;
    assert(row === 0 || runs[row - 1]!.level <= level, `The level of run ${id} is out of order.`);
    for (let i = 0; i < tables.length; i++) {
      const { id: table, minKey } = tables[i]!;
      const apart = i === 0 || !isWithinUpper(minKey, tables[i - 1]!.maxKey);
      assert(apart, `Table ${table} overlaps its neighbour in run ${id}.`);
      assert(!seen.has(table), `Table ${table} is in the tree twice.`);
      seen.add(table);
    }
  }
}
