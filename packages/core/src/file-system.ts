/**
 * The seam to files. Nothing above `@lsm/fs` knows of `node:fs`; the simulated file system of `@lsm/testkit` stands
 * behind the same methods, and so does every later one.
 *
 * Calls are synchronous, because a small synchronous call costs a twentieth of an awaited one (measured); only what
 * waits for a device has an async twin. All failures are {@link LsmError}s: LSM_DISK_FULL (no space, quota, size
 * limit), LSM_MISSING, LSM_EXISTS, LSM_READ_ONLY (medium or permission refuses writes), else LSM_IO; with file,
 * offset and the system's error as `cause`.
 */

/** How a file is opened: for reading, for reading and writing, or created (it must not exist) for both. */
export type OpenMode = 'read' | 'write' | 'create';

/** What `stat` tells. */
export interface FileStat {
  /** Bytes. */
  readonly size: number;
  /** Whether it is a directory. */
  readonly directory: boolean;
}

/** An open file. All transfers are positional; there is no file pointer. */
export interface FileHandle {
  /** Path it was opened by. */
  readonly path: string;
  /**
   * Reads up to `length` bytes at `position` into `target` from `targetOffset`; less only at the end of the file.
   *
   * @returns bytes read
   */
  readSync(target: Uint8Array, targetOffset: number, length: number, position: number): number;
  /** As {@link readSync}, off the caller's thread; `target` is borrowed until the promise settles. */
  read(target: Uint8Array, targetOffset: number, length: number, position: number): Promise<number>;
  /**
   * Writes all of `length` bytes of `source` from `sourceOffset` at `position`, or throws; on an error any part of
   * them may have been written.
   */
  writeSync(source: Uint8Array, sourceOffset: number, length: number, position: number): void;
  /** Makes content and size durable (fdatasync); not the directory entry. A failure poisons the handle's file. */
  syncSync(): void;
  /** As {@link syncSync}, off the caller's thread. */
  sync(): Promise<void>;
  /** Cuts or extends (with zeros) to `length` bytes. */
  truncateSync(length: number): void;
  /** Current size in bytes. */
  sizeSync(): number;
  /** Closes; idempotent. */
  close(): void;
}

/** A held single-writer lock of a directory. */
export interface DirectoryLock {
  /** How it is held, e.g. `socket`, `file`, `memory`. */
  readonly kind: string;
  /** Gives it up; idempotent. */
  release(): void;
}

/** A tree of directories and files. Paths use `/`. */
export interface FileSystem {
  /** A name under which a worker can make the same file system itself (`node`), or `null`: use it in-process only. */
  readonly workerName: string | null;
  /** Opens a file. */
  openSync(path: string, mode: OpenMode): FileHandle;
  /** Names in a directory, in no order. */
  listSync(directory: string): string[];
  /** What stands at a path; `null` if nothing. */
  statSync(path: string): FileStat | null;
  /** Bytes that files below a directory may still take; infinite if that isn't known. A hint: never throws. */
  freeBytesSync(path: string): number;
  /** Creates a directory and its parents; not an error if it exists. */
  makeDirectorySync(path: string): void;
  /** Renames a file, replacing an existing one atomically; or a directory, to a name that does not exist. */
  renameSync(from: string, to: string): void;
  /** Removes a file. */
  unlinkSync(path: string): void;
  /** As {@link unlinkSync}, off the caller's thread: giving back the pages of a large file takes milliseconds. */
  unlink(path: string): Promise<void>;
  /** Makes `to` a second name of the file `from`; LSM_IO where hard links are not possible. */
  linkSync(from: string, to: string): void;
  /** Makes the names in a directory durable. */
  syncDirectorySync(path: string): void;
  /**
   * Takes the single-writer lock of a directory.
   *
   * @throws LSM_LOCKED if another live owner has it; the message names the owner
   */
  lock(directory: string): Promise<DirectoryLock>;
}
