/**
 * Runs jobs in one worker thread, started at the first job.
 *
 * Sealed memtables are read in place through shared memory, tables by file; outcomes come back as messages, which a
 * blocked caller can also take without the event loop (`waitSync`). If the worker dies, every job it had is reported
 * lost and the next submission starts a new one.
 */
import {
  MessageChannel,
  type MessagePort,
  receiveMessageOnPort,
  Worker,
} from 'node:worker_threads';
import { LsmError } from '@lsm/core';
import { decodeError, type ErrorData, type Executor, type JobOutcome } from './executor.ts';
import type { Job, JobResult } from './jobs.ts';

/** Word of {@link WorkerStart.signal} that grows with every reply. */
export const REPLIES = 0;
/** Word that grows with every slice of work. */
export const BEATS = 1;
/** A worker that shows no sign of life for so long, ms, is taken for dead; a step holds it for a sync at most. */
const SILENT_MS_MAX = 30_000;

/** What the worker sends. */
export type WorkerReply =
  | { readonly id: number; readonly result: JobResult }
  | { readonly id: number; readonly error: ErrorData };

/** What the worker is sent. */
export type WorkerRequest = { readonly id: number; readonly job: Job } | { readonly close: true };

/** What the worker is started with. */
export interface WorkerStart {
  readonly port: MessagePort;
  /** Counts replies (the caller sleeps on it) and signs of life: {@link REPLIES}, {@link BEATS}. */
  readonly signal: Int32Array;
  readonly fileSystem: string;
}

interface Thread {
  readonly worker: Worker;
  readonly port: MessagePort;
  readonly signal: Int32Array;
}

/** An {@link Executor} behind a thread. */
export class WorkerExecutor implements Executor {
  readonly kind = 'worker';
  readonly #fileSystem: string;
  readonly #onRestart: () => void;
  readonly #waiting = new Map<number, (outcome: JobOutcome) => void>();
  #thread: Thread | null = null;
  /** Jobs that no worker could be started for, and why. */
  readonly #unstarted = new Map<number, unknown>();
  #nextId = 1;
  #closing = false;
  #beatsSeen = 0;
  /** For how long the worker has shown no sign of life to a caller that waits, ms. */
  #silentMs = 0;

  /**
   * @param fileSystem - name under which the worker opens the files
   * @param onRestart - called when a worker died
   */
  constructor(fileSystem: string, onRestart: () => void) {
    this.#fileSystem = fileSystem;
    this.#onRestart = onRestart;
  }

  submit(job: Job, done: (outcome: JobOutcome) => void): void {
    const id = this.#nextId++;
    this.#waiting.set(id, done);
    let thread: Thread;
    try {
      thread = this.#thread ??= this.#start();
    } catch (cause) {
      // Where there is no worker (a bundle without its file, say), work falls back to this thread after a few tries.
      this.#unstarted.set(id, cause);
      queueMicrotask(() => this.#failUnstarted());
      return;
    }
    // While a job runs, the process stays alive for it.
    if (this.#waiting.size === 1) thread.worker.ref();
    thread.port.postMessage({ id, job } satisfies WorkerRequest);
  }

  waitSync(ms: number): void {
    this.#failUnstarted();
    const thread = this.#thread;
    if (thread === null) return;
    const seen = Atomics.load(thread.signal, REPLIES);
    if (this.#takeReplies(thread) > 0) return;
    const end = Atomics.wait(thread.signal, REPLIES, seen, ms);
    if (this.#takeReplies(thread) > 0 || end !== 'timed-out' || this.#waiting.size === 0) return;
    // The death of a worker is told by an event, which a thread that waits here never gets.
    const beats = Atomics.load(thread.signal, BEATS);
    this.#silentMs = beats === this.#beatsSeen ? this.#silentMs + ms : 0;
    this.#beatsSeen = beats;
    if (this.#silentMs < SILENT_MS_MAX) return;
    void thread.worker.terminate();
    this.#lost(thread, null);
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.#waiting.clear();
    const thread = this.#thread;
    this.#thread = null;
    if (thread === null) return;
    const exited = new Promise<void>((resolve) => {
      thread.worker.once('exit', () => resolve());
    });
    thread.worker.ref();
    thread.port.postMessage({ close: true } satisfies WorkerRequest);
    await exited;
    thread.port.close();
  }

  /** Reports the jobs that no worker could be started for. */
  #failUnstarted(): void {
    const message = 'No worker thread could be started; its work is planned again.';
    for (const [id, cause] of [...this.#unstarted]) {
      this.#unstarted.delete(id);
      const done = this.#waiting.get(id);
      if (done === undefined) continue;
      this.#waiting.delete(id);
      this.#onRestart();
      done({ ok: false, error: new LsmError('LSM_WORKER_LOST', message, { cause }), lost: true });
    }
  }

  #start(): Thread {
    const { port1, port2 } = new MessageChannel();
    const signal = new Int32Array(new SharedArrayBuffer(8));
    const start: WorkerStart = { port: port2, signal, fileSystem: this.#fileSystem };
    const worker = new Worker(new URL(import.meta.resolve('#worker')), {
      workerData: start,
      transferList: [port2],
      name: 'lsm',
      execArgv: inheritedFlags(process.execArgv),
    });
    const thread: Thread = { worker, port: port1, signal };
    port1.on('message', (reply: WorkerReply) => this.#deliver(reply));
    port1.unref();
    worker.unref();
    worker.once('error', (error) => this.#lost(thread, error));
    worker.once('exit', () => this.#lost(thread, null));
    return thread;
  }

  #takeReplies(thread: Thread): number {
    let taken = 0;
    for (;;) {
      const received = receiveMessageOnPort(thread.port);
      if (received === undefined) return taken;
      this.#deliver(received.message as WorkerReply);
      taken++;
    }
  }

  #deliver(reply: WorkerReply): void {
    const done = this.#waiting.get(reply.id);
    if (done === undefined) return;
    this.#waiting.delete(reply.id);
    if (this.#waiting.size === 0) this.#thread?.worker.unref();
    if ('result' in reply) done({ ok: true, result: reply.result });
    else done({ ok: false, error: decodeError(reply.error), lost: false });
  }

  #lost(thread: Thread, cause: Error | null): void {
    if (this.#closing || this.#thread !== thread) return;
    this.#takeReplies(thread);
    this.#thread = null;
    thread.port.close();
    this.#onRestart();
    const error = new LsmError(
      'LSM_WORKER_LOST',
      'The worker thread died; its work is planned again.',
      { cause },
    );
    for (const [id, done] of [...this.#waiting]) {
      this.#waiting.delete(id);
      done({ ok: false, error, lost: true });
    }
  }
}

/** Flags that give a program's text; a worker that inherits one runs that, or refuses to start. */
const PROGRAM_FLAGS = new Set(['-e', '--eval', '-p', '--print', '-pe', '--input-type']);

/** The flags of this process without those about its program text. */
function inheritedFlags(flags: readonly string[]): string[] {
  return flags.filter((flag, i) => {
    const name = flag.split('=', 1)[0]!;
    const before = flags[i - 1];
    return !PROGRAM_FLAGS.has(name) && (before === undefined || !PROGRAM_FLAGS.has(before));
  });
}
