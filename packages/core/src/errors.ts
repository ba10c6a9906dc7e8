/**
 * The one error class of the system and the closed list of its codes.
 *
 * A code tells the caller what to do next; the message tells a person what happened, where, and how to go on.
 * A missing key is never an error: reads answer `undefined`.
 */

/**
 * Why an operation failed, as a stable string.
 *
 * - `LSM_INVALID_ARGUMENT` the call is wrong (option, type, size); nothing was applied. Fix the call.
 * - `LSM_MISSING` a database, directory or file that has to exist does not. Check the path or set `createIfMissing`.
 * - `LSM_EXISTS` something exists that must not (`errorIfExists`, checkpoint target). Choose another path.
 * - `LSM_LOCKED` another writer has the directory open; the message names it. Close it, or open with `readOnly`.
 * - `LSM_LOCK_LOST` another writer took the directory over; this one has stopped. Reopen.
 * - `LSM_CLOSED` the database is closed. Open it again.
 * - `LSM_SNAPSHOT_CLOSED`, `LSM_ITERATOR_CLOSED` the snapshot or iterator was closed before this use.
 * - `LSM_ABORTED` the caller's `AbortSignal` fired.
 * - `LSM_CORRUPTION` bytes on disk are not those that were written; `file` and `offset` say which. Restore or salvage.
 * - `LSM_UNSUPPORTED_FORMAT` the files need a newer version of this software. Upgrade; nothing was changed.
 * - `LSM_IO` the operating system refused an operation; see `cause`.
 * - `LSM_DISK_FULL` no space (or quota, or file size limit); the write was not applied. Free space and retry.
 * - `LSM_READ_ONLY` the database is open for reading only, or stands on a medium that refuses writes.
 * - `LSM_COMMIT_UNKNOWN` the outcome of a write is not known (a failed sync). Reopen and read it back.
 * - `LSM_WORKER_LOST` a background worker died during the call; the work is planned again. Retry.
 * - `LSM_STRATEGY` a compaction strategy broke its contract and is quarantined; data is safe. Fix the plug-in.
 * - `LSM_INTERNAL` an invariant of this software does not hold. Please report it.
 */
export type LsmErrorCode =
  | 'LSM_INVALID_ARGUMENT'
  | 'LSM_MISSING'
  | 'LSM_EXISTS'
  | 'LSM_LOCKED'
  | 'LSM_LOCK_LOST'
  | 'LSM_CLOSED'
  | 'LSM_SNAPSHOT_CLOSED'
  | 'LSM_ITERATOR_CLOSED'
  | 'LSM_ABORTED'
  | 'LSM_CORRUPTION'
  | 'LSM_UNSUPPORTED_FORMAT'
  | 'LSM_IO'
  | 'LSM_DISK_FULL'
  | 'LSM_READ_ONLY'
  | 'LSM_COMMIT_UNKNOWN'
  | 'LSM_WORKER_LOST'
  | 'LSM_STRATEGY'
  | 'LSM_INTERNAL';

/** Where and why an {@link LsmError} arose. */
export interface LsmErrorDetails {
  /** The error underneath, if there is one. */
  readonly cause?: unknown;
  /** Path of the file concerned. */
  readonly file?: string | undefined;
  /** Byte offset in `file`. */
  readonly offset?: number | undefined;
}

/** Every error that this system throws or rejects with. */
export class LsmError extends Error {
  override readonly name = 'LsmError';
  /** Stable code; see {@link LsmErrorCode} for what to do about each. */
  readonly code: LsmErrorCode;
  /** Path of the file concerned, if any. */
  readonly file: string | undefined;
  /** Byte offset in `file`, if known. */
  readonly offset: number | undefined;

  /**
   * @param code - what kind of failure
   * @param message - what happened and what to do, one or two sentences; the place is appended from `details`
   * @param details - cause, file and offset
   */
  constructor(code: LsmErrorCode, message: string, details: LsmErrorDetails = {}) {
    const place =
      details.file === undefined
        ? ''
        : ` (${details.file}${details.offset === undefined ? '' : ` @ ${details.offset}`})`;
    super(message + place, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.file = details.file;
    this.offset = details.offset;
  }
}

/** Whether `error` is an {@link LsmError}, with this code if one is given. */
export function isLsmError(error: unknown, code?: LsmErrorCode): error is LsmError {
  return error instanceof LsmError && (code === undefined || error.code === code);
}

/**
 * Checks an invariant of this software.
 *
 * @throws LSM_INTERNAL with `sentence` if `condition` is false
 */
export function assert(condition: boolean, sentence: string): asserts condition {
  if (!condition) throw new LsmError('LSM_INTERNAL', sentence);
}

/** Makes an `LSM_INVALID_ARGUMENT` error. */
export function invalidArgument(message: string, cause?: unknown): LsmError {
  return new LsmError('LSM_INVALID_ARGUMENT', message, { cause });
}

/** Makes an `LSM_CORRUPTION` error that names the file and the offset of the damage. */
export function corruption(message: string, file?: string, offset?: number): LsmError {
  return new LsmError('LSM_CORRUPTION', message, { file, offset });
}
