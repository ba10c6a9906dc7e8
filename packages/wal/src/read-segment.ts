/**
 * Reads a segment and tells a torn tail from corruption.
 *
 * 1. Accept frames from the header on, as long as mark, length and checksum hold for this segment and this offset.
 * 2. At the first offset `o` without a valid frame, scan on in steps of 8 bytes for frames of this segment.
 * 3. The log is corrupt at `o` if `o` lies below what is known durable (by the caller, or by the watermark of any
 *    valid frame, also of those behind `o`); or if the machine runs since the segment was made and a valid frame, or
 *    the successor that the caller knows of, was written behind `o`; or if the frame at `o` is whole but for its mark.
 * 4. Else the tail is torn, if anything of this segment stands there; else the end is clean.
 *
 * Why 3 is right: without a loss of power the system keeps writes in order, so only the last one can be partial. With
 * one, any unsynced page may be missing, and what was synced is vouched for by a later watermark.
 * The watermark is the idea of `recovery-tracking` logs in Alagappan et al., FAST 2018 (protocol-aware recovery).
 */
import { type FileSystem, isLsmError, LsmError } from '@lsm/core';
import { FrameChecks } from './frame-checksum.ts';
import {
  FLAG_VOID,
  FRAME_HEADER_BYTES,
  FrameKind,
  frameBytes,
  frameMark,
  PAYLOAD_BYTES_MAX,
  TWO_32,
} from './log-format.ts';
import type { Frame, SegmentContents, SegmentTail } from './segment-contents.ts';
import {
  decodeSegmentHeader,
  hashBootId,
  headerButOneByte,
  isHeaderOf,
  NUMBER_OFFSET,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
  SegmentKind,
} from './segment-header.ts';

/** Least that a disk writes at once. */
const SECTOR_BYTES = 512;

/** What a reader knows about a segment before it reads it. Absent: unknown. */
export interface SegmentExpectation {
  /** Default: a log. */
  readonly kind?: SegmentKind;
  /** Number that the header has to name; another one is a recycled file that was never begun. */
  readonly number?: number;
  /** Id that the header has to name. */
  readonly id?: { readonly idLow: number; readonly idHigh: number };
  /** Where the log ends, as its successor or a clean close says; what stands behind is not looked at. */
  readonly end?: number;
  /** Every byte before this offset is known durable. After a clean close, the same as `end`. */
  readonly durable?: number;
  /** The present boot of the machine; '' or absent = unknown. */
  readonly bootId?: string;
}

/**
 * Reads a whole segment; damage is told in `tail`, not thrown.
 *
 * @throws LSM_MISSING, LSM_IO from the file system; LSM_UNSUPPORTED_FORMAT for a newer format, transform or frame kind
 */
export function readSegment(
  fs: FileSystem,
  path: string,
  expect: SegmentExpectation = {},
): SegmentContents {
  const { bytes, words } = readAligned(fs, path);
  const found = findHeader(bytes, path, expect);
  if (found.header === null) {
    const { tail } = found;
    return { path, bytes, words, header: null, frames: [], end: 0, claims: new Map(), tail };
  }
  const scan = new SegmentScan(path, bytes, words, found.header, expect);
  scan.acceptFrames();
  const { frames, end, claims } = scan;
  return { path, bytes, words, header: found.header, frames, end, claims, tail: scan.judgeTail() };
}

/**
 * Reads only the header of a segment.
 *
 * @returns the header, or `null` if there is none that holds: the segment was never begun, or is damaged
 * @throws LSM_MISSING, LSM_IO from the file system; LSM_UNSUPPORTED_FORMAT
 */
export function readSegmentHeader(fs: FileSystem, path: string): SegmentHeader | null {
  const handle = fs.openSync(path, 'read');
  try {
    const bytes = new Uint8Array(SEGMENT_HEADER_BYTES);
    const count = handle.readSync(bytes, 0, bytes.length, 0);
    return decodeSegmentHeader(bytes.subarray(0, count), path);
  } catch (error) {
    if (isLsmError(error, 'LSM_CORRUPTION')) return null;
    throw error;
  } finally {
    handle.close();
  }
}

