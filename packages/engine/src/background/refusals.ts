/** When refused tasks make a strategy be taken for broken: too many in a row, or before too many flushes. */
import type { Rejection } from '@lsm/compaction';

/** Rejected tasks in a row after which a strategy is taken for broken. */
const REJECTIONS_MAX = 16;
/** Flushes in a row before each of which a strategy used up its budget. */
const SPENT_BUDGETS_MAX = 4;

/** Counts the refusals of one strategy. */
export class Refusals {
  #inRow = 0;
  #spentBudgets = 0;
  #isBudgetSpent = false;

  /** A task was admitted. */
  admitted(): void {
    this.#inRow = 0;
  }

  /** New data came, or time passed: what the strategy may do is measured anew. */
  renewed(): void {
    if (!this.#isBudgetSpent) this.#spentBudgets = 0;
    this.#isBudgetSpent = false;
  }

  /** A task was refused; why the strategy should be quarantined for it, or `null`. */
  refused({ rule, message }: Rejection): string | null {
    this.#inRow++;
    if (rule === 'A8' && !this.#isBudgetSpent) {
      this.#isBudgetSpent = true;
      this.#spentBudgets++;
    }
    const why = `the last by ${rule}: ${message}`;
    if (this.#inRow >= REJECTIONS_MAX) return `${this.#inRow} tasks in a row were refused, ${why}`;
    if (this.#spentBudgets < SPENT_BUDGETS_MAX) return null;
    return `Tasks were refused between any of ${this.#spentBudgets} flushes, ${why}`;
  }
}
