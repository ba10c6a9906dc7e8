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
import type { CrashPoint } from './crash-point.ts';
import { hashImage } from './crash-point.ts';
import { formatOperation, isMutation, type Operation } from './faults.ts';
import type { SimulatedFileSystemOptions } from './simulated-file-system.ts';
import { SimulatedFileSystem } from './simulated-file-system.ts';
import { isDeterministic, SURVIVAL_VARIANTS, type SurvivalVariant } from './survival.ts';

/** Where a crash happened and what the script had noted. */
export interface CrashContext<N> {
  /** Notes taken before the crash, oldest first. */
  readonly notes: readonly N[];
  /** Whether the script had come to its end. */
  readonly ended: boolean;
  /** The last operation before the crash; `null`: there was none. */
  readonly operation: Operation | null;
  readonly variant: SurvivalVariant;
  readonly seed: number;
}

/** A check that failed. */
export interface CrashFailure {
  /** What and where, enough to reproduce it. */
  readonly message: string;
  readonly error: unknown;
}

/** What to crash and how to check it. */
export interface CrashSweepOptions<N> {
  /** The workload; deterministic. Everything that it does goes through `fs`. */
  readonly script: (fs: SimulatedFileSystem, note: (fact: N) => void) => Promise<void> | void;
  /**
   * Opens what is left and throws if it is not legal. May return names of states that it reached, to be counted. The
   * image is a working file system: crash the recovery by a sweep of its own with `start: image`.
   */
  readonly check: (
    image: SimulatedFileSystem,
    context: CrashContext<N>,
  ) => Promise<CheckResult> | CheckResult;
  /** Default {@link SURVIVAL_VARIANTS}. */
  readonly variants?: readonly SurvivalVariant[];
  /** Seeds tried for each variant that leaves something to chance; default 2. */
  readonly seeds?: number;
  /** First of the seeds; default 1. */
  readonly seed?: number;
  /** Disk to start from; forked, not changed. Default empty. */
  readonly start?: SimulatedFileSystem;
  /** Properties of the disk. */
  readonly disk?: SimulatedFileSystemOptions;
  /** Positive control: this sync (0 is the first) reports success and does nothing. */
  readonly dropSync?: number;
  /** Failures to collect before the sweep ends; default 0: the first one is thrown. */
  readonly failuresMax?: number;
  /** Looks only at crashes at these operations, to reproduce a failure. */
  readonly only?: (operation: Operation | null) => boolean;
}

/** Names of reached states: one, several or none. */
// oxlint-disable-next-line no-invalid-void-type -- a check without a result is the usual one
export type CheckResult = string | readonly string[] | void;

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

interface KeptPoint {
  readonly point: CrashPoint;
  readonly operation: Operation | null;
  readonly notes: number;
  ended: boolean;
}

/**
 * Runs a sweep.
 *
 * @throws the first failed check, with operation, variant and seed in the message, unless `failuresMax` > 0
 */
export async function crashSweep<N = string>(
  options: CrashSweepOptions<N>,
): Promise<CrashSweepReport> {
  const disk = diskOptions(options);
  const fs = options.start?.fork(disk) ?? new SimulatedFileSystem(disk);
  const notes: N[] = [];
  const kept = await recordPoints(options, fs, notes);
  const counts = { images: 0, distinct: 0 };
  const states = new Map<string, number>();
  const failures: CrashFailure[] = [];
  const checked = new Set<string>();
  const only = options.only ?? (() => true);
  for (const keptPoint of kept) {
    if (!only(keptPoint.operation)) continue;
    for (const [variant, seed] of variantSeeds(options)) {
      const image = keptPoint.point.survivors(variant, seed);
      counts.images++;
      const key = `${hashImage(image)} ${keptPoint.notes} ${keptPoint.ended}`;
      if (checked.has(key)) continue;
      checked.add(key);
      counts.distinct++;
      const { operation, ended } = keptPoint;
      const context = { notes: notes.slice(0, keptPoint.notes), ended, operation, variant, seed };
      try {
        const survivor = new SimulatedFileSystem(imageOptions(options), image);
        countStates(states, await options.check(survivor, context));
      } catch (error) {
        const message = `${describeCrash(context)} ${reasonOf(error)}`;
        if ((options.failuresMax ?? 0) === 0) throw new Error(message, { cause: error });
        failures.push({ message, error });
      }
      if (failures.length > 0 && failures.length >= (options.failuresMax ?? 0)) {
        return { ...reportOf(fs, kept, counts), states, failures };
      }
    }
  }
  return { ...reportOf(fs, kept, counts), states, failures };
}

