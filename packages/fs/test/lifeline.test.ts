/** A blocked thread sees the end of another one. */
import { Worker } from 'node:worker_threads';
import { isLifelineHeld, openLifeline } from '@lsm/fs';
import { describe, expect, it, onTestFinished } from 'vitest';

/** Starts the worker and blocks until it has a lifeline. */
function start(end: string): { worker: Worker; words: Int32Array; held: () => boolean } {
  const words = new Int32Array(new SharedArrayBuffer(16));
  const worker = new Worker(new URL('lifeline-worker.mjs', import.meta.url), {
    workerData: { words, end },
    execArgv: ['--conditions=@lsm/source'],
    resourceLimits: { maxOldGenerationSizeMb: 32 },
  });
  worker.on('error', () => {});
  onTestFinished(async () => {
    await worker.terminate();
  });
  expect(Atomics.wait(words, 0, 0, 20_000)).not.toBe('timed-out');
  const held = (): boolean => isLifelineHeld({ descriptor: words[1]!, mark: words[2]! });
  return { worker, words, held };
}

/** Blocks this thread until the lifeline is gone; ms. */
function blockUntilGone(words: Int32Array, held: () => boolean): number {
  let ms = 0;
  while (held() && ms < 20_000) {
    Atomics.wait(words, 0, 1, 5);
    ms += 5;
  }
  return ms;
}

describe('the lifeline of a worker', () => {
  it.each(['throw', 'exit', 'heap limit', 'terminate', 'return'])(
    'is seen to be gone by a blocked thread after its end by: %s',
    (end) => {
      const { worker, words, held } = start(end);
      expect(held()).toBe(true);
      if (end === 'terminate') void worker.terminate();
      expect(blockUntilGone(words, held)).toBeLessThan(20_000);
      // No event has told of the end: this thread was blocked all the time.
      expect(worker.threadId).toBeGreaterThan(0);
    },
    30_000,
  );

  it('is held while the worker hangs in one call', () => {
    const { words, held } = start('hang');
    for (let i = 0; i < 20; i++) {
      Atomics.wait(words, 0, 1, 10);
      expect(held()).toBe(true);
    }
    Atomics.store(words, 3, 1);
    Atomics.notify(words, 3);
    expect(blockUntilGone(words, held)).toBeLessThan(20_000);
  });

  it('is not mistaken for another file with its number', () => {
    const { descriptor, mark } = openLifeline()!;
    expect(isLifelineHeld({ descriptor, mark })).toBe(true);
    expect(isLifelineHeld({ descriptor, mark: mark ^ 1 })).toBe(false);
    expect(isLifelineHeld({ descriptor: 1_000_000, mark })).toBe(false);
  });
});
