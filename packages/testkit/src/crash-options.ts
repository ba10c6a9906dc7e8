/** What a crash sweep is given: a script, a check, and what to vary. */
import type { Operation } from './faults.ts';
import type { SimulatedFileSystem, SimulatedFileSystemOptions } from './simulated-file-system.ts';
import type { SurvivalVariant } from './survival.ts';

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
  /**
   * Positive control: this sync (0 is the first), or each of which the function says so, reports success and does
   * nothing. The sweep begins at the first of them: what comes before is as without the control.
   */
  readonly dropSync?: number | ((number: number, path: string) => boolean);
  /** Failures to collect before the sweep ends; default 0: the first one is thrown. */
  readonly failuresMax?: number;
  /** Looks only at crashes at these operations, to reproduce a failure. */
  readonly only?: (operation: Operation | null) => boolean;
}

/** Names of reached states: one, several or none. */
// oxlint-disable-next-line no-invalid-void-type -- a check without a result is the usual one
export type CheckResult = string | readonly string[] | void;
