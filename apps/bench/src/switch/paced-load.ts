/**
 * Writes at a fixed rate beside checked reads, and how long writes took.
 *
 * Writes are due at fixed times, whatever became of those before; one is under way at a time, a read after each. Two
 * times are taken: `call`, from the call to its acknowledgement, and `response`, from when it was due, which also has in
 * it what kept the thread or the timers, the reads, and the writes that were due before.
 */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { Db } from '@lsm/engine';
import { SeededDraws } from '../random.ts';
import type { OperationTrace } from './operation-trace.ts';

/** Pause between looks at what is due, ms. */
const TICK_MS = 1;
/** Writes between two turns of the event loop, at most, when they are late. */
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
  #call: RecordableHistogram = createHistogram({ figures: 3 });
  #response: RecordableHistogram = createHistogram({ figures: 3 });

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
   * Runs until `isOver` says so.
   *
   * @param isOver - asked every few ms with the time so far, ms
   * @throws WrongAnswer, or what a write failed with
   */
  async run(isOver: (ms: number) => boolean): Promise<LoadWindow> {
    this.#call = createHistogram({ figures: 3 });
    this.#response = createHistogram({ figures: 3 });
    const started = performance.now();
    let writes = 0;
    while (!isOver(performance.now() - started)) {
      const due = Math.floor(((performance.now() - started) * this.#rate) / 1000);
      const burst = Math.min(due - writes, BURST_MAX);
      for (let i = 0; i < burst; i++) {
        await this.#write(started + (writes++ * 1000) / this.#rate);
        this.#trace.check(this.#db, this.#draws.below(this.#trace.entries));
      }
      await (burst === BURST_MAX ? nextTurn() : sleep(TICK_MS));
    }
    const ms = performance.now() - started;
    const [call, response] = [latenciesOf(this.#call), latenciesOf(this.#response)];
    return { writes, reads: writes, ms, call, response };
  }

  async #write(due: number): Promise<void> {
    const called = performance.now();
    await this.#trace.next(this.#db);
    const now = performance.now();
    this.#call.record(nanoseconds(now - called));
    this.#response.record(nanoseconds(now - due));
  }
}

function nanoseconds(ms: number): number {
  return Math.max(1, Math.round(ms * 1e6));
}

function latenciesOf(histogram: RecordableHistogram): Latencies {
  const at = (percent: number): number => histogram.percentile(percent) / 1000;
  return { p50Us: at(50), p99Us: at(99), p999Us: at(99.9), maxUs: histogram.max / 1000 };
}
