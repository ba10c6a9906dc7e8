/**
 * Rule A8: a strategy has to make progress.
 *
 * Two guards. A budget bounds tasks and bytes between two flushes, since a tree that gets no new data needs only
 * finite work. A breaker remembers each task whose outputs looked like its inputs (same ranges, entries and bytes,
 * same target): proposed once more before the next flush, it would run for ever.
 */
import type { CompactionTask, TaskId } from '@lsm/core';
import type { Rejection, RunView, TableView } from './admission.ts';
import { totalBytes } from './key-range.ts';

/**
 * Tasks per table that a strategy may start between two flushes. A switch from unified to leveled compaction, without
 * writes, took 9.6 (packages/compaction-hybrid/test/forecast.test.ts): tables go down level by level.
 */
const TASKS_PER_TABLE = 16;
/** Tasks that it may always start. */
const TASKS_EXTRA = 16;

/**
 * Switches that turn single guards of A8 off, to prove that tests notice. Never turn one off outside of a test.
 *
 * @internal
 */
export interface ProgressRules {
  readonly taskBudget: boolean;
  readonly byteBudget: boolean;
  readonly breaker: boolean;
}

/** @internal */
export const ALL_PROGRESS_RULES: ProgressRules = {
  taskBudget: true,
  byteBudget: true,
  breaker: true,
};

interface Started {
  readonly signature: string;
  /** What the outputs look like if the task changed nothing; `null`: it can't change anything (a move). */
  readonly unchanged: string | null;
}

/** Watches one strategy on one tree. */
export class ProgressGuard {
  readonly #writeAmplificationCap: number;
  readonly #rules: ProgressRules;
  readonly #started = new Map<TaskId, Started>();
  /** Signatures of tasks that changed nothing. */
  #fruitless = new Set<string>();
  #tasks = 0;
  #bytes = 0;
  #tablesMax = 0;
  #treeBytesMax = 0;
  /** Whether a fruitless task was proposed again. */
  isTripped = false;

  /**
   * @param writeAmplificationCap - bytes between two flushes, as a multiple of the tree
   * @param rules - test only
   */
  constructor(writeAmplificationCap: number, rules: ProgressRules = ALL_PROGRESS_RULES) {
    this.#writeAmplificationCap = writeAmplificationCap;
    this.#rules = rules;
  }

  /** `null` if the task is within budget and not a fruitless repetition. */
  check(
    task: CompactionTask,
    inputs: readonly TableView[],
    live: readonly RunView[],
  ): Rejection | null {
    let tables = 0;
    let bytes = 0;
    for (const run of live) {
      tables += run.tables.length;
      bytes += totalBytes(run.tables);
    }
    this.#tablesMax = Math.max(this.#tablesMax, tables);
    this.#treeBytesMax = Math.max(this.#treeBytesMax, bytes);
    if (this.#rules.breaker && this.#fruitless.has(signatureOf(task, inputs))) {
      this.isTripped = true;
      return { rule: 'A8', message: 'The same task has just been done and changed nothing.' };
    }
    const tasksMax = TASKS_PER_TABLE * this.#tablesMax + TASKS_EXTRA;
    if (this.#rules.taskBudget && this.#tasks >= tasksMax) {
      return { rule: 'A8', message: `${this.#tasks} tasks were started since the last flush.` };
    }
    const cap = this.#writeAmplificationCap * this.#treeBytesMax;
    const bytesNext = this.#bytes + (task.kind === 'move' ? 0 : totalBytes(inputs));
    if (this.#rules.byteBudget && bytesNext > cap) {
      return { rule: 'A8', message: `Tasks read ${this.#bytes} bytes since the last flush.` };
    }
    return null;
  }

  started(id: TaskId, task: CompactionTask, inputs: readonly TableView[]): void {
    this.#tasks++;
    if (task.kind !== 'move') this.#bytes += totalBytes(inputs);
    const unchanged = task.kind === 'move' ? null : looksOf(inputs);
    this.#started.set(id, { signature: signatureOf(task, inputs), unchanged });
  }

  committed(id: TaskId, outputs: readonly TableView[]): void {
    const task = this.#started.get(id);
    this.#started.delete(id);
    if (task === undefined) return;
    if (task.unchanged === null || task.unchanged === looksOf(outputs)) {
      this.#fruitless.add(task.signature);
    }
  }

  aborted(id: TaskId): void {
    this.#started.delete(id);
  }

  renew(): void {
    this.#tasks = 0;
    this.#bytes = 0;
    this.#tablesMax = 0;
    this.#treeBytesMax = 0;
    this.#fruitless = new Set();
    this.isTripped = false;
  }
}

function signatureOf(task: CompactionTask, inputs: readonly TableView[]): string {
  const to = 'to' in task ? JSON.stringify(task.to) : '';
  // A move keeps its tables' numbers, and only with the same ones is it a repetition: a merge can put a table of the
  // same range and size where a moved one was.
  const what =
    task.kind === 'move' ? task.inputs.toSorted((a, b) => a - b).join() : looksOf(inputs);
  return `${task.kind} ${to} ${what}`;
}

/** What tables look like, their numbers aside. */
function looksOf(tables: readonly TableView[]): string {
  return tables
    .map(({ minKey, maxKey, bytes }) => `${minKey.join()}-${maxKey?.join() ?? '*'}:${bytes}`)
    .toSorted()
    .join(' ');
}
