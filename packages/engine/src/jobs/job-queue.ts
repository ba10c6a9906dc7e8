/**
 * Runs jobs cooperatively in one thread: flushes before merges, merges in slices.
 *
 * A job is a generator that yields at block borders. A flush that arrives while a merge runs takes over at the next
 * yield, so that it never waits for a merge.
 */
import type { Clock } from '@lsm/core';
import type { Job, JobResult } from './jobs.ts';
import { type JobContext, runJob } from './run-job.ts';

/** A job under way. */
interface Running {
  readonly id: number;
  readonly urgent: boolean;
  readonly steps: Generator<undefined, JobResult>;
}

/** Receives the end of a job. */
export type JobDone = (id: number, outcome: { result: JobResult } | { error: unknown }) => void;

/** The jobs of one thread. */
export class JobQueue {
  readonly #context: JobContext;
  readonly #clock: Clock;
  readonly #done: JobDone;
  readonly #jobs: Running[] = [];

  constructor(context: JobContext, clock: Clock, done: JobDone) {
    this.#context = context;
    this.#clock = clock;
    this.#done = done;
  }

  /** Whether there is nothing to run. */
  get idle(): boolean {
    return this.#jobs.length === 0;
  }

  /** Adds a job. */
  add(id: number, job: Job): void {
    this.#jobs.push({ id, urgent: job.kind === 'flush', steps: runJob(job, this.#context) });
  }

  /** Works for about `ms`, or until `interrupted` says that something else should be looked at. */
  runSlice(ms: number, interrupted: () => boolean): void {
    const end = this.#clock.elapsed() + ms;
    while (this.#jobs.length > 0) {
      const job = this.#jobs.find((candidate) => candidate.urgent) ?? this.#jobs[0]!;
      this.#step(job);
      if (this.#clock.elapsed() >= end || interrupted()) return;
    }
  }

  /** Abandons all jobs; their outputs are removed. */
  abandon(): void {
    for (const job of this.#jobs.splice(0)) job.steps.return(undefined as never);
  }

  #step(job: Running): void {
    let end: IteratorResult<undefined, JobResult>;
    try {
      end = job.steps.next();
    } catch (error) {
      this.#remove(job);
      this.#done(job.id, { error });
      return;
    }
    if (end.done === true) {
      this.#remove(job);
      this.#done(job.id, { result: end.value });
    }
  }

  #remove(job: Running): void {
    const index = this.#jobs.indexOf(job);
    if (index >= 0) this.#jobs.splice(index, 1);
  }
}