/** A sync of a script, and whether the sweep notices when it is left out. */
export interface SyncControl {
  /** Its number; 0 is the script's first sync. */
  readonly sync: number;
  readonly path: string;
  /** The failure that it caused, or `null`: nobody noticed. */
  readonly failure: CrashFailure | null;
}

/**
 * The positive control of a sweep: runs it once for each sync of the script with that sync left out. A sync without
 * a failure is either superfluous or not tested.
 */
export async function sweepWithoutEachSync<N = string>(
  options: CrashSweepOptions<N>,
): Promise<SyncControl[]> {
  const paths: string[] = [];
  const disk: SimulatedFileSystemOptions = {
    ...options.disk,
    dropSync: (_, path) => {
      paths.push(path);
      return false;
    },
  };
  const fs = options.start?.fork(disk) ?? new SimulatedFileSystem(disk);
  await options.script(fs, () => {});
  const controls: SyncControl[] = [];
  for (const [sync, path] of paths.entries()) {
    const report = await crashSweep({ ...options, dropSync: sync, failuresMax: 1 });
    controls.push({ sync, path, failure: report.failures[0] ?? null });
  }
  return controls;
}

async function recordPoints<N>(
  options: CrashSweepOptions<N>,
  fs: SimulatedFileSystem,
  notes: N[],
): Promise<KeptPoint[]> {
  const kept: KeptPoint[] = [];
  const keep = (operation: Operation | null): void => {
    kept.push({ point: fs.capture(), operation, notes: notes.length, ended: false });
  };
  keep(null);
  let last: Operation | null = null;
  fs.onOperation = (operation) => {
    last = operation;
    if (isMutation(operation.kind)) keep(operation);
  };
  await options.script(fs, (fact) => {
    notes.push(fact);
    // A note may follow an operation that is kept already without it.
    keep(last);
  });
  fs.onOperation = null;
  keep(last);
  kept.at(-1)!.ended = true;
  return kept;
}

function* variantSeeds<N>(
  options: CrashSweepOptions<N>,
): Generator<readonly [SurvivalVariant, number]> {
  const first = options.seed ?? 1;
  for (const variant of options.variants ?? SURVIVAL_VARIANTS) {
    const count = isDeterministic(variant) ? 1 : (options.seeds ?? 2);
    for (let seed = first; seed < first + count; seed++) yield [variant, seed];
  }
}

function diskOptions<N>(options: CrashSweepOptions<N>): SimulatedFileSystemOptions {
  const dropped = options.dropSync;
  if (dropped === undefined) return options.disk ?? {};
  return { ...options.disk, dropSync: (number) => number === dropped };
}

/** What comes after the crash runs on an honest disk. */
function imageOptions<N>(options: CrashSweepOptions<N>): SimulatedFileSystemOptions {
  return { ...options.disk, dropSync: () => false };
}

function reportOf(
  fs: SimulatedFileSystem,
  kept: readonly KeptPoint[],
  counts: { images: number; distinct: number },
): Omit<CrashSweepReport, 'states' | 'failures'> {
  return { operations: fs.operations, syncs: fs.syncs, points: kept.length, ...counts };
}

function countStates(states: Map<string, number>, result: CheckResult): void {
  if (result === undefined) return;
  const names = typeof result === 'string' ? [result] : result;
  for (const name of names) states.set(name, (states.get(name) ?? 0) + 1);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function describeCrash<N>(context: CrashContext<N>): string {
  const where =
    context.operation === null
      ? 'before the first operation'
      : `after operation ${formatOperation(context.operation)}`;
  return (
    `Check failed for a crash ${where}, variant "${context.variant.name}", seed ${context.seed}, ` +
    `${context.notes.length} notes${context.ended ? ', script ended' : ''}.`
  );
}
