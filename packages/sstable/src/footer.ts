/**
 * The two ends of a table: header and footer.
 *
 * ```
 * header  offset  size  field                       footer  offset  size  field
 *              0     4  magic                                    0    16  index block {offset u64, length u64}
 *              4     1  file kind (1 = table)                   16    16  metadata
 *              5     1  0                                       32    16  range tombstones (length 0: none)
 *              6     2  format version                          48    16  point index (length 0: none)
 *              8     8  file id                                 64     8  file id
 *             16     8  0                                       72     8  globalSeq (0: entries keep their own)
 *             24     8  xxh64 of bytes 0–23                     80     8  bytes of the file
 *                                                               88     4  data blocks
 *                                                               92     1  transform id that blocks may have
 *                                                               93     1  point index kind
 *                                                               94    18  0
 *                                                              112     4  format version
 *                                                              116     4  magic
 *                                                              120     8  xxh64 of bytes 0–119
 * ```
 * Both checksums are seeded with the file id ⊕ mix(offset in the file). Every later version keeps the last 16 bytes.
 */
import { corruption, LsmError } from '@lsm/core';
import { matchesChecksum, writeChecksum } from './checksum.ts';
import {
  type BlockHandle,
  FILE_KIND_TABLE,
  type FileId,
  FOOTER_BYTES,
  formatFileId,
  HEADER_BYTES,
  readU64,
  readWord,
  TABLE_FORMAT_VERSION,
  TABLE_MAGIC,
  TRAILER_BYTES,
  writeU64,
  writeWord,
} from './format.ts';

/** What the footer says. */
export interface Footer {
  readonly index: BlockHandle;
  readonly metadata: BlockHandle;
  readonly rangeTombstones: BlockHandle;
  readonly pointIndex: BlockHandle;
  readonly fileId: FileId;
  /** Sequence number of every entry, or 0: entries keep their own. */
  readonly globalSequence: number;
  readonly fileBytes: number;
  readonly blocks: number;
  readonly transformId: number;
  readonly pointIndexKind: number;
}

/** The 32 bytes that a table starts with. */
export function encodeHeader(id: FileId): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  writeWord(bytes, 0, TABLE_MAGIC);
  writeWord(bytes, 4, FILE_KIND_TABLE | (TABLE_FORMAT_VERSION << 16));
  writeWord(bytes, 8, id.low);
  writeWord(bytes, 12, id.high);
  writeChecksum(bytes, 0, 24, id, 0, 24);
  return bytes;
}

/**
 * Checks a header against the id that the footer holds.
 *
 * @throws LSM_CORRUPTION if any byte differs from what {@link encodeHeader} wrote
 */
export function checkHeader(bytes: Uint8Array, id: FileId, file: string): void {
  const expected = encodeHeader(id);
  for (let i = 0; i < HEADER_BYTES; i++) {
    if (bytes[i] !== expected[i]) throw corruption('The header of the table is damaged', file, i);
  }
}

/** The 128 bytes that a table ends with. */
export function encodeFooter(footer: Footer): Uint8Array {
  const bytes = new Uint8Array(FOOTER_BYTES);
  const handles = [footer.index, footer.metadata, footer.rangeTombstones, footer.pointIndex];
  handles.forEach((handle, i) => {
    writeU64(bytes, i * 16, handle.offset);
    writeU64(bytes, i * 16 + 8, handle.length);
  });
  writeWord(bytes, 64, footer.fileId.low);
  writeWord(bytes, 68, footer.fileId.high);
  writeU64(bytes, 72, footer.globalSequence);
  writeU64(bytes, 80, footer.fileBytes);
  writeWord(bytes, 88, footer.blocks);
  writeWord(bytes, 92, footer.transformId | (footer.pointIndexKind << 8));
  writeWord(bytes, 112, TABLE_FORMAT_VERSION);
  writeWord(bytes, 116, TABLE_MAGIC);
  writeChecksum(bytes, 0, 120, footer.fileId, footer.fileBytes - FOOTER_BYTES, 120);
  return bytes;
}

/**
 * Reads a footer.
 *
 * @param bytes - the last 128 bytes of the file
 * @param fileBytes - the file's size
 * @param file - path, for errors
 * @throws LSM_CORRUPTION if it is damaged or does not fit the file, LSM_UNSUPPORTED_FORMAT for a newer version
 */
export function decodeFooter(bytes: Uint8Array, fileBytes: number, file: string): Footer {
  const position = fileBytes - FOOTER_BYTES;
  if (readWord(bytes, 116) !== TABLE_MAGIC) {
    throw corruption('The file does not end as a table does', file, position + 116);
  }
  const fileId: FileId = { low: readWord(bytes, 64), high: readWord(bytes, 68) };
  if (!matchesChecksum(bytes, 0, 120, fileId, position, 120)) {
    throw corruption('The footer of the table is damaged', file, position);
  }
  const version = readWord(bytes, 112);
  if (version !== TABLE_FORMAT_VERSION) {
    throw new LsmError(
      'LSM_UNSUPPORTED_FORMAT',
      `The table has format version ${version}; this software reads ${TABLE_FORMAT_VERSION}.`,
      { file },
    );
  }
  const handle = (at: number): BlockHandle => ({
    offset: readU64(bytes, at),
    length: readU64(bytes, at + 8),
  });
  const footer: Footer = {
    index: handle(0),
    metadata: handle(16),
    rangeTombstones: handle(32),
    pointIndex: handle(48),
    fileId,
    globalSequence: readU64(bytes, 72),
    fileBytes: readU64(bytes, 80),
    blocks: readWord(bytes, 88) >>> 0,
    transformId: bytes[92]!,
    pointIndexKind: bytes[93]!,
  };
  checkTiling(footer, fileBytes, file);
  return footer;
}

/** I1: the sections tile the file. What the index says about the data blocks is checked when it is loaded. */
function checkTiling(footer: Footer, fileBytes: number, file: string): void {
  const { index, metadata, rangeTombstones, pointIndex } = footer;
  let end = index.offset;
  let fits = footer.fileBytes === fileBytes && end >= HEADER_BYTES && end % 4 === 0;
  for (const section of [index, metadata, rangeTombstones, pointIndex]) {
    const optional = section === rangeTombstones || section === pointIndex;
    const empty = optional && section.length === 0;
    fits &&= section.offset === end && (empty || section.length >= TRAILER_BYTES);
    fits &&= section.length % 4 === 0;
    end += section.length;
  }
  fits &&= end === fileBytes - FOOTER_BYTES && footer.globalSequence <= Number.MAX_SAFE_INTEGER;
  // A data block has at least one entry, so that a block count can't ask for more memory than the file has bytes.
  fits &&= footer.blocks * TRAILER_BYTES <= index.offset - HEADER_BYTES;
  if (!fits) {
    throw corruption(
      'The sections of the table do not tile its file',
      file,
      fileBytes - FOOTER_BYTES,
    );
  }
}

/** Compares a file's identity with what the manifest expects. */
export function checkIdentity(
  footer: Footer,
  expected: { readonly fileId: string; readonly bytes: number } | null,
  file: string,
): void {
  if (expected === null) return;
  const found = formatFileId(footer.fileId);
  if (found !== expected.fileId) {
    throw corruption(`The file is table ${found}, and ${expected.fileId} is expected`, file, 8);
  }
}
