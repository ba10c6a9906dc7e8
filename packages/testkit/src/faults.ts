/** Faults that a simulated file system injects, and the log of its operations. Plain data. */
import type { LsmError } from '@lsm/core';
import { systemError } from '@lsm/fs';
import type { FailedSyncContent } from './simulated-file.ts';

/** The operations of the seam, as the log names them. */
export type OperationKind =
  | 'open'
  | 'create'
  | 'read'
  | 'write'
  | 'sync'
  | 'truncate'
  | 'size'
  | 'list'
  | 'stat'
  | 'makeDirectory'
  | 'rename'
  | 'unlink'
  | 'link'
  | 'syncDirectory'
  | 'lock';

/** One operation. */
export interface Operation {
  /** 0 for the first operation of the file system. */
  readonly index: number;
  readonly kind: OperationKind;
  /** Path it went to; for a handle, the path it was opened by. */
  readonly path: string;
  /** Byte offset of a transfer, length of a truncate, else 0. */
  readonly position: number;
  /** Bytes of a transfer, else 0. */
  readonly length: number;
}

/** Error numbers that can be injected. */
export type FaultErrno = 'EIO' | 'ENOSPC' | 'EDQUOT' | 'EMFILE' | 'EACCES' | 'EROFS';

/** What goes wrong, and when. */
export interface Fault {
  /** The operation: its index, or a test of it. */
  readonly at: number | ((operation: Operation) => boolean);
  /** The error; if absent, nothing is thrown (see `flip`). */
  readonly errno?: FaultErrno;
  /** True: every operation from there on that `when` allows (default: all) fails until `clearFaults`. */
  readonly persistent?: boolean;
  /** A write transfers so many bytes before it fails; default 0. */
  readonly shortBytes?: number;
  /** What reads see after a failed sync; default `new`. */
  readonly failedSync?: FailedSyncContent;
  /** A read gives back bytes of which the one at `offset` modulo their count is xored with `mask`. */
  readonly flip?: { readonly offset: number; readonly mask: number };
}

/** Whether an operation can change what a crash leaves. */
export function isMutation(kind: OperationKind): boolean {
  return !['open', 'read', 'size', 'list', 'stat', 'lock'].includes(kind);
}

/** The error that the platform would have given. */
export function injectedError(
  errno: string,
  operation: Pick<Operation, 'kind' | 'path' | 'position'>,
): LsmError {
  const cause = Object.assign(new Error(`${errno}: simulated`), { code: errno });
  return systemError(cause, operation.kind, operation.path, operation.position);
}

/** One line for messages: `#17 write 000003.log @ 512 + 40`. */
export function formatOperation(operation: Operation): string {
  const range = operation.length > 0 ? ` @ ${operation.position} + ${operation.length}` : '';
  return `#${operation.index} ${operation.kind} ${operation.path}${range}`;
}
