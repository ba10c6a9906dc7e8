/**
 * The way of a write: encode once into the arena, link, hand to the log, acknowledge.
 *
 * 1. A call becomes one frame, encoded with header and checksum into the active memtable's arena. A failure before
 *    the frame is finished leaves nothing behind.
 * 2. Its records are given to the memtable: visible at once to reads of the same turn.
 * 3. Frames that wait are written together, in order, by one positional write (`flushPending`).
 * 4. If that write fails, the frames of the failing calls are made void in memory and in the log bytes (their header
 *    says so, the records stay), everything else stays pending and is written with the next attempt.
 *
 * I1 A frame straddles neither arenas nor segments. I2 Frames reach the log in sequence order, without gaps.
 * I3 A segment's frames are reported durable only after those of every earlier segment.
 */
import {
  BATCH_BYTES_MAX,
  type Bytes,
  EMPTY_BYTES,
  EntryKind,
  encodeRangeUpper,
  invalidArgument,
  KeyBuffer,
  LsmError,
  RECORD_HEADER_BYTES,
  recordBytes,
  recordKeyLength,
  recordValueLength,
  toBytes,
  VALUE_BYTES_MAX,
} from '@lsm/core';
import { FrameEncoder, sealFrame, type Watermark } from '@lsm/wal';
import type { Counters } from '../counters.ts';
import type { TraceRecorder } from '../lab/trace-recorder.ts';
import type { Interval } from '../range.ts';
import { type BatchOperation, byteBound, deleteInterval, operationKind } from '../write-batch.ts';
import type { MemtableUnit } from './memtable-unit.ts';

/** What the write path needs of the database around it. */
export interface WriteHost {
  /** A fresh, empty unit with room at least for frames of so many bytes and records. */
  newUnit(frameBytes: number, records: number, sequenceBefore: number): MemtableUnit;
  /** Makes sure that the unit has a segment. */
  openSegment(unit: MemtableUnit): void;
  /** Moves what was written and is not known durable from a segment whose sync failed to a new one. */
  replaceSegment(unit: MemtableUnit): void;
  /** Called after a unit was sealed; it waits for its flush. */
  sealed(unit: MemtableUnit): void;
  /** Called after an empty active unit gave way to a larger one. */
  replaced(active: MemtableUnit): void;
  /** Engine clock, ms. */
  now(): number;
}

/** Single writes that are let in between two exact calculations of the arena's room. */
const ADVANCE = 64;

const BATCH_TYPES = ['type'];

type RangeOperation = Extract<BatchOperation, { type: 'delRange' }>;

/** Encodes and links writes; owns the active memtable. */
export class WritePath {
  /** Sequence number of the last write. */
  lastSequence: number;
  /** The memtable that takes writes. */
  active: MemtableUnit;
  /** Notes what is written while a trace is recorded, else `null`. */
  recorder: TraceRecorder | null = null;
  /** Everything before it is known durable. */
  readonly watermark: Watermark = { segment: 0, offset: 0 };
  readonly #host: WriteHost;
  readonly #counters: Counters;
  readonly #memtableBytes: number;
  readonly #encoder = new FrameEncoder();
  readonly #key = new KeyBuffer();
  /** Single writes that are known to find room in the active arena if their frame ends at or before `#advanceEnd`. */
  #advance = 0;
  #advanceEnd = 0;

  constructor(host: WriteHost, counters: Counters, memtableBytes: number, lastSequence: number) {
    this.#host = host;
    this.#counters = counters;
    this.#memtableBytes = memtableBytes;
    this.lastSequence = lastSequence;
    this.active = host.newUnit(0, 0, lastSequence);
  }

  /** Bytes of the active memtable that wait to be written to the log. */
  get pendingBytes(): number {
    return this.active.arena.dataEnd - this.active.pendingStart;
  }

  /** Whether a write of this many bytes, bound, would have to seal the active memtable. */
  needsSeal(bytes: number): boolean {
    return !this.active.empty && !this.#fits(this.active, bytes + FrameEncoder.headerBytes + 8, 1);
  }

