/** The {@link Clock} and {@link Random} of the platform. */
import { getRandomValues } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { setImmediate, setTimeout } from 'node:timers';
import type { Clock, Random } from '@lsm/core';

/** Wall time, monotonic time and the macrotask queue of the platform. */
export function systemClock(): Clock {
  return {
    // oxlint-disable-next-line no-restricted-globals -- this is the seam
    now: () => Date.now(),
    elapsed: () => performance.now(),
    defer(callback): void {
      setImmediate(callback);
    },
    after(ms, callback, keepAlive = false): () => void {
      const timer = setTimeout(callback, ms);
      if (!keepAlive) timer.unref();
      return () => clearTimeout(timer);
    },
  };
}

/** Numbers drawn from the platform's cryptographic generator, 64 at a time. */
export function systemRandom(): Random {
  const batch = new Uint32Array(64);
  let used = batch.length;
  return {
    next(): number {
      if (used === batch.length) {
        getRandomValues(batch);
        used = 0;
      }
      return batch[used++]!;
    },
  };
}
