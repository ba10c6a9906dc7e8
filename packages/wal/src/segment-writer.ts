/**
 * Appends to one segment file and makes it durable.
 *
 * 1. A write goes to `position` as a whole. If it fails, `position` stays, the file is cut back to it, and the next
 *    write goes to the same place. Frames that a failed write left behind can therefore never be read behind a later
 *    one: a tail that could be neither cut nor covered by the next write refuses further writes.
 * 2. Two descriptors: `sync` uses the one that is written to, `syncSync` a second one, so that a failure which the
 *    kernel reports once per descriptor is seen by both. The second is opened before the first sync starts.
 * 3. A failed sync poisons the writer for good: the kernel may have marked the lost pages clean, so a later success
 *    would say nothing (Rebello et al., ATC 2020). What is not known durable belongs into a new segment, whose header
 *    names `durable` as the end of this one.
 *
 * I1 `durable` ≤ `position`; both are frame borders. I2 One asynchronous sync is in flight at a time.
 */
import { assert, type FileHandle, type FileSystem, LsmError, type Random } from '@lsm/core';
import { SEGMENT_BYTES_MAX, type SegmentIdentity } from './log-format.ts';
import { encodeOpaqueFrame } from './opaque-frame.ts';
import type { SegmentContents } from './segment-contents.ts';
import {
  encodeSegmentHeader,
  hashBootId,
  type ManifestReference,
  SEGMENT_HEADER_BYTES,
  type SegmentEnd,
  SegmentKind,
} from './segment-header.ts';

/** Preallocating writes are small: one big one makes every later small write 7–8 µs (measured). */
const PREALLOCATE_BYTES = 16_384;

/** Bytes moved at once when a segment is written again. */
const REWRITE_BYTES = 262_144;

/** How a segment is made. */
export interface SegmentOptions {
  /** Number of the segment, 0 … 2^32 − 1. */
  readonly number: number;
  /** Gives the id. */
  readonly random: Random;
  /** The segment that this one continues and where its log ends, or `null`. */
  readonly previous: SegmentEnd | null;
  /** The manifest and how much of it is durable, or `null`. */
  readonly manifest: ManifestReference | null;
  /** Which boot of the machine this is; '' = unknown. */
  readonly bootId: string;
  /** Path of a file that nobody needs, to be renamed and overwritten; its size is kept. */
  readonly recycle?: string;
  /** Default: a log. */
  readonly kind?: SegmentKind;
  /** Transform that frames went through; default 0 = none, the only one that readers know. */
  readonly transformId?: number;
  /**
   * Leaves the header out until {@link SegmentWriter.publish}: a reader ignores the segment until then. For frames
   * that replace those of an earlier segment, all or none. Not with `recycle`. Default false.
   */
  readonly headerLast?: boolean;
}

/** A segment open for appending. */
export class SegmentWriter {
  /** Number and id. */
  readonly identity: SegmentIdentity;
  readonly path: string;
  readonly #fs: FileSystem;
  readonly #handle: FileHandle;
  readonly #header: Uint8Array | null;
  #second: FileHandle | null = null;
  #position: number;
  #durable = 0;
  #fileBytes: number;
  /** Bytes of failed writes may stand up to here; below `position` if there are none. */
  #rejectedEnd = 0;
  #failure: LsmError | null = null;
  #syncing: Promise<void> | null = null;
  #nextSync: Promise<void> | null = null;
  #isPublished: boolean;

  private constructor(
    fs: FileSystem,
    handle: FileHandle,
    identity: SegmentIdentity,
    header: Uint8Array | null,
    position: number,
    fileBytes: number,
  ) {
    this.#fs = fs;
    this.#handle = handle;
    this.path = handle.path;
    this.identity = identity;
    this.#header = header;
    this.#isPublished = header === null;
    this.#position = position;
    this.#fileBytes = fileBytes;
  }

  /**
   * Makes a segment. Its directory entry is not durable until the caller syncs the directory.
   *
   * @param path - must not exist
   * @throws LSM_EXISTS if something stands at `path`; LSM_DISK_FULL, LSM_IO: nothing is left there
   */
  static create(fs: FileSystem, path: string, options: SegmentOptions): SegmentWriter {
    const isHidden = options.headerLast === true;
    assert(
      !isHidden || options.recycle === undefined,
      'A recycled file has a header from the start.',
    );
    const identity = drawIdentity(options);
    const [bootLow, bootHigh] = hashBootId(options.bootId);
    const header = encodeSegmentHeader({
      ...identity,
      kind: options.kind ?? SegmentKind.log,
      transformId: options.transformId ?? 0,
      isRecycled: options.recycle !== undefined,
      previous: options.previous,
      manifest: options.manifest,
      bootLow,
      bootHigh,
    });
    const handle = openNew(fs, path, options.recycle);
    try {
      const bytes = options.recycle === undefined ? 0 : handle.sizeSync();
      const writer = new SegmentWriter(fs, handle, identity, header, SEGMENT_HEADER_BYTES, bytes);
      if (!isHidden) writer.publish();
      return writer;
    } catch (error) {
      handle.close();
      removeQuietly(fs, path);
      throw error;
    }
  }

