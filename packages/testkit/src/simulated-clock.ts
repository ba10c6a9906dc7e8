/**
 * Time and scheduling that only the test moves. Tasks that are due at the same time run in the order they were given,
 * or, with a `Random`, in any order: a cheap way to meet other interleavings.
 */
import type { Clock, Random } from '@lsm/core';

interface Task {
  readonly at: number;
  readonly callback: () => void;
  /** Whether a process would end before it, if nothing else keeps it alive. */
  readonly isOptional: boolean;
}

/** Tasks in a row that nobody waits for after which what is waited for will not come. */
const OPTIONAL_MAX = 1000;

/** A {@link Clock} under the test's control. */
export class SimulatedClock implements Clock {
  #now: number;
  #elapsed = 0;
  #tasks: Task[] = [];
  /** Optional tasks that ran since the last one that was not. */
  #optional = 0;
  readonly #random: Random | null;

  /**
   * @param start - wall time at the beginning, ms since 1970; default 2026-01-01
   * @param random - draws which of several due tasks runs first; default: the oldest
   */
  constructor(start = 1_767_225_600_000, random: Random | null = null) {
    this.#now = start;
    this.#random = random;
  }

  /** Tasks that wait. */
  get pending(): number {
    return this.#tasks.length;
  }

  now(): number {
    return this.#now;
  }

  elapsed(): number {
    return this.#elapsed;
  }

  /** Moves the wall time alone, as a user or a time server does. */
  jump(ms: number): void {
    this.#now += ms;
  }

  /** Lets time pass without running what becomes due. */
  advance(ms: number): void {
    this.#now += ms;
    this.#elapsed += ms;
  }

  defer(callback: () => void): void {
    this.#tasks.push({ at: this.#elapsed, callback, isOptional: false });
  }

  after(ms: number, callback: () => void, keepAlive = false): () => void {
    const task = { at: this.#elapsed + Math.max(0, ms), callback, isOptional: !keepAlive };
    this.#tasks.push(task);
    return () => {
      this.#tasks = this.#tasks.filter((other) => other !== task);
    };
  }

  /** Runs one task; time passes until it is due. False if none waits. */
  step(): boolean {
    const due = this.#due();
    if (due.length === 0) return false;
    const task = due[this.#random === null ? 0 : this.#random.next() % due.length]!;
    this.#optional = task.isOptional ? this.#optional + 1 : 0;
    this.#tasks = this.#tasks.filter((other) => other !== task);
    if (task.at > this.#elapsed) this.advance(task.at - this.#elapsed);
    task.callback();
    return true;
  }

  /**
   * Runs tasks, and the promises that they settle, until `work` is settled.
   *
   * @throws what `work` rejects with; an error if it waits for something that no task brings
   */
  async run<T>(work: Promise<T>): Promise<T> {
    const state = { settled: false };
    const mark = (): void => {
      state.settled = true;
    };
    work.then(mark, mark);
    let idle = 0;
    this.#optional = 0;
    while (!state.settled) {
      for (let i = 0; i < 8 && !state.settled; i++) await Promise.resolve();
      if (state.settled) break;
      if (this.#optional > OPTIONAL_MAX)
        throw new Error('Deadlock: only timers that repeat themselves run.');
      if (this.step()) idle = 0;
      else if (++idle > 1000) throw new Error('Deadlock: nothing is scheduled that could go on.');
    }
    return work;
  }

  #due(): readonly Task[] {
    let earliest = Number.POSITIVE_INFINITY;
    for (const task of this.#tasks) earliest = Math.min(earliest, task.at);
    const limit = Math.max(earliest, this.#elapsed);
    return this.#tasks.filter((task) => task.at <= limit);
  }
}
