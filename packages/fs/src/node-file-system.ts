/**
 * The {@link FileSystem} of Node (and of Bun and Deno through `node:fs`).
 *
 * Directories are made 0700 and files 0600. A directory is synced through a descriptor of its own; systems that know
 * no such thing (EINVAL from some network file systems, EPERM, EISDIR, all of Windows) are taken at their word.
 */
import {
  closeSync,
  constants,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  statfsSync,
  statSync,
  unlink,
  unlinkSync,
} from 'node:fs';
import {
  type DirectoryLock,
  type FileHandle,
  type FileStat,
  type FileSystem,
  LsmError,
  type OpenMode,
} from '@lsm/core';
import { lockDirectory } from './directory-lock.ts';
import { errnoOf, systemError } from './node-errors.ts';
import { NodeFileHandle } from './node-file-handle.ts';

const FLAGS: Readonly<Record<OpenMode, number>> = {
  read: constants.O_RDONLY,
  write: constants.O_RDWR,
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
};

/** The file system of the platform. It has no state: any number of them may be used side by side. */
export function nodeFileSystem(): FileSystem {
  return new NodeFileSystem();
}

class NodeFileSystem implements FileSystem {
  readonly workerName = 'node';

  openSync(path: string, mode: OpenMode): FileHandle {
    return new NodeFileHandle(
      path,
      attempt(mode === 'create' ? 'create' : 'open', path, () =>
        openSync(path, FLAGS[mode], 0o600),
      ),
    );
  }

  listSync(directory: string): string[] {
    return attempt('list the directory', directory, () => readdirSync(directory));
  }

  statSync(path: string): FileStat | null {
    try {
      const stat = statSync(path, { throwIfNoEntry: false });
      return stat === undefined ? null : { size: stat.size, directory: stat.isDirectory() };
    } catch (error) {
      if (errnoOf(error) === 'ENOTDIR') return null;
      throw systemError(error, 'look up', path);
    }
  }

  freeBytesSync(path: string): number {
    try {
      const { bavail, bsize, blocks } = statfsSync(path);
      // Some file systems of the kernel and of users have no size at all.
      return blocks > 0 ? bavail * bsize : Number.POSITIVE_INFINITY;
    } catch {
      return Number.POSITIVE_INFINITY;
    }
  }

  makeDirectorySync(path: string): void {
    attempt('make the directory', path, () => mkdirSync(path, { recursive: true, mode: 0o700 }));
  }

  renameSync(from: string, to: string): void {
    attempt(`rename to ${to}`, from, () => renameSync(from, to));
  }

  unlinkSync(path: string): void {
    attempt('remove', path, () => unlinkSync(path));
  }

  unlink(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      unlink(path, (error) => {
        if (error === null) resolve();
        else reject(systemError(error, 'remove', path));
      });
    });
  }

  linkSync(from: string, to: string): void {
    try {
      linkSync(from, to);
    } catch (error) {
      if (errnoOf(error) === 'EPERM') {
        const text = `Cannot link to ${to}: this file system has no hard links; copy instead.`;
        throw new LsmError('LSM_IO', text, { cause: error, file: from });
      }
      throw systemError(error, `link to ${to}`, from);
    }
  }

  syncDirectorySync(path: string): void {
    if (process.platform === 'win32') return;
    const descriptor = attempt('open the directory', path, () => openSync(path, 'r'));
    try {
      fsyncSync(descriptor);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno !== 'EINVAL' && errno !== 'EPERM' && errno !== 'EISDIR') {
        throw systemError(error, 'sync the directory', path);
      }
    } finally {
      closeSync(descriptor);
    }
  }

  lock(directory: string): Promise<DirectoryLock> {
    return lockDirectory(directory);
  }
}

function attempt<T>(doing: string, path: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw systemError(error, doing, path);
  }
}
