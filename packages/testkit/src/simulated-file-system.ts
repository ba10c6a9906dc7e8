/**
 * A file system with a disk below it that can lose power, run full, fail and rot; deterministic from its seed.
 *
 * Reads see the page cache. A sync of a file makes its bytes and size durable, but not its name; a sync of a directory
 * makes its names durable (mode `strict`). In mode `ordered`, as on a journaling file system, each sync commits all
 * earlier name changes. Every call of the seam is one numbered operation; faults hit by number or by test. An
 * asynchronous sync vouches only for what was written before it began.
 */
import type { DirectoryLock, FileHandle, FileStat, FileSystem, OpenMode } from '@lsm/core';
import { LsmError, type Random, seededRandom } from '@lsm/core';
import { baseName, normalizePath } from '@lsm/fs';
import { CrashPoint, type DiskImage, hashImage } from './crash-point.ts';
import type { Operation, OperationKind } from './faults.ts';
import { type Fault, injectedError, isMutation } from './faults.ts';
import { type FrozenContent, SimulatedContent } from './simulated-content.ts';
import { SimulatedFile } from './simulated-file.ts';
import { SimulatedFileHandle } from './simulated-file-handle.ts';
import { directoryOf, SimulatedNames, type SimulatedNode } from './simulated-names.ts';
import type { SurvivalVariant } from './survival.ts';

/** Properties of a simulated disk. */
export interface SimulatedFileSystemOptions {
  /** What syncing a file does for names; default `strict`: nothing. `ordered`: commits all earlier changes. */
  readonly names?: 'strict' | 'ordered';
  /** Bytes that all files together may take; default unlimited. */
  readonly capacityBytes?: number;
  /** Decides the order of directory listings; default 1. */
  readonly seed?: number;
  /** Whether files that are open can be neither removed nor replaced, as on Windows; default false. */
  readonly keepsOpenFiles?: boolean;
  /** How an asynchronous read or sync is put off; default: a microtask. Give `clock.defer` for a macrotask. */
  readonly defer?: (callback: () => void) => void;
  /**
   * Suppresses syncs, for positive controls: called by the call that begins the sync (so that the stack tells who wants
   * it), with the number of each (0 is the first) and its path.
   */
  readonly dropSync?: (number: number, path: string) => boolean;
  /** Whether to keep {@link SimulatedFileSystem.log}; default true. Counts are kept always. */
  readonly keepLog?: boolean;
}

/** {@link FileSystem} in memory, with a model of what survives a crash. */
export class SimulatedFileSystem implements FileSystem {
  readonly workerName = null;
  /** Bytes that all files together may take; may be changed at any time. */
  capacityBytes: number;
  /** Called after each operation that was carried out or hit by a fault. Must not call the file system's operations. */
  onOperation: ((operation: Operation) => void) | null = null;
  readonly #options: SimulatedFileSystemOptions;
  #names: SimulatedNames;
  readonly #random: Random;
  readonly #log: Operation[] = [];
  readonly #counts = new Map<OperationKind, number>();
  readonly #locks = new Set<string>();
  #faults: Fault[] = [];
  #operations = 0;
  #syncs = 0;
  #openHandles = 0;
  #nextFileId = 1;
  #usedBytes = 0;
  #crashAfter = Number.POSITIVE_INFINITY;