  /**
   * Encodes and links one put.
   *
   * @returns arena offset of its frame, for {@link makeVoid}
   */
  put(key: Bytes, value: Bytes): number {
    const buffer = this.#key;
    buffer.set(key);
    const bytes = checkedValue(value);
    const frame = this.#one(EntryKind.put, bytes);
    const counters = this.#counters;
    counters.puts++;
    counters.userBytes += buffer.length + bytes.length;
    return frame;
  }

  /** Encodes and links one delete; returns as {@link put}. */
  del(key: Bytes): number {
    const buffer = this.#key;
    buffer.set(key);
    const frame = this.#one(EntryKind.delete, EMPTY_BYTES);
    this.#counters.deletes++;
    this.#counters.userBytes += buffer.length;
    return frame;
  }

  /** Encodes and links one range delete; returns as {@link put}. The interval is not empty. */
  delRange(interval: Interval): number {
    const value = encodeRangeUpper(interval.upper);
    this.#key.set(interval.lower);
    const frame = this.#one(EntryKind.rangeDelete, value);
    this.#counters.rangeDeletes++;
    this.#counters.userBytes += interval.lower.length + value.length;
    return frame;
  }

  /**
   * Encodes and links a batch as one frame; all or nothing.
   *
   * @returns arena offset of its frame, or −1 if the batch holds no effect
   */
  batch(operations: readonly BatchOperation[]): number {
    const bound = batchBound(operations);
    if (bound.records === 0) return -1;
    const unit = this.#roomFor(FrameEncoder.frameBytes(bound.bytes), bound.records);
    const encoder = this.#encoder;
    const offset = unit.arena.dataEnd;
    encoder.begin(unit.arena.kernels, offset);
    const counters = this.#counters;
    const { puts, deletes, rangeDeletes, userBytes } = counters;
    let records = 0;
    try {
      for (const operation of operations) records += this.#encodeOperation(operation);
    } catch (error) {
      // Nothing of the batch is applied, so nothing of it counts.
      Object.assign(counters, { puts, deletes, rangeDeletes, userBytes });
      throw error;
    }
    if (records === 0) return -1;
    counters.batches++;
    return this.#link(unit, offset, records);
  }

  /**
   * Writes all waiting frames of the active memtable to its segment.
   *
   * @throws what the file system throws; the frames stay pending
   */
  flushPending(): void {
    const unit = this.active;
    const length = unit.arena.dataEnd - unit.pendingStart;
    if (length === 0) return;
    this.#replaceFailedSegment();
    unit.segment!.writeSync(unit.arena.bytes, unit.pendingStart, length);
    unit.pendingStart = unit.arena.dataEnd;
    this.#counters.logBytes += length;
    this.#counters.logWrites++;
  }

  /** Makes a pending frame void: its records vanish from reads, and its log bytes say so. */
  makeVoid(frame: number): void {
    const unit = this.active;
    const { words, bytes, kernels } = unit.arena;
    const { firstSequence, count, recordsOffset } = sealFrame(
      kernels,
      frame,
      unit.segment!.identity,
      unit.logPosition(frame),
      true,
    );
    let offset = recordsOffset;
    for (let i = 0; i < count; i++) {
      const sequence = firstSequence + i;
      const keyLength = recordKeyLength(words, offset);
      // Range deletes as well: what reads do not see, the flush must not take, either.
      this.#key.setBytes(bytes, offset + RECORD_HEADER_BYTES, keyLength);
      unit.memtable.markVoid(this.#key, sequence);
      offset += recordBytes(keyLength, recordValueLength(words, offset));
    }
  }

  /**
   * Seals the active memtable, unless it is empty; its frames are written first. The next one has room for frames of
   * so many bytes and records.
   */
  seal(bytes = 0, records = 0): void {
    if (this.active.empty) return;
    this.#advance = 0;
    this.flushPending();
    // Once sealed, only its flush could make its frames durable.
    this.#replaceFailedSegment();
    const next = this.#host.newUnit(bytes, records, this.lastSequence);
    const sealed = this.active;
    sealed.newestWriteAt = this.#host.now();
    this.active = next;
    this.#host.sealed(sealed);
  }

  /** Moves the active frames out of a segment whose sync failed, if it did. */
  #replaceFailedSegment(): void {
    const unit = this.active;
    if (unit.segment === null || unit.segment.failure === null) return;
    this.#host.replaceSegment(unit);
  }

