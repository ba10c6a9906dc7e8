/**
 * Errors as the abstract-level ecosystem knows them: one class with a `LEVEL_*` code, the engine's error as `cause`.
 *
 * Codes that exist in abstract-level or classic-level are used where the meaning is the same; the rest keep the
 * engine's word with the ecosystem's prefix, so that no distinction is lost.
 */
import { isLsmError, type LsmErrorCode } from '@lsm/engine';

/**
 * Codes of {@link LevelError}. What to do about each is said at the engine's code of the same word; `LEVEL_IO_ERROR`
 * is its LSM_IO, and `LEVEL_…_NOT_OPEN` its LSM_…CLOSED.
 */
export type LevelErrorCode =
  | 'LEVEL_INVALID_ARGUMENT'
  | 'LEVEL_MISSING'
  | 'LEVEL_EXISTS'
  | 'LEVEL_LOCKED'
  | 'LEVEL_LOCK_LOST'
  | 'LEVEL_DATABASE_NOT_OPEN'
  | 'LEVEL_SNAPSHOT_NOT_OPEN'
  | 'LEVEL_ITERATOR_NOT_OPEN'
  | 'LEVEL_ABORTED'
  | 'LEVEL_CORRUPTION'
  | 'LEVEL_UNSUPPORTED_FORMAT'
  | 'LEVEL_IO_ERROR'
  | 'LEVEL_DISK_FULL'
  | 'LEVEL_READ_ONLY'
  | 'LEVEL_COMMIT_UNKNOWN'
  | 'LEVEL_WORKER_LOST'
  | 'LEVEL_STRATEGY'
  | 'LEVEL_INTERNAL';

const levelCodes: Readonly<Record<LsmErrorCode, LevelErrorCode>> = {
  LSM_INVALID_ARGUMENT: 'LEVEL_INVALID_ARGUMENT',
  LSM_MISSING: 'LEVEL_MISSING',
  LSM_EXISTS: 'LEVEL_EXISTS',
  LSM_LOCKED: 'LEVEL_LOCKED',
  LSM_LOCK_LOST: 'LEVEL_LOCK_LOST',
  LSM_CLOSED: 'LEVEL_DATABASE_NOT_OPEN',
  LSM_SNAPSHOT_CLOSED: 'LEVEL_SNAPSHOT_NOT_OPEN',
  LSM_ITERATOR_CLOSED: 'LEVEL_ITERATOR_NOT_OPEN',
  LSM_ABORTED: 'LEVEL_ABORTED',
  LSM_CORRUPTION: 'LEVEL_CORRUPTION',
  LSM_UNSUPPORTED_FORMAT: 'LEVEL_UNSUPPORTED_FORMAT',
  LSM_IO: 'LEVEL_IO_ERROR',
  LSM_DISK_FULL: 'LEVEL_DISK_FULL',
  LSM_READ_ONLY: 'LEVEL_READ_ONLY',
  LSM_COMMIT_UNKNOWN: 'LEVEL_COMMIT_UNKNOWN',
  LSM_WORKER_LOST: 'LEVEL_WORKER_LOST',
  LSM_STRATEGY: 'LEVEL_STRATEGY',
  LSM_INTERNAL: 'LEVEL_INTERNAL',
};

/** An error of the engine in the ecosystem's form. */
export class LevelError extends Error {
  /** `LevelError`, or `AbortError` when a signal ended the operation, as on the web platform. */
  override readonly name: string;
  /** Stable code. */
  readonly code: LevelErrorCode;

  /**
   * @param code - what kind of failure
   * @param message - what happened and what to do
   * @param cause - the engine's error, if there is one
   */
  constructor(code: LevelErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = code === 'LEVEL_ABORTED' ? 'AbortError' : 'LevelError';
    this.code = code;
  }
}

/** The {@link LevelError} for an error of the engine; anything else is returned as it is. */
export function toLevelError(error: unknown): unknown {
  if (!isLsmError(error)) return error;
  return new LevelError(levelCodes[error.code], error.message, error);
}

/**
 * The error for a failed open; a missing database is said in the words that callers of abstract-level look for.
 *
 * @param location - directory of the database
 */
export function toOpenError(error: unknown, location: string): unknown {
  if (!isLsmError(error, 'LSM_MISSING') || error.file !== location) return toLevelError(error);
  return new LevelError(
    'LEVEL_MISSING',
    `The database ${location} does not exist; check the path, or leave createIfMissing on.`,
    error,
  );
}

/** The error for use of a database that is not open. */
export function notOpen(): LevelError {
  return new LevelError('LEVEL_DATABASE_NOT_OPEN', 'Database is not open; await db.open() first.');
}
