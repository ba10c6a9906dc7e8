/**
 * Runs jobs in one worker thread, started at the first job.
 *
 * Sealed memtables are read in place through shared memory, tables by file; outcomes come back as messages, which a
 * blocked caller can also take without the event loop (`waitSync`). If the worker dies, every job it had is reported
 * lost and the next submission starts a new one.
 *
 * The death of a worker is told by an event, which a thread that waits in `waitSync` never gets. It looks after every
 * fruitless wait at the worker's lifeline, which the runtime closes with the worker, and at its beats as the last
 * resort. A worker that is taken for dead and is not does no harm: it reads a memtable and tables that don't change
 * (or an arena that was given to others: then it writes nonsense), its outputs have numbers that nobody else uses
 * and that no manifest edit names, and its answer finds no listener.
 */
import {
  MessageChannel,
  type MessagePort,
  receiveMessageOnPort,
  Worker,
} from 'node:worker_threads';
import { LsmError } from '@lsm/core';
import { isLifelineHeld } from '@lsm/fs';
import { decodeError, type ErrorData, type Executor, type JobOutcome } from './executor.ts';
import type { Job, JobResult } from './jobs.ts';

/** Word of {@link WorkerStart.signal} that grows with every reply. */
export const REPLIES = 0;
/** Word that grows with every slice of work; above 0 once the worker is ready. */
export const BEATS = 1;
/** Words of its lifeline: descriptor + 1 (0: it has none), and mark. */
export const LIFELINE = 2;
/** Words of {@link WorkerStart.signal}. */
const SIGNAL_WORDS = 4;
/** A worker that shows no sign of life for so long, ms, is taken for dead; a step holds it for a sync at most. */
const SILENT_MS_MAX = 30_000;
/** The same for one that never showed any: it was not able to load its program, most likely. */
const UNBORN_MS_MAX = 5000;

/** What the worker sends. */
export type WorkerReply =
  | { readonly id: number; readonly result: JobResult }
  | { readonly id: number; readonly error: ErrorData };

/** What the worker is sent. */
export type WorkerRequest = { readonly id: number; readonly job: Job } | { readonly close: true };

/** What the worker is started with. */
export interface WorkerStart {
  readonly port: MessagePort;
  /** Replies (the caller sleeps on them) and signs of life: {@link REPLIES}, {@link BEATS}, {@link LIFELINE}. */
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
    if (this.#mayLive(thread, ms)) return;
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

  /** Whether a worker that said nothing for another `ms` may still live. */
  #mayLive({ signal }: Thread, ms: number): boolean {
    const descriptor = Atomics.load(signal, LIFELINE) - 1;
    const mark = Atomics.load(signal, LIFELINE + 1);
    if (descriptor >= 0 && !isLifelineHeld({ descriptor, mark })) return false;
    const beats = Atomics.load(signal, BEATS);
    this.#silentMs = beats === this.#beatsSeen ? this.#silentMs + ms : 0;
    this.#beatsSeen = beats;
    return this.#silentMs < (beats === 0 ? UNBORN_MS_MAX : SILENT_MS_MAX);
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
    const signal = new Int32Array(new SharedArrayBuffer(4 * SIGNAL_WORDS));
    const start: WorkerStart = { port: port2, signal, fileSystem: this.#fileSystem };
    const worker = new Worker(new URL(import.meta.resolve('#worker')), {
      workerData: start,
      transferList: [port2],
      name: 'lsm',
      trackUnmanagedFds: true,
      execArgv: inheritedFlags(process.execArgv),
    });
    const thread: Thread = { worker, port: port1, signal };
    this.#silentMs = 0;
    this.#beatsSeen = 0;
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