  /** Encodes and links a frame of one record, whose key is in `#key`. */
  #one(kind: number, value: Uint8Array): number {
    const key = this.#key;
    const unit = this.#roomForOne(FrameEncoder.frameBytes(recordBytes(key.length, value.length)));
    const { arena } = unit;
    const segment = unit.segment!;
    const offset = arena.dataEnd;
    const sequence = this.lastSequence + 1;
    arena.dataEnd = this.#encoder.encodeOne(
      arena.kernels,
      offset,
      kind,
      key,
      value,
      sequence,
      segment.identity,
      segment.position + (offset - unit.pendingStart),
      this.watermark,
    );
    this.lastSequence = sequence;
    unit.lastSequence = sequence;
    const record = offset + FrameEncoder.headerBytes;
    unit.memtable.add(record, sequence);
    if (this.recorder !== null) this.recorder.wrote(arena.words, arena.bytes, record, 1);
    return offset;
  }

  #encodeOperation(operation: BatchOperation): number {
    const kind = operationKind(operation);
    const counters = this.#counters;
    if (kind === EntryKind.rangeDelete) {
      const interval = deleteInterval(operation as RangeOperation, BATCH_TYPES);
      if (interval.empty) return 0;
      const upper = encodeRangeUpper(interval.upper);
      this.#encoder.add(kind, interval.lower, interval.lower.length, upper, upper.length);
      counters.rangeDeletes++;
      counters.userBytes += interval.lower.length + upper.length;
      return 1;
    }
    const key = this.#key;
    key.set((operation as { key: Bytes }).key);
    const value =
      kind === EntryKind.put ? checkedValue((operation as { value: Bytes }).value) : EMPTY_BYTES;
    this.#encoder.add(kind, key.bytes, key.length, value, value.length);
    if (kind === EntryKind.put) counters.puts++;
    else counters.deletes++;
    counters.userBytes += key.length + value.length;
    return 1;
  }

  /** Finishes the frame at `offset` and links its records. */
  #link(unit: MemtableUnit, offset: number, records: number): number {
    const arena = unit.arena;
    const first = this.lastSequence + 1;
    const end = this.#encoder.end(
      first,
      unit.segment!.identity,
      unit.logPosition(offset),
      this.watermark,
    );
    arena.dataEnd = end;
    this.lastSequence += records;
    unit.lastSequence = this.lastSequence;
    const memtable = unit.memtable;
    const head = offset + FrameEncoder.headerBytes;
    let record = head;
    memtable.add(record, first);
    for (let i = 1; i < records; i++) {
      record += recordBytes(
        recordKeyLength(arena.words, record),
        recordValueLength(arena.words, record),
      );
      memtable.add(record, first + i);
    }
    if (this.recorder !== null) this.recorder.wrote(arena.words, arena.bytes, head, records);
    return offset;
  }

  /**
   * As {@link #roomFor}, for one record: mostly two comparisons. The exact calculation took a tenth of a write; here
   * it is made for several writes in advance, which costs nothing but the last few hundred of a memtable, where it has
   * to be made for each again.
   */
  #roomForOne(bytes: number): MemtableUnit {
    const unit = this.active;
    if (this.#advance > 0 && unit.arena.dataEnd + bytes <= this.#advanceEnd) {
      this.#advance--;
      return unit;
    }
    return this.#advanceFrom(this.#roomFor(bytes, 1));
  }

  #advanceFrom(unit: MemtableUnit): MemtableUnit {
    const { arena } = unit;
    const indexEnd = arena.capacity - arena.indexStart;
    const dataEndMax = Math.min(arena.indexStart, this.#memtableBytes - indexEnd);
    // The write that asked is one of them.
    this.#advance = ADVANCE - 1;
    this.#advanceEnd = dataEndMax - unit.memtable.indexBytesMax(ADVANCE);
    return unit;
  }

  #roomFor(bytes: number, records: number): MemtableUnit {
    // Whatever comes through here takes index bytes of those that were reckoned with, or changes the unit.
    this.#advance = 0;
    if (bytes > BATCH_BYTES_MAX) {
      throw invalidArgument(
        `The write takes ${bytes} bytes; at most ${BATCH_BYTES_MAX} are allowed.`,
      );
    }
    let unit = this.active;
    // Listeners hear of a seal and may write: then the fresh memtable is not empty, and may not have room either.
    while (!this.#fits(unit, bytes, records)) {
      const key = this.#key.bytes.slice(0, this.#key.length);
      if (unit.empty) this.#replaceEmpty(bytes, records);
      else this.seal(bytes, records);
      this.#key.setBytes(key, 0, key.length);
      unit = this.active;
    }
    // As above: this write comes after theirs.
    this.#advance = 0;
    if (unit.segment === null) {
      this.#host.openSegment(unit);
      unit.oldestWriteAt = this.#host.now();
    }
    return unit;
  }

  #fits(unit: MemtableUnit, bytes: number, records: number): boolean {
    const needed = bytes + unit.memtable.indexBytesMax(records);
    const free = unit.arena.free();
    if (needed > free) return false;
    return unit.empty || unit.arena.capacity - free + bytes <= this.#memtableBytes;
  }

  /** An empty memtable that is too small for the next frame makes place for a larger one. */
  #replaceEmpty(bytes: number, records: number): void {
    const small = this.active;
    const large = this.#host.newUnit(bytes, records, this.lastSequence);
    large.segment = small.segment;
    large.segmentPaths.push(...small.segmentPaths);
    large.segmentIdentities.push(...small.segmentIdentities);
    this.active = large;
    this.#host.replaced(large);
    small.release();
  }
}

