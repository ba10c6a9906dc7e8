/**
 * The seam between the conductor and whoever executes flushes and merges: plain data in, plain data out.
 *
 * A worker thread, slices in this thread, or another process can stand behind it.
 */
import { LsmError, type LsmErrorCode } from '@lsm/core';
import type { Job, JobResult } from './jobs.ts';

/** How a job ended. `lost`: its executor died, the job may be submitted again. */
export type JobOutcome =
  | { readonly ok: true; readonly result: JobResult }
  | { readonly ok: false; readonly error: LsmError; readonly lost: boolean };

/** Runs jobs; outcomes arrive on the caller's thread, as macrotasks or inside {@link waitSync}. */
export interface Executor {
  readonly kind: 'worker' | 'inline';
  /** Starts a job; `done` is called once. */
  submit(job: Job, done: (outcome: JobOutcome) => void): void;
  /** Blocks for at most `ms` until at least one outcome was delivered; for synchronous callers at the hard stop. */
  waitSync(ms: number): void;
  /** Abandons what runs (outputs are removed, `done` is not called) and frees everything. */
  close(): Promise<void>;
}

/** An error as plain data. */
export interface ErrorData {
  readonly code: LsmErrorCode;
  readonly message: string;
  readonly file: string | undefined;
  readonly offset: number | undefined;
  readonly stack: string | undefined;
}

/** Any error as plain data, for another thread. */
export function encodeError(error: unknown): ErrorData {
  if (error instanceof LsmError) {
    const { code, message, file, offset, stack } = error;
    return { code, message, file, offset, stack };
  }
  const stack = error instanceof Error ? error.stack : undefined;
  const message = `A job failed unexpectedly: ${error instanceof Error ? error.message : String(error)}`;
  return { code: 'LSM_INTERNAL', message, file: undefined, offset: undefined, stack };
}

/** The error that {@link encodeError} took apart. */
export function decodeError(data: ErrorData): LsmError {
  const error = new LsmError(data.code, data.message, { cause: data.stack });
  Object.assign(error, { file: data.file, offset: data.offset });
  return error;
}
