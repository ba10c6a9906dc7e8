/**
 * A {@link FileSystem} in plain maps: for tests, browsers without storage and databases that nobody keeps.
 *
 * Directories and files are entries of one map by normalized path, with a set of names for each directory. An open
 * handle holds the file itself, so it goes on after an unlink or a rename, as on POSIX. Nothing is ever durable; syncs
 * do nothing.
 */
import type { DirectoryLock, FileHandle, FileStat, FileSystem, OpenMode } from '@lsm/core';
import { LsmError } from '@lsm/core';
import { baseName, normalizePath, parentPath } from './paths.ts';

/** An empty file system of its own; files live as long as it does, and only memory bounds them. */
export function memoryFileSystem(): FileSystem {
  return new MemoryFileSystem();
}

class MemoryFile {
  bytes: Uint8Array = new Uint8Array(0);
  size = 0;

  resize(size: number): void {
    if (size > this.bytes.length) {
      const grown = new Uint8Array(Math.max(size, this.bytes.length * 2, 64));
      grown.set(this.bytes.subarray(0, this.size));
      this.bytes = grown;
    } else if (size < this.size) {
      this.bytes.fill(0, size, this.size);
    }
    this.size = size;
  }
}

class MemoryFileSystem implements FileSystem {
  readonly workerName = null;
  readonly #files = new Map<string, MemoryFile>();
  readonly #directories = new Map<string, Set<string>>([
    ['/', new Set()],
    ['', new Set()],
  ]);
  readonly #locked = new Set<string>();

  openSync(path: string, mode: OpenMode): FileHandle {
    const key = normalizePath(path);
    if (this.#directories.has(key)) {
      throw new LsmError('LSM_IO', 'It is a directory; check the path.', { file: path });
    }
    let file = this.#files.get(key);
    if (mode === 'create') {
      if (file !== undefined) throw exists(path);
      file = new MemoryFile();
      this.#namesAround(path).add(baseName(key));
      this.#files.set(key, file);
    }
    if (file === undefined) throw missing(path);
    return new MemoryFileHandle(path, file, mode !== 'read');
  }

  listSync(directory: string): string[] {
    const names = this.#directories.get(normalizePath(directory));
    if (names === undefined) throw missing(directory);
    return [...names];
  }

  statSync(path: string): FileStat | null {
    const key = normalizePath(path);
    if (this.#directories.has(key)) return { size: 0, directory: true };
    const file = this.#files.get(key);
    return file === undefined ? null : { size: file.size, directory: false };
  }

  freeBytesSync(): number {
    return Number.POSITIVE_INFINITY;
  }

  makeDirectorySync(path: string): void {
    const key = normalizePath(path);
    if (this.#directories.has(key)) return;
    if (this.#files.has(key)) throw exists(path);
    this.makeDirectorySync(parentKey(key));
    this.#directories.get(parentKey(key))!.add(baseName(key));
    this.#directories.set(key, new Set());
  }

  renameSync(from: string, to: string): void {
    const source = normalizePath(from);
    const target = normalizePath(to);
    if (this.#directories.has(source)) {
      this.#renameDirectory(source, target, to);
      return;
    }
    const file = this.#files.get(source);
    if (file === undefined) throw missing(from);
    if (this.#directories.has(target)) {
      throw new LsmError('LSM_IO', 'A directory cannot be replaced by a file.', { file: to });
    }
    const names = this.#namesAround(to);
    if (source === target) return;
    this.unlinkSync(from);
    names.add(baseName(target));
    this.#files.set(target, file);
  }

  unlinkSync(path: string): void {
    const key = normalizePath(path);
    if (!this.#files.delete(key)) throw missing(path);
    this.#directories.get(parentKey(key))!.delete(baseName(key));
  }

  async unlink(path: string): Promise<void> {
    this.unlinkSync(path);
  }

  linkSync(from: string, to: string): void {
    const file = this.#files.get(normalizePath(from));
    if (file === undefined) throw missing(from);
    const target = normalizePath(to);
    if (this.statSync(to) !== null) throw exists(to);
    this.#namesAround(to).add(baseName(target));
    this.#files.set(target, file);
  }

  syncDirectorySync(path: string): void {
    if (!this.#directories.has(normalizePath(path))) throw missing(path);
  }

  async lock(directory: string): Promise<DirectoryLock> {
    const key = normalizePath(directory);
    if (!this.#directories.has(key)) throw missing(directory);
    if (this.#locked.has(key)) {
      const text = 'The database is open already in this process; close it first.';
      throw new LsmError('LSM_LOCKED', text, { file: directory });
    }
    this.#locked.add(key);
    let held = true;
    return {
      kind: 'memory',
      release: () => {
        if (held) this.#locked.delete(key);
        held = false;
      },
    };
  }

  #renameDirectory(source: string, target: string, to: string): void {
    if (source === target) return;
    if (this.statSync(to) !== null || target.startsWith(`${source}/`)) throw exists(to);
    this.#namesAround(to).add(baseName(target));
    this.#directories.get(parentKey(source))!.delete(baseName(source));
    const moved = (key: string): boolean => key === source || key.startsWith(`${source}/`);
    for (const [key, names] of [...this.#directories]) {
      if (!moved(key)) continue;
      this.#directories.delete(key);
      this.#directories.set(target + key.slice(source.length), names);
    }
    for (const [key, file] of [...this.#files]) {
      if (!moved(key)) continue;
      this.#files.delete(key);
      this.#files.set(target + key.slice(source.length), file);
    }
  }

  /** The names of the directory that holds `path`. */
  #namesAround(path: string): Set<string> {
    const names = this.#directories.get(parentKey(normalizePath(path)));
    if (names === undefined) throw missing(path);
    return names;
  }
}

class MemoryFileHandle implements FileHandle {
  readonly path: string;
  readonly #file: MemoryFile;
  readonly #writable: boolean;
  #open = true;

  constructor(path: string, file: MemoryFile, writable: boolean) {
    this.path = path;
    this.#file = file;
    this.#writable = writable;
  }

  readSync(target: Uint8Array, targetOffset: number, length: number, position: number): number {
    this.#assertOpen();
    const file = this.#file;
    const count = Math.min(length, Math.max(0, file.size - position));
    if (count > 0) target.set(file.bytes.subarray(position, position + count), targetOffset);
    return count;
  }

  async read(
    target: Uint8Array,
    targetOffset: number,
    length: number,
    position: number,
  ): Promise<number> {
    return this.readSync(target, targetOffset, length, position);
  }

  writeSync(source: Uint8Array, sourceOffset: number, length: number, position: number): void {
    this.#assertWritable();
    if (length === 0) return;
    const file = this.#file;
    if (position + length > file.size) file.resize(position + length);
    file.bytes.set(source.subarray(sourceOffset, sourceOffset + length), position);
  }

  syncSync(): void {
    this.#assertOpen();
  }

  async sync(): Promise<void> {
    this.#assertOpen();
  }

  truncateSync(length: number): void {
    this.#assertWritable();
    this.#file.resize(length);
  }

  sizeSync(): number {
    this.#assertOpen();
    return this.#file.size;
  }

  close(): void {
    this.#open = false;
  }

  #assertOpen(): void {
    if (!this.#open) throw new LsmError('LSM_IO', 'The file is closed.', { file: this.path });
  }

  #assertWritable(): void {
    this.#assertOpen();
    if (this.#writable) return;
    throw new LsmError('LSM_IO', 'The file is open for reading only.', { file: this.path });
  }
}

/** The key of the directory around a normalized path; relative paths live below the key ''. */
function parentKey(key: string): string {
  const parent = parentPath(key);
  return parent === '.' ? '' : parent;
}

function missing(path: string): LsmError {
  return new LsmError('LSM_MISSING', 'It does not exist; check the path.', { file: path });
}

function exists(path: string): LsmError {
  return new LsmError('LSM_EXISTS', 'It exists already; choose another path.', { file: path });
}