type FoundHeader =
  | { readonly header: SegmentHeader }
  | { readonly header: null; readonly tail: SegmentTail };

function findHeader(bytes: Uint8Array, path: string, expect: SegmentExpectation): FoundHeader {
  const durable = expect.durable ?? 0;
  const none = (state: 'torn' | 'corrupt', reason: string): FoundHeader => {
    const lost = state === 'torn' && isZero(bytes) ? 0 : bytes.length;
    const isDamaged = state === 'corrupt' || durable > 0;
    const tail = { state: isDamaged ? 'corrupt' : state, offset: 0, bytes: lost, reason } as const;
    return { header: null, tail };
  };
  if (bytes.length < SEGMENT_HEADER_BYTES) return none('torn', 'The file ends within the header');
  if (isZero(bytes.subarray(0, SEGMENT_HEADER_BYTES))) {
    return none('torn', 'The header was never written');
  }
  let header: SegmentHeader;
  try {
    header = decodeSegmentHeader(bytes, path);
  } catch (error) {
    if (!isLsmError(error, 'LSM_CORRUPTION')) throw error;
    // A file that was never synced may hold anything after a loss of power, but nothing that nearly is a header.
    return hasTraces(bytes, expect.number)
      ? none('corrupt', 'The header is damaged')
      : none('torn', 'The header never became durable');
  }
  const { number = header.number, id = header, kind = SegmentKind.log } = expect;
  if (header.kind !== kind) return none('corrupt', 'The file is of another kind');
  if (header.number !== number || header.idLow !== id.idLow || header.idHigh !== id.idHigh) {
    return none('torn', `The header is that of segment ${header.number} in an earlier life`);
  }
  return { header };
}

/**
 * Whether bytes without a valid header show that there was one with data behind it: a first frame of its id, be it the
 * id that stands there or, where all but one byte of the header is right, the repaired one. What a recycled file keeps
 * of an earlier life shows the same when the first bytes of the new header came to lie over it; but then the number is
 * the earlier one. A write that stopped within the header can leave all but a byte of it, but no frame.
 */
function hasTraces(bytes: Uint8Array, number: number | undefined): boolean {
  // A header that ends in zeros was not written to its end.
  if (isZero(bytes.subarray(SEGMENT_HEADER_BYTES - 4, SEGMENT_HEADER_BYTES))) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (number !== undefined && view.getUint32(NUMBER_OFFSET, true) !== number) {
    return isHeaderOf(bytes, number) && hasFirstFrame(bytes, bytes);
  }
  // Without a frame, nothing is lost with it.
  if (bytes.length === SEGMENT_HEADER_BYTES) return false;
  if (hasFirstFrame(bytes, bytes)) return true;
  const repaired = headerButOneByte(bytes);
  return repaired !== null && hasFirstFrame(bytes, repaired);
}

/** Whether the first frame of a segment is one of the id that a header names. */
function hasFirstFrame(bytes: Uint8Array, header: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const named = new DataView(header.buffer, header.byteOffset, SEGMENT_HEADER_BYTES);
  const identity = { number: 0, idLow: named.getInt32(8, true), idHigh: named.getInt32(12, true) };
  const offset = SEGMENT_HEADER_BYTES;
  if (offset + FRAME_HEADER_BYTES > bytes.length) return false;
  if (view.getInt32(offset, true) !== frameMark(identity.idLow, identity.idHigh)) return false;
  const payloadLength = view.getInt32(offset + 4, true);
  if (payloadLength < 0 || payloadLength > PAYLOAD_BYTES_MAX) return false;
  if (offset + frameBytes(payloadLength) > bytes.length) return false;
  const words = new Int32Array(bytes.buffer);
  return new FrameChecks(bytes, words, identity).holdsHeader(offset, payloadLength);
}

/** The walk over one segment's bytes. */
class SegmentScan {
  readonly frames: Frame[] = [];
  readonly claims: Map<number, number> = new Map();
  end: number = SEGMENT_HEADER_BYTES;
  readonly #path: string;
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;
  readonly #header: SegmentHeader;
  readonly #mark: number;
  readonly #checks: FrameChecks;
  readonly #limit: number;
  readonly #durable: number;
  readonly #isSameBoot: boolean;
  readonly #isEndKnown: boolean;

