/**
 * The constants of the table format and the arithmetic that binds checksums to places.
 *
 * ```
 * header (32) | data blocks | index block | metadata | range tombstones | point index | footer (128)
 *
 * block:    payload | zero padding to a multiple of 4 | trailer (16)
 * trailer:  offset  size  field
 *                0     4  raw length: bytes of the payload once decoded, without padding (u32)
 *                4     1  transform id of the payload: 0 none, 1 lz4
 *                5     1  block kind (BlockKind)
 *                6     1  bytes of padding before the trailer, 0 … 3
 *                7     1  0
 *                8     8  xxh64 of payload, padding and the 8 bytes above; seed = file id ⊕ mix(offset of the block)
 * ```
 * Numbers are little-endian. I1: sections follow each other without gaps, so that every byte of the file is under
 * the checksum of the header, of one block or of the footer. I2: every block starts at a multiple of 4.
 * The whole format, with offsets: docs/formats/sstable.md. The order of the sections is LevelDB's.
 */

/** First and last mark of every table: "LBTS" in file order. On disk: never change. */
export const TABLE_MAGIC = 0x5354424c;
/** Version of the format that this code writes and reads. */
export const TABLE_FORMAT_VERSION = 1;
/** Kind of file in the header: a table. */
export const FILE_KIND_TABLE = 1;

/** Bytes of the file header. */
export const HEADER_BYTES = 32;
/** Bytes of the footer. */
export const FOOTER_BYTES = 128;
/** Bytes after every block's payload. */
export const TRAILER_BYTES = 16;
/** Bytes at the end of a data block's payload: count, common prefix length, base sequence. */
export const BLOCK_FOOTER_BYTES = 16;
/** Bytes of an entry before its key. */
export const ENTRY_HEADER_BYTES = 12;

/** Smallest setting of `blockBytes`. */
export const BLOCK_BYTES_MIN = 128;
/** Largest block with more than one entry, and largest block that is compressed; raw, trailer included. */
export const BLOCK_BYTES_MAX = 262_144;

/** What a block holds. On disk: never renumber. */
export const BlockKind = {
  data: 1,
  index: 2,
  metadata: 3,
  rangeTombstones: 4,
  pointIndex: 5,
} as const;

/** Payload as it is. */
export const TRANSFORM_NONE = 0;
/** Payload is one LZ4 block. */
export const TRANSFORM_LZ4 = 1;

/** 2^32, for numbers in two words. */
export const TWO_32 = 0x1_0000_0000;
/** Sequence numbers of one block lie within 2^40 of its base. */
export const SEQUENCE_SPAN: number = 2 ** 40;

/** Where a section stands in the file. */
export interface BlockHandle {
  readonly offset: number;
  /** Stored bytes, trailer included; 0: there is no such section. */
  readonly length: number;
}

/** A random 64-bit file id in two signed words. */
export interface FileId {
  readonly low: number;
  readonly high: number;
}

/** Lower half of the checksum seed of what stands at `offset` of a file. */
export function seedLow(id: FileId, offset: number): number {
  return id.low ^ mix32((offset | 0) ^ Math.imul((offset / TWO_32) | 0, 0x9e3779b1));
}

/** Upper half of the checksum seed of what stands at `offset` of a file. */
export function seedHigh(id: FileId, offset: number): number {
  return id.high ^ mix32(Math.imul(offset | 0, 0x85ebca6b) + ((offset / TWO_32) | 0) + 0x7f4a7c15);
}

/** Bijection of 32-bit words in the manner of MurmurHash3's finalizer (Appleby, 2011). */
function mix32(value: number): number {
  let z = value | 0;
  z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
  return z ^ (z >>> 16);
}

/** A file id as 16 hexadecimal digits, high word first. */
export function formatFileId(id: FileId): string {
  return hex32(id.high) + hex32(id.low);
}

function hex32(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}

/** Signed word at `offset` of any bytes. */
export function readWord(bytes: Uint8Array, offset: number): number {
  return (
    bytes[offset]! |
    (bytes[offset + 1]! << 8) |
    (bytes[offset + 2]! << 16) |
    (bytes[offset + 3]! << 24)
  );
}

/** Writes a word at `offset` of any bytes. */
export function writeWord(bytes: Uint8Array, offset: number, word: number): void {
  bytes[offset] = word;
  bytes[offset + 1] = word >>> 8;
  bytes[offset + 2] = word >>> 16;
  bytes[offset + 3] = word >>> 24;
}

/** A 64-bit number at `offset` as a double; above 2^53 − 1 it is not exact and the caller has to refuse it. */
export function readU64(bytes: Uint8Array, offset: number): number {
  return (readWord(bytes, offset) >>> 0) + (readWord(bytes, offset + 4) >>> 0) * TWO_32;
}

/** Writes an integer from 0 to 2^53 − 1 in eight bytes. */
export function writeU64(bytes: Uint8Array, offset: number, value: number): void {
  writeWord(bytes, offset, value | 0);
  writeWord(bytes, offset + 4, Math.floor(value / TWO_32));
}

/** Bytes to add to a length to make it a multiple of 4. */
export function paddingOf(length: number): number {
  return -length & 3;
}
