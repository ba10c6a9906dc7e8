/**
 * Numbers and arithmetic of the log: what a frame looks like and how it is bound to its place.
 *
 * ```
 * frame, at a multiple of 8 (little-endian)
 * offset  size  field
 *      0     4  mark, derived from the segment's id
 *      4     4  payload length, bytes (u32, ≤ 2^30 + 2^20)
 *      8     8  xxh64 of bytes 16 … end of the frame; seed = segment id ⊕ {position, payload length}
 *     16     8  sequence number of the first record (u64, ≤ 2^53 − 1)
 *     24     4  count of records
 *     28     1  kind (FrameKind)
 *     29     1  flags: 1 void
 *     30     2  0
 *     32     4  durable watermark: segment number (u32)
 *     36     4  durable watermark: offset in that segment (u32)
 *     40     n  payload, zero padding to a multiple of 8
 *            8p page checksums, only if n > 1 MiB: p = ⌈n / 1 MiB⌉
 * ```
 * I1 Every byte is under a checksum, or is compared (mark), or is part of a checksum's seed (length).
 * I2 A frame is valid at one position of one segment only: stale bytes of a recycled file never are.
 *
 * The mark differs from segment to segment, so that a scan over the stale content of a recycled file meets no
 * candidates. On disk: never change. The specification with examples: docs/formats/wal.md.
 */

/** Which segment: its number, which is only a name, and the random 64-bit id that checksums are bound to. */
export interface SegmentIdentity {
  readonly number: number;
  /** Lower 32 bits of the id, signed. */
  readonly idLow: number;
  /** Upper 32 bits of the id, signed. */
  readonly idHigh: number;
}

/** A point of the log before which everything is known durable. A mutable holder, so that hot paths allocate none. */
export interface Watermark {
  /** Number of the segment; all earlier segments are durable too. */
  segment: number;
  /** Byte offset in it. */
  offset: number;
}

/** Bytes before a frame's payload. */
export const FRAME_HEADER_BYTES = 40;
/** Frame bytes that the frame's own checksum does not cover: mark, length and the checksum itself. */
export const FRAME_COVERED_FROM = 16;
/** Payloads above this many bytes are checksummed in pages of this size. */
export const PAGE_BYTES: number = 1 << 20;
/** Largest payload, bytes: a batch of 1 GiB and some room. */
export const PAYLOAD_BYTES_MAX: number = 2 ** 30 + 2 ** 20;
/** Largest segment, bytes: offsets are 32-bit. */
export const SEGMENT_BYTES_MAX: number = 2 ** 32 - 8;
/** Flag of a frame whose write failed: its records keep their sequence numbers and have no effect. */
export const FLAG_VOID = 1;
/** 2^32, for numbers in two words. */
export const TWO_32 = 0x1_0000_0000;

/** What a frame's payload is. On disk: never renumber. */
export const FrameKind = {
  /** Records as in core's record.ts. */
  records: 0,
  /** Bytes that only their writer understands: manifest edits. */
  opaque: 1,
} as const;

/** The mark of a segment's frames: odd, so never that of zeroed space. */
export function frameMark(idLow: number, idHigh: number): number {
  return (Math.imul(idLow, 0x9e3779b1) ^ idHigh) | 1;
}

/** Bytes from a frame's start to the end of its padded payload. */
export function frameBodyBytes(payloadLength: number): number {
  return (FRAME_HEADER_BYTES + payloadLength + 7) & ~7;
}

/** Pages with a checksum of their own; 0 if the frame's checksum covers the payload. */
export function pageCount(payloadLength: number): number {
  return payloadLength <= PAGE_BYTES ? 0 : Math.ceil(payloadLength / PAGE_BYTES);
}

/** Bytes of a whole frame, a multiple of 8. */
export function frameBytes(payloadLength: number): number {
  return frameBodyBytes(payloadLength) + 8 * pageCount(payloadLength);
}

/** What {@link computeFrameChecksum} computes with: xxh64 of a region; the result is in two fields. */
export interface RegionChecksum {
  /** Lower 32 bits of the result. */
  low: number;
  /** Upper 32 bits of the result. */
  high: number;
  /** Computes xxh64 of `length` bytes from `offset`. */
  region(offset: number, length: number, seedLow: number, seedHigh: number): void;
}

/** Seed of a page's checksum, lower half; `pagePosition` is the page's offset in the segment. */
export function pageSeedLow(identity: SegmentIdentity, pagePosition: number): number {
  return identity.idLow ^ pagePosition;
}

/** Seed of a page's checksum, upper half; distinct from that of every frame. */
export function pageSeedHigh(identity: SegmentIdentity, pageLength: number): number {
  return ~identity.idHigh ^ pageLength;
}

/**
 * The checksum of a frame whose payload is in pages: over the page checksums, then, seeded by the result, over the
 * header fields.
 */
export function computePagedChecksum(
  checksum: RegionChecksum,
  frame: number,
  payloadLength: number,
  seedLow: number,
  seedHigh: number,
): void {
  const table = frame + frameBodyBytes(payloadLength);
  checksum.region(table, 8 * pageCount(payloadLength), seedLow, seedHigh);
  checksum.region(
    frame + FRAME_COVERED_FROM,
    FRAME_HEADER_BYTES - FRAME_COVERED_FROM,
    seedLow ^ checksum.low,
    seedHigh ^ checksum.high,
  );
}
