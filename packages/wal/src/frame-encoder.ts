/**
 * Encodes one frame in place, in the memory of an arena: the frame's bytes are the log's bytes and the memtable's.
 *
 * 1. `begin` notes where the frame starts; its header stays unwritten.
 * 2. `add` writes records one after the other behind the header space.
 * 3. `end` pads to 8 bytes, fills the header and computes the checksum. Until then no byte of the frame is visible to
 *    anybody; what is given up half-way is simply overwritten.
 *
 * `encodeOne` is all of it for a frame of one record, the hottest: a third of the instructions. In a loop that hands
 * every frame to the system, code and data are cold again after each call, and instructions cost more than they seem.
 *
 * No allocation, one shape, no bounds logic: the caller made sure of room with `frameBytes`.
 */
import { type KeyBuffer, RECORD_HEADER_BYTES, recordBytes } from '@lsm/core';
import { createKernels, type Kernels } from '@lsm/kernels';
import { sealInMemory } from './frame-checksum.ts';
import {
  FRAME_HEADER_BYTES,
  FrameKind,
  frameBodyBytes,
  frameBytes,
  frameMark,
  type SegmentIdentity,
  TWO_32,
  type Watermark,
} from './log-format.ts';

/** Up to this many bytes a byte loop beats `TypedArray.set` (measured, wal.bench). */
const LOOP_BYTES_MAX = 24;

let idleKernels: Kernels | undefined;

/** Encodes frames of records, one at a time, each into a memory given at its begin. */
export class FrameEncoder {
  /** Bytes before the first record of a frame. */
  static readonly headerBytes: number = FRAME_HEADER_BYTES;

  /** Bytes of a frame whose records take `recordBytesTotal` bytes; a multiple of 8. */
  static frameBytes(recordBytesTotal: number): number {
    return frameBytes(recordBytesTotal);
  }

  #kernels: Kernels;
  #bytes: Uint8Array;
  #words: Int32Array;
  #start = 0;
  #end = 0;
  #count = 0;

  /** Makes an encoder; it holds on to the memory of its last frame. */
  constructor() {
    idleKernels ??= createKernels(0, { shared: false });
    this.#kernels = idleKernels;
    this.#bytes = idleKernels.bytes;
    this.#words = idleKernels.words;
  }

  /**
   * Starts a frame; one that was not ended is forgotten.
   *
   * @param kernels - the arena's memory; borrowed until the next begin
   * @param offset - where the frame goes, a multiple of 8, with room for {@link FrameEncoder.frameBytes}
   */
  begin(kernels: Kernels, offset: number): void {
    if (this.#kernels !== kernels) {
      this.#kernels = kernels;
      this.#bytes = kernels.bytes;
      this.#words = kernels.words;
    }
    this.#start = offset;
    this.#end = offset + FRAME_HEADER_BYTES;
    this.#count = 0;
  }

  /**
   * Appends a record (layout: core's record.ts); key and value are copied.
   *
   * @param kind - an EntryKind
   * @param key - holds the key in its first `keyLength` bytes
   * @param value - holds the value in its first `valueLength` bytes
   * @returns offset of the record in the memory, a multiple of 4
   */
  add(
    kind: number,
    key: Uint8Array,
    keyLength: number,
    value: Uint8Array,
    valueLength: number,
  ): number {
    const words = this.#words;
    const record = this.#end;
    const keyOffset = record + RECORD_HEADER_BYTES;
    const valueOffset = keyOffset + keyLength;
    const end = (valueOffset + valueLength + 3) & ~3;
    // The padding may show what an earlier use of the arena left there; the header overwrites an empty record's.
    words[(end >>> 2) - 1] = 0;
    words[record >>> 2] = valueLength;
    words[(record >>> 2) + 1] = keyLength | (kind << 16);
    this.#copy(key, keyLength, keyOffset);
    this.#copy(value, valueLength, valueOffset);
    this.#end = end;
    this.#count++;
    return record;
  }