function batchBound(operations: readonly BatchOperation[]): { bytes: number; records: number } {
  if (!Array.isArray(operations))
    throw invalidArgument('A batch is an array of operations or a WriteBatch.');
  let bytes = 0;
  for (const operation of operations as readonly BatchOperation[]) {
    if (typeof operation !== 'object' || operation === null) {
      throw invalidArgument('A batch operation is an object with a type.');
    }
    const kind = operationKind(operation);
    if (kind === EntryKind.rangeDelete) {
      const interval = deleteInterval(operation as RangeOperation, BATCH_TYPES);
      bytes += recordBytes(interval.lower.length, 1 + (interval.upper?.length ?? 0));
      continue;
    }
    const { key, value } = operation as { key: Bytes; value: Bytes };
    const valueBytes = kind === EntryKind.put ? byteBound(value, 'value') : 0;
    bytes += recordBytes(byteBound(key, 'key'), valueBytes);
  }
  return { bytes, records: operations.length };
}

function checkedValue(value: Bytes): Uint8Array {
  const bytes = toBytes(value, 'value');
  if (bytes.length > VALUE_BYTES_MAX) {
    throw invalidArgument(
      `The value has ${bytes.length} bytes; at most ${VALUE_BYTES_MAX} are allowed.`,
    );
  }
  return bytes;
}

/** The error that a write gets whose outcome nobody can tell. */
export function commitUnknown(cause: unknown, file: string | undefined): LsmError {
  return new LsmError(
    'LSM_COMMIT_UNKNOWN',
    'The log could not be synced, so it is not known whether the write will survive a power loss; reopen the database and read it back',
    { cause, file },
  );
}
