/**
 * The header of a segment: who it is, what came before it, and what its writer knew.
 *
 * ```
 * offset  size  field
 *      0     4  magic "LSMW"
 *      4     1  file kind: 2 log segment, 3 manifest
 *      5     1  format version, 1
 *      6     1  transform id of the frames, 0 = none
 *      7     1  flags: 1 has a predecessor, 2 has a manifest, 4 stands in a recycled file
 *      8     8  random id of this segment
 *     16     4  number of this segment
 *     20     4  predecessor: number
 *     24     8  predecessor: id
 *     32     4  predecessor: offset at which its log ends
 *     36     4  manifest: number
 *     40     8  manifest: id
 *     48     8  manifest: durable length
 *     56     8  xxh64 of the boot id; 0 = unknown
 *     64     8  xxh64 of bytes 0 … 63, seed 0
 * ```
 * A newer version keeps these 72 bytes where they are. The header lies in one device sector: after a loss of power it
 * is there whole or not at all, so a header that is there in part is damage.
 */
import { corruption, LsmError } from '@lsm/core';
import { ByteChecksum } from '@lsm/kernels';
import type { SegmentIdentity } from './log-format.ts';
import { TWO_32 } from './log-format.ts';

/** Bytes of a segment's header; the first frame follows. */
export const SEGMENT_HEADER_BYTES = 72;

const MAGIC = 0x574d534c;
const FORMAT_VERSION = 1;
const CHECKSUM_OFFSET = 64;
/** Where a header holds the segment's number. */
export const NUMBER_OFFSET = 16;
const FLAG_PREVIOUS = 1;
const FLAG_MANIFEST = 2;
const FLAG_RECYCLED = 4;

/** What a segment file is for. On disk: never renumber; 1 is a table. */
export const SegmentKind = { log: 2, manifest: 3 } as const;
/** One of the numbers of {@link SegmentKind}. */
export type SegmentKind = (typeof SegmentKind)[keyof typeof SegmentKind];

/** A segment and the offset at which its log ends. */
export interface SegmentEnd extends SegmentIdentity {
  /** Byte offset; at least {@link SEGMENT_HEADER_BYTES}. */
  readonly end: number;
}

/** A manifest, and how much of it its writer knew durable. */
export interface ManifestReference {
  readonly number: number;
  readonly idLow: number;
  readonly idHigh: number;
  /** Bytes. */
  readonly durableLength: number;
}

/** A decoded segment header. */
export interface SegmentHeader extends SegmentIdentity {
  readonly kind: SegmentKind;
  /** Transform that frames went through; 0 = none, the only one in use. */
  readonly transformId: number;
  /** Whether bytes of an earlier life may stand behind the log's end. */
  readonly isRecycled: boolean;
  /** The segment that this one continues, or `null`. */
  readonly previous: SegmentEnd | null;
  /** The manifest of the database when the segment was made, or `null`. */
  readonly manifest: ManifestReference | null;
  /** Hash of the boot id, two signed words; both 0 = unknown. */
  readonly bootLow: number;
  readonly bootHigh: number;
}

/** The hash of a boot id as headers keep it; `[0, 0]` for the empty string. */
export function hashBootId(bootId: string): readonly [low: number, high: number] {
  if (bootId === '') return [0, 0];
  const bytes = new TextEncoder().encode(bootId);
  const checksum = new ByteChecksum();
  checksum.compute(bytes, 0, bytes.length, 0, 0);
  return [checksum.low, checksum.high];
}

