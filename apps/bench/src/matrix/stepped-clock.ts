/** A clock whose wall time moves only when it is told to; waiting and pacing are those of the platform. */
import type { Clock } from '@lsm/core';

/** See the head of the file. */
export class SteppedClock implements Clock {
  #now = 1_000_000;

  /** Moves the wall time, ms. */
  advance(ms: number): void {
    this.#now += ms;
  }

  now(): number {
    return this.#now;
  }

  elapsed(): number {
    return performance.now();
  }

  defer(callback: () => void): void {
    setImmediate(callback);
  }

  after(ms: number, callback: () => void, keepAlive = false): () => void {
    const timer = setTimeout(callback, ms);
    if (!keepAlive) timer.unref();
    return () => clearTimeout(timer);
  }
}
