/**
 * Crashes a script at every operation, in every way, and checks what is left.
 *
 * 1. The script runs once. Before its first operation and after each one that changes the disk, the state of the disk
 *    and the number of notes taken so far are kept (cheap: bytes are shared).
 * 2. For each kept state and each survival variant (chance ones with several seeds) an image is made.
 * 3. Images are checked once for each pair of (bytes, notes): what is legal depends on both.
 *
 * The script says what it relies on by notes ("k1 is acknowledged"); a check sees the notes taken before the crash.
 */
import { ImageCheck } from './crash-images.ts';
import type { CrashFailure, CrashSweepOptions } from './crash-options.ts';
import { recordScript } from './crash-recording.ts';

/** What a sweep went through. */
export interface CrashSweepReport {
  /** Operations of the script. */
  readonly operations: number;
  /** Syncs of the script. */
  readonly syncs: number;
  /** Moments at which it was crashed. */
  readonly points: number;
  /** Images made. */
  readonly images: number;
  /** Images checked: distinct in bytes or notes. */
  readonly distinct: number;
  /** How often each state was reached. */
  readonly states: ReadonlyMap<string, number>;
  readonly failures: readonly CrashFailure[];
}

/**
 * Runs a sweep.
 *
 * @throws the first failed check, with operation, variant and seed in the message, unless `failuresMax` > 0
 */
export async function crashSweep<N = string>(
  options: CrashSweepOptions<N>,
): Promise<CrashSweepReport> {
  const recording = await recordScript(options, options.dropSync);
  const { fs, points, firstPoint } = recording;
  const images = new ImageCheck(options, recording, new Set());
  const only = options.only ?? (() => true);
  for (const kept of points.slice(firstPoint)) {
    if (only(kept.operation) && (await images.check(kept))) break;
  }
  const { counts, states, failures } = images;
  const { operations, syncs } = fs;
  return { operations, syncs, points: points.length, ...counts, states, failures };
}
