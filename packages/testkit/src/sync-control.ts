/**
 * The positive control of a crash sweep: does it notice when a sync is left out?
 *
 * 1. The script runs once as it is; what surely survives is noted at every moment.
 * 2. It runs once more for each sync, which reports success and does nothing. From there on every image that the
 *    script as it is can't leave is checked, until one fails, or the same bytes and names are durable as without the
 *    control: then a later sync has made up for it, and nothing that follows can differ.
 *
 * A sync that is made up for before anything changes had nothing to do. Any other one that nobody misses is either
 * superfluous or not tested.
 */
import { ImageCheck, imageKeys } from './crash-images.ts';
import type { CrashFailure, CrashSweepOptions } from './crash-options.ts';
import { type Recording, recordScript } from './crash-recording.ts';
import type { SimulatedFileSystem } from './simulated-file-system.ts';

/** A sync of a script, and whether the sweep notices when it is left out. */
export interface SyncControl {
  /** Its number; 0 is the script's first sync. */
  readonly sync: number;
  readonly path: string;
  /** Who called it, as `siteOf` says; empty without one. */
  readonly site: string;
  /** Whether it had nothing to make durable. */
  readonly isIdle: boolean;
  /** Images that were checked. */
  readonly images: number;
  /** The failure that it caused, or `null`: nobody noticed. */
  readonly failure: CrashFailure | null;
}

/** What the control is given beside the sweep. */
export interface SyncControlOptions<N> extends CrashSweepOptions<N> {
  /** Names the call site of a sync; called by the call that begins it, so that an error's stack tells. */
  readonly siteOf?: (path: string, fs: SimulatedFileSystem) => string;
  /** Limits the control to some syncs; default all. Asked when it is their turn. */
  readonly wanted?: (sync: number, site: string) => boolean;
}

/**
 * Runs a sweep once for each sync of the script with that sync left out. Images that the script leaves with all of its
 * syncs are not checked: that is `crashSweep`'s part.
 */
export async function sweepWithoutEachSync<N = string>(
  options: SyncControlOptions<N>,
): Promise<SyncControl[]> {
  const controls: SyncControl[] = [];
  for await (const one of syncControls(options)) controls.push(one);
  return controls;
}

/** As {@link sweepWithoutEachSync}, one sync after the other. */
export async function* syncControls<N = string>(
  options: SyncControlOptions<N>,
): AsyncGenerator<SyncControl, void, undefined> {
  const syncs: { path: string; site: string }[] = [];
  const honest = await recordScript(options, (_, path, fs) => {
    syncs.push({ path, site: options.siteOf?.(path, fs) ?? '' });
    return false;
  });
  const states = honest.points.map(({ point }) => point.stateKey());
  let known: Set<string> | null = null;
  for (const [sync, { path, site }] of syncs.entries()) {
    if (options.wanted?.(sync, site) === false) continue;
    known ??= imageKeys(options, honest);
    const recording = await recordScript(options, sync);
    yield { sync, path, site, ...(await control(options, recording, states, known)) };
  }
}

async function control<N>(
  options: CrashSweepOptions<N>,
  recording: Recording<N>,
  states: readonly string[],
  known: ReadonlySet<string>,
): Promise<Pick<SyncControl, 'isIdle' | 'images' | 'failure'>> {
  const images = new ImageCheck({ ...options, failuresMax: 1 }, recording, new Set(known));
  let isIdle = true;
  for (let i = recording.firstPoint; i < recording.points.length; i++) {
    const kept = recording.points[i]!;
    if (kept.point.stateKey() === states[i]) break;
    isIdle = false;
    if (await images.check(kept)) break;
  }
  return { isIdle, images: images.counts.distinct, failure: images.failures[0] ?? null };
}
