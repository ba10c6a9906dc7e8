/** Runs jobs in slices on the caller's thread: for simulation, and where there are no workers. */
import { type Clock, LsmError } from '@lsm/core';
import { decodeError, type Executor, encodeError, type JobOutcome } from './executor.ts';
import { JobQueue } from './job-queue.ts';
import type { Job } from './jobs.ts';
import type { JobContext } from './run-job.ts';

/** Longest time that the caller's thread is held at once, ms. */
const SLICE_MS = 4;

const never = (): boolean => false;

/** An {@link Executor} without threads. */
export class InlineExecutor implements Executor {
  readonly kind = 'inline';
  readonly #clock: Clock;
  readonly #queue: JobQueue;
  readonly #waiting = new Map<number, (outcome: JobOutcome) => void>();
  #nextId = 1;
  #scheduled = false;
  #closed = false;

  constructor(context: JobContext, clock: Clock) {
    this.#clock = clock;
    this.#queue = new JobQueue(context, clock, (id, end) => {
      const done = this.#waiting.get(id);
      this.#waiting.delete(id);
      if ('result' in end) done?.({ ok: true, result: end.result });
      else {
        const error =
          end.error instanceof LsmError ? end.error : decodeError(encodeError(end.error));
        done?.({ ok: false, error, lost: false });
      }
    });
  }

  submit(job: Job, done: (outcome: JobOutcome) => void): void {
    const id = this.#nextId++;
    this.#waiting.set(id, done);
    this.#queue.add(id, job);
    this.#schedule();
  }

  waitSync(ms: number): void {
    if (!this.#closed) this.#queue.runSlice(ms, never);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#waiting.clear();
    this.#queue.abandon();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#clock.defer(this.#pump);
  }

  readonly #pump = (): void => {
    this.#scheduled = false;
    if (this.#closed) return;
    this.#queue.runSlice(SLICE_MS, never);
    if (!this.#queue.idle) this.#schedule();
  };
}