/** Encodes a header into {@link SEGMENT_HEADER_BYTES} new bytes. */
export function encodeSegmentHeader(header: SegmentHeader): Uint8Array {
  const bytes = new Uint8Array(SEGMENT_HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  const { previous, manifest } = header;
  view.setInt32(0, MAGIC, true);
  bytes[4] = header.kind;
  bytes[5] = FORMAT_VERSION;
  bytes[6] = header.transformId;
  bytes[7] =
    (previous === null ? 0 : FLAG_PREVIOUS) |
    (manifest === null ? 0 : FLAG_MANIFEST) |
    (header.isRecycled ? FLAG_RECYCLED : 0);
  setId(view, 8, header);
  view.setUint32(NUMBER_OFFSET, header.number, true);
  if (previous !== null) {
    view.setUint32(20, previous.number, true);
    setId(view, 24, previous);
    view.setUint32(32, previous.end, true);
  }
  if (manifest !== null) {
    view.setUint32(36, manifest.number, true);
    setId(view, 40, manifest);
    view.setUint32(48, manifest.durableLength % TWO_32, true);
    view.setUint32(52, Math.floor(manifest.durableLength / TWO_32), true);
  }
  view.setInt32(56, header.bootLow, true);
  view.setInt32(60, header.bootHigh, true);
  const checksum = new ByteChecksum();
  checksum.compute(bytes, 0, CHECKSUM_OFFSET, 0, 0);
  view.setInt32(CHECKSUM_OFFSET, checksum.low, true);
  view.setInt32(CHECKSUM_OFFSET + 4, checksum.high, true);
  return bytes;
}

/**
 * The header that bytes which are none become by changing one byte: one that was damaged; `null` if there is none. The
 * last byte is left out, because a write that stopped before it looks the same. Some 16,000 checksums, ~2 ms.
 */
export function headerButOneByte(bytes: Uint8Array): Uint8Array | null {
  const header = bytes.slice(0, SEGMENT_HEADER_BYTES);
  const differing = differingChecksumBytes(header);
  if (differing.length === 1 && differing[0] !== 7) return header;
  const view = new DataView(header.buffer);
  const low = view.getInt32(CHECKSUM_OFFSET, true);
  const high = view.getInt32(CHECKSUM_OFFSET + 4, true);
  for (let i = 0; i < CHECKSUM_OFFSET; i++) {
    const original = header[i]!;
    for (let flip = 1; flip < 256; flip++) {
      header[i] = original ^ flip;
      headerChecksum.compute(header, 0, CHECKSUM_OFFSET, 0, 0);
      if (headerChecksum.low === low && headerChecksum.high === high) return header;
    }
    header[i] = original;
  }
  return null;
}

/** Whether bytes are a header whose number alone is damaged. */
export function isHeaderOf(bytes: Uint8Array, number: number): boolean {
  const header = bytes.slice(0, SEGMENT_HEADER_BYTES);
  new DataView(header.buffer).setUint32(NUMBER_OFFSET, number, true);
  return isChecksumRight(header);
}

const headerChecksum = new ByteChecksum();

function isChecksumRight(header: Uint8Array): boolean {
  headerChecksum.compute(header, 0, CHECKSUM_OFFSET, 0, 0);
  const view = new DataView(header.buffer, header.byteOffset, SEGMENT_HEADER_BYTES);
  return (
    view.getInt32(CHECKSUM_OFFSET, true) === headerChecksum.low &&
    view.getInt32(CHECKSUM_OFFSET + 4, true) === headerChecksum.high
  );
}

/** Indexes, 0 … 7, of the checksum's bytes that are not what they should be. */
function differingChecksumBytes(header: Uint8Array): number[] {
  headerChecksum.compute(header, 0, CHECKSUM_OFFSET, 0, 0);
  const { low, high } = headerChecksum;
  return [0, 1, 2, 3, 4, 5, 6, 7].filter((i) => {
    const expected = ((i < 4 ? low : high) >>> ((i & 3) * 8)) & 0xff;
    return header[CHECKSUM_OFFSET + i] !== expected;
  });
}

/**
 * Decodes a header.
 *
 * @param bytes - at least {@link SEGMENT_HEADER_BYTES}, from the start of the file; borrowed
 * @param file - named in errors
 * @throws LSM_CORRUPTION if these are not the bytes of a header; LSM_UNSUPPORTED_FORMAT for a newer version, file kind
 *   or transform
 */
export function decodeSegmentHeader(bytes: Uint8Array, file: string): SegmentHeader {
  if (bytes.length < SEGMENT_HEADER_BYTES) {
    throw corruption(`The file has ${bytes.length} bytes, less than a header`, file, 0);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, SEGMENT_HEADER_BYTES);
  if (view.getInt32(0, true) !== MAGIC) throw corruption('The file is not a log segment', file, 0);
  if (!isChecksumRight(bytes)) {
    throw corruption("The segment header's checksum does not match", file, 0);
  }
  const flags = bytes[7]!;
  const kind = bytes[4] as SegmentKind;
  requireKnown(bytes, file);
  return {
    kind,
    transformId: bytes[6]!,
    isRecycled: (flags & FLAG_RECYCLED) !== 0,
    ...getIdentity(view, 16, 8),
    previous:
      (flags & FLAG_PREVIOUS) === 0
        ? null
        : { ...getIdentity(view, 20, 24), end: view.getUint32(32, true) },
    manifest: (flags & FLAG_MANIFEST) === 0 ? null : decodeReference(view),
    bootLow: view.getInt32(56, true),
    bootHigh: view.getInt32(60, true),
  };
}

function requireKnown(bytes: Uint8Array, file: string): void {
  const kind = bytes[4]!;
  const known = kind === SegmentKind.log || kind === SegmentKind.manifest;
  if (known && bytes[5] === FORMAT_VERSION && bytes[6] === 0 && bytes[7]! < 8) return;
  throw new LsmError(
    'LSM_UNSUPPORTED_FORMAT',
    `The segment is of kind ${kind}, version ${bytes[5]}, transform ${bytes[6]}, flags ${bytes[7]}; use a newer version of this software`,
    { file, offset: 4 },
  );
}

function decodeReference(view: DataView): ManifestReference {
  const durableLength = view.getUint32(52, true) * TWO_32 + view.getUint32(48, true);
  return { ...getIdentity(view, 36, 40), durableLength };
}

function setId(view: DataView, offset: number, identity: SegmentIdentity): void {
  view.setInt32(offset, identity.idLow, true);
  view.setInt32(offset + 4, identity.idHigh, true);
}

function getIdentity(view: DataView, numberOffset: number, idOffset: number): SegmentIdentity {
  return {
    number: view.getUint32(numberOffset, true),
    idLow: view.getInt32(idOffset, true),
    idHigh: view.getInt32(idOffset + 4, true),
  };
}
