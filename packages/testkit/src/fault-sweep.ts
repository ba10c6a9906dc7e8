/**
 * Lets every operation of a script fail, one at a time, in every way, and checks the outcome.
 *
 * The script runs once to count its operations; then once for each operation × fault × {this operation, from it on}.
 * It handles its own errors and notes what it relies on; the check runs after the fault was lifted, on the same disk.
 * SQLite's tests made the method known: fail the n-th call until a run completes clean.
 */
import { type Fault, type FaultErrno, formatOperation, type Operation } from './faults.ts';
import type { FailedSyncContent } from './simulated-file.ts';
import { SimulatedFileSystem, type SimulatedFileSystemOptions } from './simulated-file-system.ts';

/** A way to fail. */
export interface FaultKind {
  readonly errno: FaultErrno;
  readonly shortBytes?: number;
  readonly failedSync?: FailedSyncContent;
}

/** The standard faults. */
export const FAULT_KINDS: readonly FaultKind[] = [
  { errno: 'EIO' },
  { errno: 'EIO', failedSync: 'old' },
  { errno: 'ENOSPC' },
  { errno: 'ENOSPC', shortBytes: 5 },
  // All bytes arrive, and the caller is told that they didn't.
  { errno: 'EIO', shortBytes: 2 ** 30 },
  { errno: 'EDQUOT' },
  { errno: 'EMFILE' },
  { errno: 'EACCES' },
];

/** Which fault hit, and what the script had noted by its end. */
export interface FaultContext<N> {
  readonly notes: readonly N[];
  readonly operation: Operation;
  readonly kind: FaultKind;
  readonly persistent: boolean;
  /** What the script threw; `undefined`: nothing. */
  readonly error: unknown;
}

/** What to break and how to check it. */
export interface FaultSweepOptions<N> {
  /** The workload; deterministic up to the fault. It must end, by itself or by an error. */
  readonly script: (fs: SimulatedFileSystem, note: (fact: N) => void) => Promise<void> | void;
  /** Looks at what is left, faults lifted, and throws if it is not legal. */
  readonly check: (fs: SimulatedFileSystem, context: FaultContext<N>) => Promise<void> | void;
  /** Default {@link FAULT_KINDS}. */
  readonly kinds?: readonly FaultKind[];
  /** Disk to start from; forked, not changed. Default empty. */
  readonly start?: SimulatedFileSystem;
  /** Properties of the disk. */
  readonly disk?: SimulatedFileSystemOptions;
  /** Looks only at faults at these operations. */
  readonly only?: (operation: Operation) => boolean;
}

/** What a sweep went through. */
export interface FaultSweepReport {
  /** Operations of the script without faults. */
  readonly operations: number;
  readonly runs: number;
}

/**
 * Runs a sweep.
 *
 * @throws the first failed check, with operation and fault in the message
 */
export async function faultSweep<N = string>(
  options: FaultSweepOptions<N>,
): Promise<FaultSweepReport> {
  const clean = makeDisk(options);
  await options.script(clean, () => {});
  const operations = clean.log.filter(options.only ?? (() => true));
  let runs = 0;
  for (const operation of operations) {
    for (const kind of options.kinds ?? FAULT_KINDS) {
      if (!applies(kind, operation)) continue;
      for (const persistent of [false, true]) {
        await runWithFault(options, operation, kind, persistent);
        runs++;
      }
    }
  }
  return { operations: clean.operations, runs };
}

async function runWithFault<N>(
  options: FaultSweepOptions<N>,
  operation: Operation,
  kind: FaultKind,
  persistent: boolean,
): Promise<void> {
  const fs = makeDisk(options);
  const fault: Fault = { ...kind, at: operation.index, persistent };
  fs.inject(fault);
  const notes: N[] = [];
  let error: unknown;
  try {
    await options.script(fs, (fact) => void notes.push(fact));
  } catch (caught) {
    error = caught;
  }
  fs.clearFaults();
  try {
    await options.check(fs, { notes, operation, kind, persistent, error });
  } catch (failure) {
    const how = `${JSON.stringify(kind)}${persistent ? ' from there on' : ''}`;
    const reason = failure instanceof Error ? failure.message : String(failure);
    throw new Error(
      `Check failed for a fault at ${formatOperation(operation)}, ${how}. ${reason}`,
      {
        cause: failure,
      },
    );
  }
}

/** Special forms make sense for the operations that they speak of only. */
function applies(kind: FaultKind, operation: Operation): boolean {
  if (kind.shortBytes !== undefined) return operation.kind === 'write';
  if (kind.failedSync !== undefined) return operation.kind === 'sync';
  return true;
}

function makeDisk<N>(options: FaultSweepOptions<N>): SimulatedFileSystem {
  const disk = { ...options.disk, keepLog: true };
  return options.start?.fork(disk) ?? new SimulatedFileSystem(disk);
}
