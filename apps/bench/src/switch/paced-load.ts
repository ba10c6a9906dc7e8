/**
 * Writes at a fixed rate beside checked reads, and how long writes took.
 *
 * The loop is open: writes are due at fixed times and are issued when they are due, whatever became of those before. Two
 * times are taken of each: `call`, from the call to its acknowledgement, and `response`, from when it was due, which also
 * has in it what kept the thread or the timers.
 */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { Db } from '@lsm/engine';
import { SeededDraws } from '../random.ts';
import type { OperationTrace } from './operation-trace.ts';

/** Pause between looks at what is due, ms. */
const TICK_MS = 2;
/**
 * Writes issued between two turns of the event loop, at most: a writer learns of its acknowledgement only in its next
 * turn, so that a longer burst would measure itself.
 */
const BURST_MAX = 16;

/** Quantiles of one of the two times, µs. */
interface Latencies {
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly maxUs: number;
}

/** What came of a stretch of load. */
export interface LoadWindow {
  readonly writes: number;
  readonly reads: number;
  readonly ms: number;
  readonly call: Latencies;
  readonly response: Latencies;
}

/** One writer and reader of one database. */
export class PacedLoad {
  readonly #db: Db;
  readonly #trace: OperationTrace;
  readonly #rate: number;
  readonly #draws: SeededDraws;
  /** Keys with writes that are not acknowledged, and how many: their value is not known. */
  readonly #open = new Map<number, number>();
  #call: RecordableHistogram = createHistogram({ figures: 3 });
  #response: RecordableHistogram = createHistogram({ figures: 3 });
  #failure: unknown = null;

  /**
   * @param rate - writes in a second
   * @param seed - of the keys that are read
   */
  constructor(db: Db, trace: OperationTrace, rate: number, seed: number) {
    this.#db = db;
    this.#trace = trace;
    this.#rate = rate;
    this.#draws = new SeededDraws(seed);
  }

  /**
   * Runs until `isOver` says so, then until all writes are acknowledged.
   *
   * @param isOver - asked every few ms with the time so far, ms
   * @throws WrongAnswer, or what a write failed with
   */
  async run(isOver: (ms: number) => boolean): Promise<LoadWindow> {
    this.#call = createHistogram({ figures: 3 });
    this.#response = createHistogram({ figures: 3 });
    const started = performance.now();
    let writes = 0;
    let reads = 0;
    while (!isOver(performance.now() - started)) {
      const due = Math.floor(((performance.now() - started) * this.#rate) / 1000);
      const burst = Math.min(due - writes, BURST_MAX);
      for (let i = 0; i < burst; i++) {
        this.#write(started + (writes * 1000) / this.#rate);
        writes++;
        reads += this.#read();
      }
      if (this.#failure !== null) throw this.#failure as Error;
      await (burst === BURST_MAX ? nextTurn() : sleep(TICK_MS));
    }
    while (this.#open.size > 0) await sleep(TICK_MS);
    if (this.#failure !== null) throw this.#failure as Error;
    const ms = performance.now() - started;
    const [call, response] = [latenciesOf(this.#call), latenciesOf(this.#response)];
    return { writes, reads, ms, call, response };
  }

  #write(due: number): void {
    const open = this.#open;
    const key = this.#trace.keyOf(this.#trace.count);
    open.set(key, (open.get(key) ?? 0) + 1);
    const called = performance.now();
    const done = (): void => {
      const now = performance.now();
      this.#call.record(nanoseconds(now - called));
      this.#response.record(nanoseconds(now - due));
      const left = open.get(key)! - 1;
      if (left === 0) open.delete(key);
      else open.set(key, left);
    };
    this.#trace.next(this.#db).then(done, (error: unknown) => {
      this.#failure ??= error;
      open.delete(key);
    });
  }

  /** Checks one key; how many were checked. */
  #read(): number {
    const key = this.#draws.below(this.#trace.entries);
    if (this.#open.has(key)) return 0;
    this.#trace.check(this.#db, key);
    return 1;
  }
}

function nanoseconds(ms: number): number {
  return Math.max(1, Math.round(ms * 1e6));
}

function latenciesOf(histogram: RecordableHistogram): Latencies {
  const at = (percent: number): number => histogram.percentile(percent) / 1000;
  return { p50Us: at(50), p99Us: at(99), p999Us: at(99.9), maxUs: histogram.max / 1000 };
}
