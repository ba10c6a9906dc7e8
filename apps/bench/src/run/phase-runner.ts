/**
 * Runs one phase: lanes that take the next operation as soon as their last one ended (closed loop), or operations
 * that start at fixed times (open loop, with `rate`).
 *
 * 1. Each operation is timed by itself, the making of its key and the check of its answer included.
 * 2. With a rate, the time counts from when the operation was due, so that a stall is felt by all that it delays.
 * 3. Every few ms of uninterrupted work the event loop gets a turn, as a server would give it: timers, samples, and
 *    answers of background workers are handled there. These turns count as time of the phase.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { OperationKind, Phase } from '../workloads/workload.ts';
import { LatencyRecorder } from './latency-recorder.ts';

/** Longest work without a turn of the event loop, ms. */
const YIELD_AFTER_MS = 5;

/** Progress of a run, shared with the display and the sampler. */
export interface RunProgress {
  /** Operations done since the run began. */
  operations: number;
  /** Index of the phase under way. */
  phase: number;
}

/** What a phase took. */
export interface PhaseTiming {
  readonly seconds: number;
  readonly latencies: LatencyRecorder;
  readonly loopDelayP99Ms: number | null;
}

/** Runs all operations of a phase. `rate` is in operations per second, `null` for as fast as possible. */
export async function runPhase(
  phase: Phase,
  rate: number | null,
  progress: RunProgress,
): Promise<PhaseTiming> {
  const latencies = new LatencyRecorder();
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const stopBackground = phase.background?.();
  const lanes = new Lanes(phase, rate, latencies, progress);
  delay.enable();
  const start = performance.now();
  const count = Math.min(phase.inFlight ?? 1, phase.operations);
  await Promise.all(Array.from({ length: count }, () => lanes.run()));
  const seconds = (performance.now() - start) / 1000;
  delay.disable();
  await stopBackground?.();
  return {
    seconds,
    latencies,
    loopDelayP99Ms: lanes.awaited && delay.count > 0 ? delay.percentile(99) / 1e6 : null,
  };
}

class Lanes {
  readonly #phase: Phase;
  readonly #msPerOperation: number;
  readonly #latencies: LatencyRecorder;
  readonly #progress: RunProgress;
  readonly #start: number = performance.now();
  #next = 0;
  #yieldAt: number = performance.now() + YIELD_AFTER_MS;
  /** Whether any step returned a promise. */
  awaited = false;

  constructor(
    phase: Phase,
    rate: number | null,
    latencies: LatencyRecorder,
    progress: RunProgress,
  ) {
    this.#phase = phase;
    this.#msPerOperation = rate === null ? 0 : 1000 / rate;
    this.#latencies = latencies;
    this.#progress = progress;
  }

  async run(): Promise<void> {
    const phase = this.#phase;
    while (this.#next < phase.operations) {
      const index = this.#next++;
      let begin = performance.now();
      if (this.#msPerOperation > 0) {
        begin = this.#start + index * this.#msPerOperation;
        while (performance.now() < begin) await turn();
      }
      const result = phase.step(index);
      let kind: OperationKind;
      if (typeof result === 'string') kind = result;
      else {
        this.awaited = true;
        kind = await result;
      }
      const end = performance.now();
      this.#latencies.record(kind, end - begin);
      this.#progress.operations++;
      if (end >= this.#yieldAt) {
        await turn();
        this.#yieldAt = performance.now() + YIELD_AFTER_MS;
      }
    }
  }
}

/** One turn of the event loop. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