  constructor(
    path: string,
    bytes: Uint8Array,
    words: Int32Array,
    header: SegmentHeader,
    expect: SegmentExpectation,
  ) {
    this.#path = path;
    this.#bytes = bytes;
    this.#words = words;
    this.#header = header;
    this.#mark = frameMark(header.idLow, header.idHigh);
    this.#checks = new FrameChecks(bytes, words, header);
    this.#isEndKnown = expect.end !== undefined;
    this.#limit = expect.end ?? bytes.length;
    this.#durable = expect.durable ?? 0;
    const [bootLow, bootHigh] = hashBootId(expect.bootId ?? '');
    this.#isSameBoot =
      (bootLow !== 0 || bootHigh !== 0) &&
      bootLow === header.bootLow &&
      bootHigh === header.bootHigh;
  }

  /** Takes frames until the known end or the first offset without a valid one. */
  acceptFrames(): void {
    while (this.end < this.#limit) {
      const frame = this.#frameAt(this.end);
      if (frame === null || frame.end > this.#limit) return;
      this.frames.push(frame);
      this.end = frame.end;
    }
  }

  /** How the log ends; called once, after {@link acceptFrames}. */
  judgeTail(): SegmentTail {
    const offset = this.end;
    if (this.#isEndKnown && offset === this.#limit) return this.#tail('clean', 0, 'As expected');
    const later = this.#scanOn();
    const durable = Math.max(this.#durable, this.claims.get(this.#header.number) ?? 0);
    const lost = this.#lostBytes(later);
    const place = this.#damagedAt(offset);
    if (offset < durable) {
      return this.#tail('corrupt', lost, `Bytes below the durable ${durable} are damaged`, place);
    }
    if (later > 0 && this.#isSameBoot) {
      return this.#tail('corrupt', lost, 'A valid frame follows, and no power was lost', place);
    }
    if (this.#isEndKnown && this.#isSameBoot) {
      const reason = `The log should end at ${this.#limit}, and no power was lost`;
      return this.#tail('corrupt', lost, reason, place);
    }
    if (this.#isWholeButMark(offset)) {
      return this.#tail('corrupt', lost, "A whole frame's mark is damaged", offset);
    }
    if (this.#isEndKnown) return this.#tail('torn', lost, `The log should end at ${this.#limit}`);
    if (lost === 0) return this.#tail('clean', 0, 'Nothing follows');
    return this.#tail('torn', lost, 'An incomplete frame follows');
  }

  #tail(state: SegmentTail['state'], bytes: number, reason: string, at = this.end): SegmentTail {
    return { state, offset: at, bytes, reason };
  }

  /** Looks for frames of this segment behind the end; returns the end of the last one, 0 if there is none. */
  #scanOn(): number {
    const words = this.#words;
    const mark = this.#mark;
    const last = this.#bytes.length - FRAME_HEADER_BYTES;
    let found = 0;
    for (let offset = this.end + 8; offset <= last; offset += 8) {
      if (words[offset >>> 2] !== mark) continue;
      const frame = this.#frameAt(offset);
      if (frame === null) continue;
      found = frame.end;
      offset = frame.end - 8;
    }
    return found;
  }

  /** The valid frame at `offset`, or `null`; notes its watermark. */
  #frameAt(offset: number): Frame | null {
    const words = this.#words;
    const index = offset >>> 2;
    if (offset + FRAME_HEADER_BYTES > this.#bytes.length || words[index] !== this.#mark)
      return null;
    const payloadLength = words[index + 1]!;
    if (!this.#isWhole(offset, payloadLength)) return null;
    const kind = words[index + 7]! & 0xff;
    const flags = (words[index + 7]! >>> 8) & 0xff;
    const high = words[index + 5]!;
    if ((kind !== FrameKind.records && kind !== FrameKind.opaque) || flags > FLAG_VOID) {
      throw new LsmError(
        'LSM_UNSUPPORTED_FORMAT',
        `A frame of kind ${kind} with flags ${flags} needs a newer version of this software`,
        { file: this.#path, offset },
      );
    }
    this.#claim(words[index + 8]! >>> 0, words[index + 9]! >>> 0);
    return {
      offset,
      end: offset + frameBytes(payloadLength),
      kind,
      isVoid: (flags & FLAG_VOID) !== 0,
      firstSequence: (high >>> 0) * TWO_32 + (words[index + 4]! >>> 0),
      count: words[index + 6]! >>> 0,
      payloadOffset: offset + FRAME_HEADER_BYTES,
      payloadLength,
    };
  }

  #claim(segment: number, offset: number): void {
    if (offset > (this.claims.get(segment) ?? 0)) this.claims.set(segment, offset);
  }

  /** Whether length and checksums of the frame at `offset` hold. */
  #isWhole(offset: number, payloadLength: number): boolean {
    return (
      this.#fits(offset, payloadLength) &&
      this.#checks.holdsHeader(offset, payloadLength) &&
      this.#checks.firstBadPage(offset, payloadLength) < 0
    );
  }

  #fits(offset: number, payloadLength: number): boolean {
    return (
      payloadLength >= 0 &&
      payloadLength <= PAYLOAD_BYTES_MAX &&
      offset + frameBytes(payloadLength) <= this.#bytes.length
    );
  }

  #isWholeButMark(offset: number): boolean {
    if (offset + FRAME_HEADER_BYTES > this.#bytes.length) return false;
    const [mark, payloadLength] = this.#words.subarray(offset >>> 2);
    if (mark === this.#mark) return false;
    // An empty frame that begins with the last bytes of a sector is whole but for these, if only that sector was lost.
    const isSectorLost =
      mark === 0 && payloadLength === 0 && offset % SECTOR_BYTES === SECTOR_BYTES - 8;
    return !isSectorLost && this.#isWhole(offset, payloadLength!);
  }

  /** The place of the damage in the frame at `offset`: its first bad page if it is large, else its start. */
  #damagedAt(offset: number): number {
    if (offset + FRAME_HEADER_BYTES > this.#bytes.length) return offset;
    const payloadLength = this.#words[(offset >>> 2) + 1]!;
    if (!this.#fits(offset, payloadLength)) return offset;
    if (!this.#checks.holdsHeader(offset, payloadLength)) return offset;
    return Math.max(offset, this.#checks.firstBadPage(offset, payloadLength));
  }

  /**
   * Bytes behind the end that a write may have left: all but trailing zeros; in a recycled file, whose rest is stale,
   * only what carries this segment's mark.
   */
  #lostBytes(laterEnd: number): number {
    const bytes = this.#bytes;
    const offset = this.end;
    if (!this.#header.isRecycled) {
      let stop = bytes.length;
      while (stop > offset && bytes[stop - 1] === 0) stop--;
      return stop - offset;
    }
    if (laterEnd > 0) return laterEnd - offset;
    if (offset + 4 > bytes.length || this.#words[offset >>> 2] !== this.#mark) return 0;
    if (offset + 8 > bytes.length) return bytes.length - offset;
    const payloadLength = this.#words[(offset >>> 2) + 1]!;
    const isPossible = payloadLength >= 0 && payloadLength <= PAYLOAD_BYTES_MAX;
    return Math.min(isPossible ? frameBytes(payloadLength) : 8, bytes.length - offset);
  }
}

/** Reads a file into a buffer whose length is a multiple of 8; `bytes` has the file's length. */
function readAligned(fs: FileSystem, path: string): { bytes: Uint8Array; words: Int32Array } {
  const handle = fs.openSync(path, 'read');
  try {
    const size = handle.sizeSync();
    const buffer = new ArrayBuffer(Math.ceil(size / 8) * 8);
    const count = handle.readSync(new Uint8Array(buffer), 0, size, 0);
    return { bytes: new Uint8Array(buffer, 0, count), words: new Int32Array(buffer) };
  } finally {
    handle.close();
  }
}

function isZero(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== 0) return false;
  return true;
}
