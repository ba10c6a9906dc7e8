/**
 * The state of the strategy in use: what it plans with, and what the manifest keeps.
 *
 * A plan's state is kept by the edit that commits the first of its tasks. So after a crash the strategy stands where its
 * last committed task was planned, and plans again what was lost with the others.
 */
import type { Json } from '@lsm/core';

/** Follows plans and the tasks that came of them. */
export class StrategyState {
  /** What the next plan is made with. */
  current: Json;
  /** What the manifest keeps, and the number of the plan that it is from. */
  #kept: Json;
  #keptPlan = 0;
  #plan = 0;
  readonly #planned = new Map<number, { readonly plan: number; readonly state: Json }>();

  /** @param state - kept by the manifest, or the strategy's first one */
  constructor(state: Json) {
    this.current = state;
    this.#kept = state;
  }

  /** A plan was made; `undefined`: it left the state as it was. */
  planned(state: Json | undefined): void {
    this.#plan++;
    if (state !== undefined) this.current = state;
  }

  /** A task of the last plan was admitted. */
  admitted(task: number): void {
    this.#planned.set(task, { plan: this.#plan, state: this.current });
  }

  /** What to keep with the edit that commits a task, of a plan or not. */
  keptWith(task: number): Json {
    const planned = this.#planned.get(task);
    return planned !== undefined && planned.plan > this.#keptPlan ? planned.state : this.#kept;
  }

  /** That edit was made. */
  committed(task: number): void {
    const planned = this.#planned.get(task);
    this.#planned.delete(task);
    if (planned === undefined || planned.plan <= this.#keptPlan) return;
    this.#kept = planned.state;
    this.#keptPlan = planned.plan;
  }

  /** It won't be made. */
  aborted(task: number): void {
    this.#planned.delete(task);
  }
}
