/** Checksums of frames: computed in place in a memory of the kernels, or over the bytes of a file. */
import { ByteChecksum, type Kernels } from '@lsm/kernels';
import {
  computePagedChecksum,
  FRAME_COVERED_FROM,
  FRAME_HEADER_BYTES,
  frameBodyBytes,
  frameBytes,
  PAGE_BYTES,
  pageCount,
  pageSeedHigh,
  pageSeedLow,
  type RegionChecksum,
  type SegmentIdentity,
} from './log-format.ts';

/**
 * Computes and stores the checksums of a frame whose other fields and payload stand in a memory.
 *
 * @param frame - offset of the frame in the memory
 * @param position - offset of the frame in the segment
 * @returns end of the frame in the memory
 */
export function sealInMemory(
  kernels: Kernels,
  frame: number,
  payloadLength: number,
  identity: SegmentIdentity,
  position: number,
): number {
  if (payloadLength > PAGE_BYTES) {
    return sealWith(
      new MemoryRegions(kernels),
      kernels.words,
      frame,
      payloadLength,
      identity,
      position,
    );
  }
  const length = frameBodyBytes(payloadLength);
  kernels.checksum(
    frame + FRAME_COVERED_FROM,
    length - FRAME_COVERED_FROM,
    identity.idLow ^ position,
    identity.idHigh ^ payloadLength,
  );
  const words = kernels.words;
  words[(frame >>> 2) + 2] = kernels.checksumLow;
  words[(frame >>> 2) + 3] = kernels.checksumHigh;
  return frame + length;
}

/** As {@link sealInMemory}, for any buffer that `checksum` computes over and `words` shows. */
export function sealWith(
  checksum: RegionChecksum,
  words: Int32Array,
  frame: number,
  payloadLength: number,
  identity: SegmentIdentity,
  position: number,
): number {
  const bodyEnd = frame + frameBodyBytes(payloadLength);
  for (let page = 0; page < pageCount(payloadLength); page++) {
    computePage(checksum, frame, page, bodyEnd, identity, position);
    words[(bodyEnd >>> 2) + 2 * page] = checksum.low;
    words[(bodyEnd >>> 2) + 2 * page + 1] = checksum.high;
  }
  computeFrame(checksum, frame, payloadLength, identity, position);
  words[(frame >>> 2) + 2] = checksum.low;
  words[(frame >>> 2) + 3] = checksum.high;
  return frame + frameBytes(payloadLength);
}

function computeFrame(
  checksum: RegionChecksum,
  frame: number,
  payloadLength: number,
  identity: SegmentIdentity,
  position: number,
): void {
  const seedLow = identity.idLow ^ position;
  const seedHigh = identity.idHigh ^ payloadLength;
  if (payloadLength > PAGE_BYTES) {
    computePagedChecksum(checksum, frame, payloadLength, seedLow, seedHigh);
  } else {
    const length = frameBodyBytes(payloadLength) - FRAME_COVERED_FROM;
    checksum.region(frame + FRAME_COVERED_FROM, length, seedLow, seedHigh);
  }
}

function computePage(
  checksum: RegionChecksum,
  frame: number,
  page: number,
  bodyEnd: number,
  identity: SegmentIdentity,
  position: number,
): void {
  const start = FRAME_HEADER_BYTES + page * PAGE_BYTES;
  const length = Math.min(PAGE_BYTES, bodyEnd - frame - start);
  checksum.region(
    frame + start,
    length,
    pageSeedLow(identity, position + start),
    pageSeedHigh(identity, length),
  );
}

/** Checksums of regions of any buffer. */
export class BufferRegions implements RegionChecksum {
  low = 0;
  high = 0;
  readonly #bytes: Uint8Array;
  readonly #checksum = new ByteChecksum();

  /** @param bytes - borrowed */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  region(offset: number, length: number, seedLow: number, seedHigh: number): void {
    const checksum = this.#checksum;
    checksum.compute(this.#bytes, offset, length, seedLow, seedHigh);
    this.low = checksum.low;
    this.high = checksum.high;
  }
}

/** Checks frames in the bytes of a whole segment. */
export class FrameChecks {
  readonly #regions: BufferRegions;
  readonly #words: Int32Array;
  readonly #identity: SegmentIdentity;

  /**
   * @param bytes - the segment from its start; borrowed
   * @param words - the same memory
   */
  constructor(bytes: Uint8Array, words: Int32Array, identity: SegmentIdentity) {
    this.#regions = new BufferRegions(bytes);
    this.#words = words;
    this.#identity = identity;
  }

  /** Whether the frame's own checksum is right: header and, up to 1 MiB, payload. The frame lies inside the bytes. */
  holdsHeader(offset: number, payloadLength: number): boolean {
    computeFrame(this.#regions, offset, payloadLength, this.#identity, offset);
    return this.#stored((offset >>> 2) + 2);
  }

  /** Offset of the first damaged page of a large frame whose header holds; −1: none. */
  firstBadPage(offset: number, payloadLength: number): number {
    const bodyEnd = offset + frameBodyBytes(payloadLength);
    for (let page = 0; page < pageCount(payloadLength); page++) {
      computePage(this.#regions, offset, page, bodyEnd, this.#identity, offset);
      if (!this.#stored((bodyEnd >>> 2) + 2 * page)) {
        return offset + FRAME_HEADER_BYTES + page * PAGE_BYTES;
      }
    }
    return -1;
  }

  /** Whether the result equals the checksum at a word index. */
  #stored(index: number): boolean {
    const { low, high } = this.#regions;
    return this.#words[index] === low && this.#words[index + 1] === high;
  }
}

class MemoryRegions implements RegionChecksum {
  low = 0;
  high = 0;
  readonly #kernels: Kernels;

  constructor(kernels: Kernels) {
    this.#kernels = kernels;
  }

  region(offset: number, length: number, seedLow: number, seedHigh: number): void {
    this.#kernels.checksum(offset, length, seedLow, seedHigh);
    this.low = this.#kernels.checksumLow;
    this.high = this.#kernels.checksumHigh;
  }
}