  /**
   * Finishes the frame: padding, header, checksum.
   *
   * @param firstSequence - sequence number of its first record, 0 … 2^53 − 1
   * @param identity - segment that the frame will be written to
   * @param position - byte offset in that segment where it will stand, a multiple of 8
   * @param watermark - what is known durable now
   * @returns end of the frame in the memory, a multiple of 8
   */
  end(
    firstSequence: number,
    identity: SegmentIdentity,
    position: number,
    watermark: Watermark,
  ): number {
    const words = this.#words;
    const start = this.#start;
    const payloadLength = this.#end - start - FRAME_HEADER_BYTES;
    if ((this.#end & 7) !== 0) words[this.#end >>> 2] = 0;
    fillHeader(words, start, payloadLength, firstSequence, this.#count, identity, watermark);
    return sealInMemory(this.#kernels, start, payloadLength, identity, position);
  }

  /**
   * Encodes a whole frame of one record; parameters as of {@link begin}, {@link add} and {@link end}. A frame that was
   * begun and not ended is not touched.
   *
   * @param key - copied
   * @param value - copied as a whole
   * @returns end of the frame in the memory, a multiple of 8; its record stands {@link FrameEncoder.headerBytes} behind
   *   `offset`
   */
  encodeOne(
    kernels: Kernels,
    offset: number,
    kind: number,
    key: KeyBuffer,
    value: Uint8Array,
    sequence: number,
    identity: SegmentIdentity,
    position: number,
    watermark: Watermark,
  ): number {
    const { words, bytes } = kernels;
    const keyLength = key.length;
    const valueLength = value.length;
    const payloadLength = recordBytes(keyLength, valueLength);
    const bodyEnd = (offset + frameBodyBytes(payloadLength)) >>> 2;
    // Padding shows what an earlier use of the arena left there; what is no padding is written below.
    words[bodyEnd - 1] = 0;
    words[bodyEnd - 2] = 0;
    fillHeader(words, offset, payloadLength, sequence, 1, identity, watermark);
    const record = (offset + FRAME_HEADER_BYTES) >>> 2;
    words[record] = valueLength;
    words[record + 1] = keyLength | (kind << 16);
    const keyWords = key.words;
    const whole = keyLength >> 2;
    for (let i = 0; i < whole; i++) words[record + 2 + i] = keyWords[i]!;
    const rest = keyLength & 3;
    if (rest !== 0) words[record + 2 + whole] = keyWords[whole]! & ((1 << (rest << 3)) - 1);
    const valueOffset = offset + FRAME_HEADER_BYTES + RECORD_HEADER_BYTES + keyLength;
    if (valueLength <= LOOP_BYTES_MAX) {
      for (let i = 0; i < valueLength; i++) bytes[valueOffset + i] = value[i]!;
    } else {
      bytes.set(value, valueOffset);
    }
    return sealInMemory(kernels, offset, payloadLength, identity, position);
  }

  #copy(source: Uint8Array, length: number, target: number): void {
    const bytes = this.#bytes;
    if (length <= LOOP_BYTES_MAX) {
      for (let i = 0; i < length; i++) bytes[target + i] = source[i]!;
    } else {
      bytes.set(source.length === length ? source : source.subarray(0, length), target);
    }
  }
}

/** Fills all of a frame's header but its checksum. */
function fillHeader(
  words: Int32Array,
  frame: number,
  payloadLength: number,
  firstSequence: number,
  count: number,
  identity: SegmentIdentity,
  watermark: Watermark,
): void {
  const index = frame >>> 2;
  words[index] = frameMark(identity.idLow, identity.idHigh);
  words[index + 1] = payloadLength;
  words[index + 4] = firstSequence;
  words[index + 5] = firstSequence / TWO_32;
  words[index + 6] = count;
  words[index + 7] = FrameKind.records;
  words[index + 8] = watermark.segment;
  words[index + 9] = watermark.offset;
}
