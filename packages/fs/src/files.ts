/** Whole-file operations over any {@link FileSystem}: read, copy, replace durably. */
import type { FileSystem } from '@lsm/core';
import { LsmError } from '@lsm/core';
import { parentPath } from './paths.ts';

/** Bytes moved at once by {@link copyFile}. */
const COPY_BYTES = 1 << 20;

/**
 * Reads a whole file into a new buffer.
 *
 * @throws LSM_MISSING if there is none; LSM_IO if it shrinks while it is read
 */
export function readFileBytes(fs: FileSystem, path: string): Uint8Array {
  const handle = fs.openSync(path, 'read');
  try {
    const bytes = new Uint8Array(handle.sizeSync());
    const count = handle.readSync(bytes, 0, bytes.length, 0);
    if (count === bytes.length) return bytes;
    throw new LsmError('LSM_IO', 'The file became shorter while it was read; try again.', {
      file: path,
      offset: count,
    });
  } finally {
    handle.close();
  }
}

/**
 * Copies a file to a new one and syncs the copy; not the directory entry. A copy that fails is removed.
 *
 * @param from - path of the source
 * @param to - path of the copy; must not exist
 * @throws LSM_EXISTS if `to` exists
 */
export function copyFile(fs: FileSystem, from: string, to: string): void {
  const source = fs.openSync(from, 'read');
  try {
    const size = source.sizeSync();
    const buffer = new Uint8Array(Math.min(size, COPY_BYTES));
    fillNewFile(fs, to, (write) => {
      for (let position = 0; position < size; ) {
        const wanted = Math.min(buffer.length, size - position);
        const count = source.readSync(buffer, 0, wanted, position);
        if (count === 0) break;
        write(buffer, count, position);
        position += count;
      }
    });
  } finally {
    source.close();
  }
}

/**
 * Replaces the content of a file so that after a crash either the old or the new content stands there, whole:
 * 1. write `<path>.tmp`, 2. sync it, 3. rename it over `path`, 4. sync the directory. One writer at a time.
 */
export function writeFileDurably(fs: FileSystem, path: string, bytes: Uint8Array): void {
  const temporary = `${path}.tmp`;
  if (fs.statSync(temporary) !== null) fs.unlinkSync(temporary);
  fillNewFile(fs, temporary, (write) => write(bytes, bytes.length, 0));
  fs.renameSync(temporary, path);
  fs.syncDirectorySync(parentPath(path));
}

type Write = (bytes: Uint8Array, length: number, position: number) => void;

function fillNewFile(fs: FileSystem, path: string, fill: (write: Write) => void): void {
  const target = fs.openSync(path, 'create');
  try {
    fill((bytes, length, position) => target.writeSync(bytes, 0, length, position));
    target.syncSync();
  } catch (error) {
    target.close();
    removeQuietly(fs, path);
    throw error;
  }
  target.close();
}

/** The first failure is the one to report. */
function removeQuietly(fs: FileSystem, path: string): void {
  try {
    fs.unlinkSync(path);
  } catch {
    // An orphan stays behind; every reader of the directory ignores it.
  }
}
