/**
 * From the system's error numbers to the codes of {@link LsmError}. Every failure of the platform passes here once, so
 * that the floors above decide by five codes instead of by errno and platform.
 */
import { LsmError, type LsmErrorCode } from '@lsm/core';

const CODES: Readonly<Record<string, readonly [LsmErrorCode, string]>> = {
  ENOSPC: ['LSM_DISK_FULL', 'the disk is full; free space and try again'],
  EDQUOT: ['LSM_DISK_FULL', 'the disk quota is used up; free space or raise it and try again'],
  EFBIG: ['LSM_DISK_FULL', 'the file size limit is reached; raise it (ulimit -f) and try again'],
  ENOENT: ['LSM_MISSING', 'it does not exist; check the path'],
  EEXIST: ['LSM_EXISTS', 'it exists already; choose another path'],
  EACCES: [
    'LSM_READ_ONLY',
    'permission is denied; check owner and mode of the file and its directory',
  ],
  EPERM: [
    'LSM_READ_ONLY',
    'the operation is not permitted here; check owner, mode and mount flags',
  ],
  EROFS: [
    'LSM_READ_ONLY',
    'the file system is mounted read-only; remount it or open with readOnly',
  ],
  EMFILE: ['LSM_IO', 'this process has too many open files; raise its limit (ulimit -n)'],
  ENFILE: ['LSM_IO', 'the system has too many open files; close some or raise its limit'],
  EIO: ['LSM_IO', 'the device failed; check the disk and the system log'],
  EXDEV: ['LSM_IO', 'both paths have to be on one file system; copy instead'],
  ENOTDIR: ['LSM_IO', 'a part of the path is not a directory; check the path'],
  EISDIR: ['LSM_IO', 'it is a directory; check the path'],
};

/** The errno name of a platform error, e.g. `ENOENT`; empty if it has none. */
export function errnoOf(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return '';
  return typeof error.code === 'string' ? error.code : '';
}

/**
 * Wraps an error of the platform.
 *
 * @param error - what the platform threw; becomes `cause`; an LsmError is passed on as it is
 * @param doing - what was tried, for the message: "write", "rename"
 * @param file - path concerned
 * @param offset - byte offset in the file, if one is concerned
 */
export function systemError(
  error: unknown,
  doing: string,
  file: string,
  offset?: number,
): LsmError {
  if (error instanceof LsmError) return error;
  const errno = errnoOf(error);
  const [code, advice] = CODES[errno] ?? ['LSM_IO', 'the system refused it; see the cause'];
  const name = errno === '' ? '' : ` [${errno}]`;
  return new LsmError(code, `Cannot ${doing}: ${advice}${name}.`, { cause: error, file, offset });
}
