/**
 * An open file of `node:fs`.
 *
 * 1. Transfers loop until all bytes moved: a short count comes just before an error, and the next call fetches it.
 * 2. A descriptor is closed only when no asynchronous call uses it; otherwise its number could be given to another
 *    file while a pending call still works on it.
 * 3. After a failed sync the kernel has marked the pages clean; a later success would say nothing. So the handle never
 *    syncs again (Rebello et al., ATC 2020).
 */
import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  read,
  readSync,
  writeSync,
} from 'node:fs';
import { type FileHandle, LsmError } from '@lsm/core';
import { systemError } from './node-errors.ts';

/** {@link FileHandle} over a descriptor that it owns. */
export class NodeFileHandle implements FileHandle {
  readonly path: string;
  readonly #descriptor: number;
  #open = true;
  #pending = 0;
  #syncFailure: unknown = undefined;

  constructor(path: string, descriptor: number) {
    this.path = path;
    this.#descriptor = descriptor;
  }

  readSync(target: Uint8Array, targetOffset: number, length: number, position: number): number {
    this.#assertOpen();
    let done = 0;
    try {
      while (done < length) {
        const count = readSync(
          this.#descriptor,
          target,
          targetOffset + done,
          length - done,
          position + done,
        );
        if (count === 0) break;
        done += count;
      }
    } catch (error) {
      throw systemError(error, 'read', this.path, position + done);
    }
    return done;
  }

  read(
    target: Uint8Array,
    targetOffset: number,
    length: number,
    position: number,
  ): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#assertOpen();
      this.#pending++;
      let done = 0;
      const step = (error: Error | null, count: number): void => {
        if (error === null && count > 0 && (done += count) < length) {
          this.#startRead(target, targetOffset + done, length - done, position + done, step);
          return;
        }
        this.#finishPending();
        if (error === null) resolve(done);
        else reject(systemError(error, 'read', this.path, position + done));
      };
      this.#startRead(target, targetOffset, length, position, step);
    });
  }

  writeSync(source: Uint8Array, sourceOffset: number, length: number, position: number): void {
    this.#assertOpen();
    let done = 0;
    let idle = 0;
    try {
      while (done < length) {
        const count = writeSync(
          this.#descriptor,
          source,
          sourceOffset + done,
          length - done,
          position + done,
        );
        done += count;
        if (count === 0 && ++idle > 2) throw new Error('The system wrote no bytes, three times.');
      }
    } catch (error) {
      throw systemError(error, 'write', this.path, position + done);
    }
  }

  syncSync(): void {
    this.#assertSyncable();
    try {
      fdatasyncSync(this.#descriptor);
    } catch (error) {
      throw this.#failSync(error);
    }
  }

  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#assertSyncable();
      this.#pending++;
      fdatasync(this.#descriptor, (error) => {
        this.#finishPending();
        if (error === null) resolve();
        else reject(this.#failSync(error));
      });
    });
  }

  truncateSync(length: number): void {
    this.#assertOpen();
    try {
      ftruncateSync(this.#descriptor, length);
    } catch (error) {
      throw systemError(error, 'truncate', this.path, length);
    }
  }

  sizeSync(): number {
    this.#assertOpen();
    try {
      return fstatSync(this.#descriptor).size;
    } catch (error) {
      throw systemError(error, 'ask for the size', this.path);
    }
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    if (this.#pending === 0) this.#closeDescriptor();
  }

  #startRead(
    target: Uint8Array,
    targetOffset: number,
    length: number,
    position: number,
    step: (error: Error | null, count: number) => void,
  ): void {
    read(this.#descriptor, target, targetOffset, length, position, step);
  }

  #finishPending(): void {
    this.#pending--;
    if (this.#pending === 0 && !this.#open) {
      try {
        this.#closeDescriptor();
      } catch {
        // Nobody waits for this close any more, and what matters was synced before.
      }
    }
  }

  #closeDescriptor(): void {
    try {
      closeSync(this.#descriptor);
    } catch (error) {
      throw systemError(error, 'close', this.path);
    }
  }

  #failSync(error: unknown): LsmError {
    this.#syncFailure = error;
    return systemError(error, 'sync', this.path);
  }

  #assertOpen(): void {
    if (!this.#open) throw new LsmError('LSM_IO', 'The file is closed.', { file: this.path });
  }

  #assertSyncable(): void {
    this.#assertOpen();
    if (this.#syncFailure === undefined) return;
    throw new LsmError(
      'LSM_IO',
      'An earlier sync of this file failed, so its content on disk is unknown; write it to a new file.',
      { file: this.path, cause: this.#syncFailure },
    );
  }
}