  /**
   * Opens a segment that was read before for more frames; everything behind its last accepted frame is cut off.
   *
   * What is not known durable is written again: a sync that failed in an earlier process may have left pages that are
   * clean and not on the disk, and the next one would vouch for them.
   *
   * @param contents - as `readSegment` gave it, with a header; its bytes are not needed
   */
  static reopen(fs: FileSystem, contents: SegmentContents): SegmentWriter {
    const { header, end, path } = contents;
    assert(header !== null, 'Only a segment with a header can be continued.');
    const durable = Math.min(end, contents.claims.get(header.number) ?? 0);
    const handle = fs.openSync(path, 'write');
    try {
      if (handle.sizeSync() > end) handle.truncateSync(end);
      writeAgain(handle, durable, end);
    } catch (error) {
      handle.close();
      throw error;
    }
    const { number, idLow, idHigh } = header;
    const writer = new SegmentWriter(fs, handle, { number, idLow, idHigh }, null, end, end);
    writer.#durable = durable;
    return writer;
  }

  /** Byte offset where the next frame goes. */
  get position(): number {
    return this.#position;
  }

  /** Byte offset up to which the segment is known durable; 0: nothing is. */
  get durable(): number {
    return this.#durable;
  }

  /** Bytes of the file, preallocated or stale ones included. */
  get fileBytes(): number {
    return Math.max(this.#fileBytes, this.#position);
  }

  /** The failed sync that poisoned the writer, or `null`. */
  get failure(): LsmError | null {
    return this.#failure;
  }

  /** Whether bytes of a failed write may still stand behind {@link position}. */
  get hasRejectedTail(): boolean {
    return this.#rejectedEnd > this.#position;
  }

  /** This segment as the predecessor of another, ending at `end`; default: where it ends now. */
  endAt(end: number = this.#position): SegmentEnd {
    return { ...this.identity, end };
  }

  /** Writes the header if it was left out; from then on readers accept the segment. */
  publish(): void {
    if (this.#isPublished || this.#header === null) return;
    this.#handle.writeSync(this.#header, 0, SEGMENT_HEADER_BYTES, 0);
    this.#isPublished = true;
  }

  /**
   * Appends whole frames that were sealed for this segment and {@link position}.
   *
   * @param bytes - holds the frames; borrowed for the call
   * @param length - a multiple of 8
   * @throws LSM_DISK_FULL, LSM_IO: nothing was appended, `position` is as before, and a retry goes to the same place;
   *   after a failed sync always LSM_IO
   */
  writeSync(bytes: Uint8Array, offset: number, length: number): void {
    if (this.#failure !== null) throw this.#poisoned();
    const position = this.#position;
    const end = position + length;
    assert((length & 7) === 0, 'Frames are multiples of 8 bytes.');
    assert(end <= SEGMENT_BYTES_MAX, 'A segment has at most 4 GiB.');
    if (this.#rejectedEnd > position) this.#clearRejected(end);
    try {
      this.#handle.writeSync(bytes, offset, length, position);
    } catch (error) {
      this.#rejectedEnd = Math.max(this.#rejectedEnd, end);
      this.#cut();
      throw error;
    }
    this.#position = end;
  }

  /**
   * Frames and appends opaque bytes.
   *
   * @param payload - copied
   * @param sequence - a number that the reader gets back; default 0
   * @returns offset of the frame in the segment
   * @throws as {@link writeSync}
   */
  append(payload: Uint8Array, sequence = 0): number {
    const { identity } = this;
    const position = this.#position;
    const watermark = { segment: identity.number, offset: this.#durable };
    const frame = encodeOpaqueFrame(payload, { identity, position, watermark, sequence });
    this.writeSync(frame, 0, frame.length);
    return position;
  }

  /**
   * Makes everything appended so far durable, on the caller's thread.
   *
   * @throws LSM_IO; the writer is poisoned then
   */
  syncSync(): void {
    if (this.#failure !== null) throw this.#poisoned();
    const end = this.#position;
    try {
      this.#openSecond().syncSync();
    } catch (error) {
      throw this.#poison(error);
    }
    if (end > this.#durable) this.#durable = end;
  }

  /**
   * Makes everything appended so far durable, off the caller's thread. While one sync is in flight, further calls
   * share the next.
   *
   * @throws rejects as {@link syncSync} throws
   */
  sync(): Promise<void> {
    // The next sync may be due and not started: callers between must not start another.
    if (this.#nextSync !== null) return this.#nextSync;
    if (this.#syncing === null) return this.#startSync();
    const startNext = (): Promise<void> => {
      this.#nextSync = null;
      return this.#startSync();
    };
    this.#nextSync = this.#syncing.then(startNext, startNext);
    return this.#nextSync;
  }

  /**
   * Extends the file with zeros to `fileBytes`, in small writes; content is not touched. Not to be called on a hot
   * thread.
   */
  preallocate(fileBytes: number): void {
    fillWithZeros(this.#handle, this.fileBytes, fileBytes);
    this.#fileBytes = Math.max(this.#fileBytes, fileBytes);
  }

  /**
   * Gives back what the file holds behind {@link position}: preallocated bytes, or those of an earlier owner. Readers
   * stop before them anyhow, so nothing depends on whether the cut is durable, or fails.
   */
  trim(): void {
    if (this.#failure === null && this.fileBytes > this.#position) this.#cut();
  }

  /** Closes both descriptors without syncing; idempotent. */
  close(): void {
    this.#handle.close();
    this.#second?.close();
  }

  #startSync(): Promise<void> {
    const run = this.#runSync();
    this.#syncing = run;
    const clear = (): void => {
      this.#syncing = null;
    };
    run.then(clear, clear);
    return run;
  }

  async #runSync(): Promise<void> {
    if (this.#failure !== null) throw this.#poisoned();
    const end = this.#position;
    try {
      this.#openSecond();
      await this.#handle.sync();
    } catch (error) {
      throw this.#poison(error);
    }
    // The second descriptor may have met a failure that this one was not told of.
    if (this.#failure !== null) throw this.#poisoned();
    if (end > this.#durable) this.#durable = end;
  }

  #openSecond(): FileHandle {
    this.#second ??= this.#fs.openSync(this.path, 'write');
    return this.#second;
  }

  #poison(error: unknown): LsmError {
    this.#failure ??=
      error instanceof LsmError
        ? error
        : new LsmError('LSM_IO', 'The segment could not be synced', {
            cause: error,
            file: this.path,
          });
    return this.#failure;
  }

  #poisoned(): LsmError {
    return new LsmError(
      'LSM_IO',
      'A sync of this segment failed before; continue in a new segment',
      { cause: this.#failure, file: this.path },
    );
  }

  /** Cuts the file behind the last good frame; a failure is noted, not thrown. */
  #cut(): void {
    try {
      this.#handle.truncateSync(this.#position);
      this.#fileBytes = this.#position;
      this.#rejectedEnd = 0;
    } catch {
      // The next write tries again, or covers what is there.
    }
  }

  /** Before a write up to `end`: cuts rejected bytes, or makes sure that the write covers them. */
  #clearRejected(end: number): void {
    this.#cut();
    if (this.#rejectedEnd <= end) return;
    throw new LsmError(
      'LSM_IO',
      'Bytes of a failed write can be neither cut nor covered; continue in a new segment',
      { file: this.path, offset: this.#position },
    );
  }
}

/**
 * Makes a spare file of zeros, in small writes, for later use as {@link SegmentOptions.recycle}.
 *
 * @param path - must not exist
 * @param bytes - size
 */
export function createSpareSegment(fs: FileSystem, path: string, bytes: number): void {
  const handle = fs.openSync(path, 'create');
  try {
    fillWithZeros(handle, 0, bytes);
  } finally {
    handle.close();
  }
}

/** Makes the pages of a range dirty; its bytes stay. */
function writeAgain(handle: FileHandle, from: number, to: number): void {
  const bytes = new Uint8Array(Math.min(REWRITE_BYTES, to - from));
  for (let at = from; at < to; ) {
    const count = handle.readSync(bytes, 0, Math.min(bytes.length, to - at), at);
    if (count === 0) return;
    handle.writeSync(bytes, 0, count, at);
    at += count;
  }
}

function fillWithZeros(handle: FileHandle, from: number, to: number): void {
  if (from >= to) return;
  const zeros = new Uint8Array(Math.min(PREALLOCATE_BYTES, to - from));
  for (let at = from; at < to; at += zeros.length) {
    handle.writeSync(zeros, 0, Math.min(zeros.length, to - at), at);
  }
}

function drawIdentity({ number, random }: SegmentOptions): SegmentIdentity {
  let idLow = 0;
  let idHigh = 0;
  // An id of 0 stands for "none".
  while (idLow === 0 && idHigh === 0) {
    idLow = random.next() | 0;
    idHigh = random.next() | 0;
  }
  return { number, idLow, idHigh };
}

function openNew(fs: FileSystem, path: string, recycle: string | undefined): FileHandle {
  if (recycle === undefined) return fs.openSync(path, 'create');
  if (fs.statSync(path) !== null) {
    throw new LsmError('LSM_EXISTS', 'There is a file already; take another number', {
      file: path,
    });
  }
  fs.renameSync(recycle, path);
  try {
    return fs.openSync(path, 'write');
  } catch (error) {
    removeQuietly(fs, path);
    throw error;
  }
}

function removeQuietly(fs: FileSystem, path: string): void {
  try {
    fs.unlinkSync(path);
  } catch {
    // The first failure is the one to report; an orphan without a header is ignored by readers.
  }
}
