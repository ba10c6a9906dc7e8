/** Runs a script once and keeps the moments at which the power may go. */
import type { CrashSweepOptions } from './crash-options.ts';
import type { CrashPoint } from './crash-point.ts';
import { isMutation, type Operation } from './faults.ts';
import { SimulatedFileSystem, type SimulatedFileSystemOptions } from './simulated-file-system.ts';

/** A moment of a script. */
export interface KeptPoint {
  readonly point: CrashPoint;
  /** The last operation before it; `null`: there was none. */
  readonly operation: Operation | null;
  /** Notes taken before it. */
  readonly notes: number;
  /** Whether the script had come to its end. */
  ended: boolean;
}

/** A script that was run. */
export interface Recording<N> {
  readonly fs: SimulatedFileSystem;
  readonly notes: readonly N[];
  readonly points: readonly KeptPoint[];
  /** Index of the first point that a dropped sync can matter to; 0 if none is to be dropped. */
  readonly firstPoint: number;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** Whether a sync does nothing. */
export type DropSync = (number: number, path: string, fs: SimulatedFileSystem) => boolean;

/**
 * Runs the script of a sweep.
 *
 * @param dropSync - the number of the sync that does nothing, or a function; default: all do their work
 */
export async function recordScript<N>(
  { script, start, disk }: CrashSweepOptions<N>,
  dropSync?: number | DropSync,
): Promise<Recording<N>> {
  const points: KeptPoint[] = [];
  const notes: N[] = [];
  let firstPoint = dropSync === undefined ? 0 : Number.POSITIVE_INFINITY;
  const own: Writable<SimulatedFileSystemOptions> = { ...disk };
  if (dropSync !== undefined) {
    own.dropSync = (number, path) => {
      const drops = typeof dropSync === 'number' ? number === dropSync : dropSync(number, path, fs);
      if (drops) firstPoint = Math.min(firstPoint, points.length);
      return drops;
    };
  }
  const fs: SimulatedFileSystem = start?.fork(own) ?? new SimulatedFileSystem(own);
  let last: Operation | null = null;
  const keep = (): void => {
    points.push({ point: fs.capture(), operation: last, notes: notes.length, ended: false });
  };
  keep();
  fs.onOperation = (operation) => {
    last = operation;
    if (isMutation(operation.kind)) keep();
  };
  await script(fs, (fact) => {
    notes.push(fact);
    // A note may follow an operation that is kept already without it.
    keep();
  });
  fs.onOperation = null;
  keep();
  points.at(-1)!.ended = true;
  return { fs, notes, points, firstPoint };
}