  /**
   * @param options - properties of the disk
   * @param image - first names and bytes, durable; default empty
   */
  constructor(options: SimulatedFileSystemOptions = {}, image: DiskImage = new Map()) {
    this.#options = options;
    this.capacityBytes = options.capacityBytes ?? Number.POSITIVE_INFINITY;
    this.#random = seededRandom(options.seed ?? 1);
    const names = new Map<string, SimulatedNode>();
    const files = new Map<FrozenContent, SimulatedFile>();
    for (const [path, content] of image) names.set(path, this.#nodeOf(content, files));
    this.#names = new SimulatedNames(names);
  }

  /** Operations done so far; the index of the next one. */
  get operations(): number {
    return this.#operations;
  }

  /** Handles that are open at the moment. */
  get openHandles(): number {
    return this.#openHandles;
  }

  /** Syncs of files and directories done so far, dropped ones included. */
  get syncs(): number {
    return this.#syncs;
  }

  /** All operations so far, oldest first. */
  get log(): readonly Operation[] {
    return this.#log;
  }

  /** How often each kind of operation was called. */
  get counts(): ReadonlyMap<OperationKind, number> {
    return this.#counts;
  }

  /** Bytes that all files together take, open ones without a name included. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Adds a fault. */
  inject(fault: Fault): void {
    this.#faults.push(fault);
  }

  /** Removes all faults. */
  clearFaults(): void {
    this.#faults = [];
  }

  /** From the operation after `index` on, each fails with LSM_IO, as if the process had ended there. */
  crashAfter(index: number): void {
    this.#crashAfter = index;
  }

  /** The present moment, to make crash images from later. O(files). */
  capture(): CrashPoint {
    return new CrashPoint(this.#operations, this.#names.durable, this.#names.pending);
  }

  /** A new file system with what survives if the power goes now. */
  survivors(variant: SurvivalVariant, seed: number): SimulatedFileSystem {
    return new SimulatedFileSystem(this.#options, this.capture().survivors(variant, seed));
  }

  /**
   * The same disk for the process that starts after this one was killed: what was written is there, synced or not.
   * Handles and locks of this one are void; it must not be used again.
   */
  restartProcess(): SimulatedFileSystem {
    const next = new SimulatedFileSystem(this.#options);
    next.#names = this.#names;
    next.#nextFileId = this.#nextFileId;
    next.capacityBytes = this.capacityBytes;
    for (const file of new Set(this.#names.current.values())) {
      if (file === null) continue;
      file.openCount = 0;
      next.#usedBytes += file.cache.size;
    }
    this.crashAfter(this.#operations - 1);
    return next;
  }

  /** A copy as a running system would see it: all bytes and names, all durable; locks, faults and log left out. */
  fork(options: SimulatedFileSystemOptions = this.#options): SimulatedFileSystem {
    return new SimulatedFileSystem(options, this.image());
  }

  /** All names and bytes as reads see them. */
  image(): DiskImage {
    const image = new Map<string, FrozenContent | null>();
    for (const [path, node] of this.#names.current) image.set(path, node?.cache.freeze() ?? null);
    return image;
  }

  /** A hash of all names and bytes as reads see them; 53 bits. */
  hash(): number {
    return hashImage(this.image());
  }

  /** A copy of a file's bytes; no operation. */
  bytesOf(path: string): Uint8Array {
    const content = this.#fileAt(path).cache.freeze();
    return content.buffer.slice(0, content.size);
  }

  /** Puts a file with these bytes in place, durable at once, made if needed; no operation. */
  putBytes(path: string, bytes: Uint8Array): void {
    const content = new SimulatedContent();
    content.write(bytes, 0, bytes.length, 0);
    const key = normalizePath(path);
    let file = this.#names.current.get(key);
    if (file === undefined || file === null) {
      file = new SimulatedFile(this.#nextFileId++);
      file.linkCount = 1;
      this.#names.change({ kind: 'make', path: key, target: '', node: file });
      this.#names.sync(directoryOf(key));
    }
    this.#usedBytes += bytes.length - file.cache.size;
    file.replace(content.freeze());
  }

  /** Xors one byte of a file with `mask`, durable at once; no operation. */
  flip(path: string, offset: number, mask: number): void {
    const bytes = this.bytesOf(path);
    bytes[offset] = bytes[offset]! ^ mask;
    this.putBytes(path, bytes);
  }

  openSync(path: string, mode: OpenMode): FileHandle {
    const operation = this.#begin(mode === 'create' ? 'create' : 'open', path);
    const key = normalizePath(path);
    if (mode === 'create') {
      if (this.#names.current.has(key)) throw injectedError('EEXIST', operation);
      this.#assertDirectory(directoryOf(key), operation);
      const file = new SimulatedFile(this.#nextFileId++);
      file.linkCount = 1;
      this.#names.change({ kind: 'make', path: key, target: '', node: file });
      return this.#finish(operation, this.#handle(path, file, true));
    }
    const file = this.#names.current.get(key);
    if (file === undefined) throw injectedError('ENOENT', operation);
    if (file === null) throw injectedError('EISDIR', operation);
    return this.#finish(operation, this.#handle(path, file, mode === 'write'));
  }

  listSync(directory: string): string[] {
    const operation = this.#begin('list', directory);
    const key = normalizePath(directory);
    this.#assertDirectory(key, operation);
    const names: string[] = [];
    for (const path of this.#names.current.keys()) {
      if (path !== key && path !== '/' && path !== '' && directoryOf(path) === key) {
        names.push(baseName(path));
      }
    }
    for (let i = names.length - 1; i > 0; i--) {
      const other = this.#random.next() % (i + 1);
      [names[i], names[other]] = [names[other]!, names[i]!];
    }
    return this.#finish(operation, names);
  }

  statSync(path: string): FileStat | null {
    const operation = this.#begin('stat', path);
    const node = this.#names.current.get(normalizePath(path));
    const stat =
      node === undefined ? null : { size: node?.cache.size ?? 0, directory: node === null };
    return this.#finish(operation, stat);
  }

  /** No operation: it can neither fail nor change anything. */
  freeBytesSync(): number {
    return Math.max(0, this.capacityBytes - this.#usedBytes);
  }

  makeDirectorySync(path: string): void {
    const operation = this.#begin('makeDirectory', path);
    this.#makeDirectories(normalizePath(path), operation);
    this.#finish(operation, undefined);
  }

  renameSync(from: string, to: string): void {
    const operation = this.#begin('rename', from);
    const path = normalizePath(from);
    const target = normalizePath(to);
    const node = this.#names.current.get(path);
    if (node === undefined) throw injectedError('ENOENT', operation);
    this.#assertDirectory(directoryOf(target), operation);
    const replaced = this.#names.current.get(target);
    if (replaced === null) throw injectedError('EISDIR', operation);
    if (node === null) {
      if (replaced !== undefined) throw injectedError('ENOTDIR', operation);
      this.#names.change({ kind: 'rename', path, target, node });
      this.#finish(operation, undefined);
      return;
    }
    this.#assertRemovable(node, operation);
    if (replaced !== undefined) this.#assertRemovable(replaced, operation);
    if (replaced !== node) {
      this.#names.change({ kind: 'rename', path, target, node });
      if (replaced !== undefined) this.#dropLink(replaced);
    }
    this.#finish(operation, undefined);
  }

  /** Takes effect at the call, so that a simulation stays deterministic. */
  async unlink(path: string): Promise<void> {
    this.unlinkSync(path);
  }

  unlinkSync(path: string): void {
    const operation = this.#begin('unlink', path);
    const key = normalizePath(path);
    const node = this.#requireFile(key, operation);
    this.#assertRemovable(node, operation);
    this.#names.change({ kind: 'unlink', path: key, target: '', node });
    this.#dropLink(node);
    this.#finish(operation, undefined);
  }

  linkSync(from: string, to: string): void {
    const operation = this.#begin('link', from);
    const node = this.#requireFile(normalizePath(from), operation);
    const path = normalizePath(to);
    if (this.#names.current.has(path)) throw injectedError('EEXIST', operation);
    this.#assertDirectory(directoryOf(path), operation);
    node.linkCount++;
    this.#names.change({ kind: 'link', path, target: '', node });
    this.#finish(operation, undefined);
  }

  syncDirectorySync(path: string): void {
    const operation = this.#begin('syncDirectory', path);
    const key = normalizePath(path);
    this.#assertDirectory(key, operation);
    if (!this.#dropsSync(path)) this.#names.sync(this.#isOrdered ? null : key);
    this.#finish(operation, undefined);
  }

  async lock(directory: string): Promise<DirectoryLock> {
    const operation = this.#begin('lock', directory);
    const key = normalizePath(directory);
    this.#assertDirectory(key, operation);
    if (this.#locks.has(key)) {
      const text = 'The database is open already in this process; close it first.';
      throw new LsmError('LSM_LOCKED', text, { file: directory });
    }
    this.#locks.add(key);
    let held = true;
    const release = (): void => {
      if (held) this.#locks.delete(key);
      held = false;
    };
    return this.#finish(operation, { kind: 'simulated', release });
  }

  get #isOrdered(): boolean {
    return this.#options.names === 'ordered';
  }

  #handle(path: string, file: SimulatedFile, writable: boolean): FileHandle {
    this.#openHandles++;
    return new SimulatedFileHandle(path, file, writable, {
      begin: (kind, position, length) => this.#begin(kind, path, position, length),
      faultOf: (operation) => this.#faultOf(operation),
      finish: (operation) => this.#finish(operation, undefined),
      reserve: (bytes) => this.#reserve(bytes),
      dropsSync: () => this.#dropsSync(path),
      sync: (journalEnd, isDropped) => {
        if (this.#operations > this.#crashAfter + 1) throw crashed(path);
        if (isDropped) return;
        file.sync(journalEnd);
        if (this.#isOrdered) this.#names.sync(null);
      },
      defer: this.#options.defer ?? queueMicrotask,
      closed: () => {
        // The handles of a killed process were all closed when it was.
        if (this.#operations > this.#crashAfter) return;
        file.openCount--;
        this.#openHandles--;
        this.#forgetIfUnused(file);
      },
    });
  }

  /** Starts an operation; throws if a fault or a crash hits it. Transfers and syncs look at their faults themselves. */
  #begin(kind: OperationKind, path: string, position = 0, length = 0): Operation {
    const operation = { index: this.#operations++, kind, path, position, length };
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
    if (this.#options.keepLog !== false) this.#log.push(operation);
    if (operation.index > this.#crashAfter) {
      throw crashed(path);
    }
    if (HANDLE_KINDS.has(kind)) return operation;
    const fault = this.#faultOf(operation);
    if (fault?.errno !== undefined) {
      this.onOperation?.(operation);
      throw injectedError(fault.errno, operation);
    }
    return operation;
  }

  #finish<T>(operation: Operation, result: T): T {
    this.onOperation?.(operation);
    return result;
  }

  #faultOf(operation: Operation): Fault | undefined {
    if (this.#faults.length === 0) return undefined;
    const index = this.#faults.findIndex(({ at, persistent }) => {
      if (typeof at !== 'number') return at(operation);
      return persistent === true ? operation.index >= at : operation.index === at;
    });
    if (index < 0) return undefined;
    const fault = this.#faults[index]!;
    if (fault.persistent !== true) this.#faults.splice(index, 1);
    return fault;
  }

  /** Takes up to `bytes` (gives back, if negative) of the capacity; returns how many there were. */
  #reserve(bytes: number): number {
    const granted = Math.min(bytes, Math.max(0, this.capacityBytes - this.#usedBytes));
    this.#usedBytes += granted;
    return granted;
  }

  #dropsSync(path: string): boolean {
    return this.#options.dropSync?.(this.#syncs++, path) ?? false;
  }

  #nodeOf(content: FrozenContent | null, files: Map<FrozenContent, SimulatedFile>): SimulatedNode {
    if (content === null) return null;
    let file = files.get(content);
    if (file === undefined) {
      file = new SimulatedFile(this.#nextFileId++, content);
      this.#usedBytes += content.size;
      files.set(content, file);
    }
    file.linkCount++;
    return file;
  }

  #makeDirectories(key: string, operation: Operation): void {
    const node = this.#names.current.get(key);
    if (node === null) return;
    if (node !== undefined) throw injectedError('EEXIST', operation);
    this.#makeDirectories(directoryOf(key), operation);
    this.#names.change({ kind: 'make', path: key, target: '', node: null });
  }

  #fileAt(path: string): SimulatedFile {
    return this.#requireFile(normalizePath(path), { kind: 'read', path, position: 0 });
  }

  #requireFile(
    key: string,
    operation: Pick<Operation, 'kind' | 'path' | 'position'>,
  ): SimulatedFile {
    const node = this.#names.current.get(key);
    if (node === undefined) throw injectedError('ENOENT', operation);
    if (node === null) throw injectedError('EISDIR', operation);
    return node;
  }

  #assertDirectory(key: string, operation: Operation): void {
    const node = this.#names.current.get(key);
    if (node === undefined) throw injectedError('ENOENT', operation);
    if (node !== null) throw injectedError('ENOTDIR', operation);
  }

  #assertRemovable(file: SimulatedFile, operation: Operation): void {
    if (this.#options.keepsOpenFiles === true && file.openCount > 0) {
      throw injectedError('EBUSY', operation);
    }
  }

  #dropLink(file: SimulatedFile): void {
    file.linkCount--;
    this.#forgetIfUnused(file);
  }

  #forgetIfUnused(file: SimulatedFile): void {
    if (file.linkCount === 0 && file.openCount === 0) this.#usedBytes -= file.cache.size;
  }
}

/** Operations that look at their faults themselves, after they have begun. */
const HANDLE_KINDS: ReadonlySet<OperationKind> = new Set(['read', 'write', 'sync', 'truncate']);

function crashed(path: string): LsmError {
  return new LsmError('LSM_IO', 'The simulated machine has crashed.', { file: path });
}

/** For tests of whole systems: the moments after each operation that can change what a crash leaves. */
export function captureEach(fs: SimulatedFileSystem, keep: (point: CrashPoint) => void): void {
  keep(fs.capture());
  fs.onOperation = (operation) => {
    if (isMutation(operation.kind)) keep(fs.capture());
  };
}
