/** An open file of the simulated file system: looks at faults, capacity and the crash before it touches the bytes. */
import { type FileHandle, LsmError } from '@lsm/core';
import { type Fault, injectedError, type Operation, type OperationKind } from './faults.ts';
import type { SimulatedFile } from './simulated-file.ts';

/** What a handle needs of its file system. */
export interface SimulatedDisk {
  /** Counts and logs an operation; throws after a crash. */
  begin(kind: OperationKind, position: number, length: number): Operation;
  /** The fault that hits it; used up by the call. */
  faultOf(operation: Operation): Fault | undefined;
  /** Reports the end of an operation. */
  finish(operation: Operation): void;
  /** Takes up to so many bytes of the capacity; returns how many there were. */
  reserve(bytes: number): number;
  /** Whether a sync that begins now shall do nothing; counts it. */
  dropsSync(): boolean;
  /** Makes the file's journal entries before this number durable, unless the sync is to be dropped. */
  sync(journalEnd: number, isDropped: boolean): void;
  /** Runs the second half of an asynchronous operation. */
  defer(callback: () => void): void;
  /** The handle was closed: takes it off the file's open handles. */
  closed(): void;
}

/** {@link FileHandle} of the simulation. */
export class SimulatedFileHandle implements FileHandle {
  readonly path: string;
  readonly #file: SimulatedFile;
  readonly #writable: boolean;
  readonly #disk: SimulatedDisk;
  #open = true;
  #pending = 0;
  #syncFailure: LsmError | null = null;

  constructor(path: string, file: SimulatedFile, writable: boolean, disk: SimulatedDisk) {
    this.path = path;
    this.#file = file;
    this.#writable = writable;
    this.#disk = disk;
    file.openCount++;
  }

  readSync(target: Uint8Array, targetOffset: number, length: number, position: number): number {
    this.#assertOpen();
    const operation = this.#disk.begin('read', position, length);
    const fault = this.#disk.faultOf(operation);
    if (fault?.errno !== undefined) throw this.#fail(fault.errno, operation);
    const count = this.#file.cache.read(target, targetOffset, length, position);
    if (fault?.flip !== undefined && count > 0) {
      const at = targetOffset + (fault.flip.offset % count);
      target[at] = target[at]! ^ fault.flip.mask;
    }
    this.#disk.finish(operation);
    return count;
  }

  read(
    target: Uint8Array,
    targetOffset: number,
    length: number,
    position: number,
  ): Promise<number> {
    try {
      this.#assertOpen();
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#later(() => this.readSync(target, targetOffset, length, position));
  }

  writeSync(source: Uint8Array, sourceOffset: number, length: number, position: number): void {
    this.#assertWritable();
    const operation = this.#disk.begin('write', position, length);
    const fault = this.#disk.faultOf(operation);
    const wanted = fault?.errno === undefined ? length : Math.min(length, fault.shortBytes ?? 0);
    const count = this.#makeRoom(wanted, position);
    if (count > 0) this.#file.write(source, sourceOffset, count, position);
    if (fault?.errno !== undefined) throw this.#fail(fault.errno, operation);
    if (count < wanted) throw this.#fail('ENOSPC', operation);
    this.#disk.finish(operation);
  }

  syncSync(): void {
    this.#assertSyncable();
    this.#sync(this.#disk.begin('sync', 0, 0), this.#file.journalEnd, this.#disk.dropsSync());
  }

  sync(): Promise<void> {
    try {
      this.#assertSyncable();
      const operation = this.#disk.begin('sync', 0, 0);
      const journalEnd = this.#file.journalEnd;
      const isDropped = this.#disk.dropsSync();
      return this.#later(() => this.#sync(operation, journalEnd, isDropped));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  truncateSync(length: number): void {
    this.#assertWritable();
    const operation = this.#disk.begin('truncate', length, 0);
    const fault = this.#disk.faultOf(operation);
    if (fault?.errno !== undefined) throw this.#fail(fault.errno, operation);
    const growth = length - this.#file.cache.size;
    const granted = this.#disk.reserve(growth);
    if (granted < growth) {
      this.#disk.reserve(-granted);
      throw this.#fail('ENOSPC', operation);
    }
    this.#file.resize(length);
    this.#disk.finish(operation);
  }

  sizeSync(): number {
    this.#assertOpen();
    const operation = this.#disk.begin('size', 0, 0);
    this.#disk.finish(operation);
    return this.#file.cache.size;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    if (this.#pending === 0) this.#closeFile();
  }

  #sync(operation: Operation, journalEnd: number, isDropped: boolean): void {
    const fault = this.#disk.faultOf(operation);
    if (fault?.errno !== undefined) {
      const size = this.#file.cache.size;
      this.#file.failSync(journalEnd, fault.failedSync ?? 'new');
      this.#disk.reserve(this.#file.cache.size - size);
      this.#syncFailure = this.#fail(fault.errno, operation);
      throw this.#syncFailure;
    }
    this.#disk.sync(journalEnd, isDropped);
    this.#disk.finish(operation);
  }

  /** Reserves what a write adds to the file; returns how many of its bytes fit. */
  #makeRoom(length: number, position: number): number {
    const growth = position + length - this.#file.cache.size;
    if (growth <= 0 || length === 0) return length;
    const granted = this.#disk.reserve(growth);
    if (granted === growth) return length;
    const count = Math.max(0, length - (growth - granted));
    if (count === 0) this.#disk.reserve(-granted);
    return count;
  }

  #later<T>(work: () => T): Promise<T> {
    this.#pending++;
    return new Promise((resolve, reject) => {
      this.#disk.defer(() => {
        const wasOpen = this.#open;
        this.#open = true;
        try {
          resolve(work());
        } catch (error) {
          reject(error);
        }
        this.#open = wasOpen;
        this.#pending--;
        if (!wasOpen && this.#pending === 0) this.#closeFile();
      });
    });
  }

  #closeFile(): void {
    this.#disk.closed();
  }

  #fail(errno: string, operation: Operation): LsmError {
    this.#disk.finish(operation);
    return injectedError(errno, operation);
  }

  #assertOpen(): void {
    if (!this.#open) throw new LsmError('LSM_IO', 'The file is closed.', { file: this.path });
  }

  #assertWritable(): void {
    this.#assertOpen();
    if (!this.#writable) {
      throw new LsmError('LSM_IO', 'The file is open for reading only.', { file: this.path });
    }
  }

  #assertSyncable(): void {
    this.#assertOpen();
    if (this.#syncFailure === null) return;
    const text = 'An earlier sync of this file failed; write it to a new file.';
    throw new LsmError('LSM_IO', text, { file: this.path, cause: this.#syncFailure });
  }
}
