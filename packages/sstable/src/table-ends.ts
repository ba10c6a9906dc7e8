/**
 * What is read of a table when it is opened: footer, header, metadata and range tombstones.
 *
 * One read of the last 4 KiB holds the footer, and for a small table everything. What it does not hold is read apart.
 */

import type { RangeTombstone } from '@lsm/core';
import { corruption, type FileHandle, type FileSystem } from '@lsm/core';
import { matchesChecksum } from './checksum.ts';
import { checkHeader, checkIdentity, decodeFooter, type Footer } from './footer.ts';
import {
  type BlockHandle,
  BlockKind,
  type FileId,
  FOOTER_BYTES,
  formatFileId,
  HEADER_BYTES,
  readWord,
  TRAILER_BYTES,
  TRANSFORM_NONE,
} from './format.ts';
import { decodeRangeTombstones } from './range-tombstone-block.ts';
import { decodeTableMetadata, type TableProperties } from './table-properties.ts';

/** Bytes that are read from the end of the file at once. */
const TAIL_BYTES = 4096;

/** What a manifest knows of a table's file. */
export interface TableIdentity {
  /** 16 hexadecimal digits. */
  readonly fileId: string;
  /** Size of the file, bytes. */
  readonly bytes: number;
}

/** The parts of a table that are in memory from the start. */
export interface TableEnds {
  readonly footer: Footer;
  readonly properties: TableProperties;
  readonly rangeTombstones: readonly RangeTombstone[];
}

/** Bytes of a file from `offset` on. */
interface Tail {
  readonly bytes: Uint8Array;
  readonly offset: number;
}

/**
 * Reads and checks the ends of a table.
 *
 * @param expected - what the file has to be; `null`: any table
 * @throws LSM_CORRUPTION, LSM_UNSUPPORTED_FORMAT, LSM_IO
 */
export function readTableEnds(handle: FileHandle, expected: TableIdentity | null): TableEnds {
  const file = handle.path;
  const size = handle.sizeSync();
  if (expected !== null && size !== expected.bytes) {
    throw corruption(`The table has ${size} bytes instead of ${expected.bytes}`, file, size);
  }
  if (size < HEADER_BYTES + FOOTER_BYTES) {
    throw corruption(`A file of ${size} bytes is too short for a table`, file, size);
  }
  const offset = Math.max(0, size - TAIL_BYTES);
  const tail: Tail = { bytes: readExactly(handle, offset, size - offset), offset };
  const footerAt = size - FOOTER_BYTES - offset;
  const footer = decodeFooter(tail.bytes.subarray(footerAt), size, file);
  checkIdentity(footer, expected, file);
  const id = footer.fileId;
  checkHeader(tailOrRead(handle, tail, { offset: 0, length: HEADER_BYTES }), id, file);
  const section = (block: BlockHandle, kind: number): Uint8Array =>
    checkSection(tailOrRead(handle, tail, block), kind, id, file, block.offset);
  const fields = decodeTableMetadata(
    section(footer.metadata, BlockKind.metadata),
    file,
    footer.metadata.offset,
  );
  const rangeTombstones =
    footer.rangeTombstones.length === 0
      ? []
      : decodeRangeTombstones(
          section(footer.rangeTombstones, BlockKind.rangeTombstones),
          footer.globalSequence,
          file,
          footer.rangeTombstones.offset,
        );
  if (fields.rangeTombstones !== rangeTombstones.length || fields.blocks !== footer.blocks) {
    throw corruption('The metadata of the table does not fit it', file, footer.metadata.offset);
  }
  const pointBytes = Math.max(0, footer.pointIndex.length - TRAILER_BYTES);
  const properties: TableProperties = {
    ...fields,
    fileId: formatFileId(id),
    bytes: size,
    pointIndex: {
      kind: footer.pointIndexKind,
      bytes: pointBytes,
      bitsPerKey: fields.keys === 0 ? 0 : (pointBytes * 8) / fields.keys,
    },
  };
  return { footer, properties, rangeTombstones };
}

/**
 * Reads what a table says about itself, without an environment.
 *
 * @throws LSM_MISSING, LSM_CORRUPTION, LSM_UNSUPPORTED_FORMAT, LSM_IO
 */
export function readTableProperties(fs: FileSystem, path: string): TableProperties {
  const handle = fs.openSync(path, 'read');
  try {
    return readTableEnds(handle, null).properties;
  } finally {
    handle.close();
  }
}

/** Reads a section other than a data block into a buffer of its own and checks it; returns the payload. */
export function readSection(
  handle: FileHandle,
  block: BlockHandle,
  kind: number,
  id: FileId,
): Uint8Array {
  const bytes = readExactly(handle, block.offset, block.length);
  return checkSection(bytes, kind, id, handle.path, block.offset);
}

/** As {@link readSection}, off the caller's thread. */
export async function readSectionAsync(
  handle: FileHandle,
  block: BlockHandle,
  kind: number,
  id: FileId,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(block.length);
  const count = await handle.read(bytes, 0, block.length, block.offset);
  if (count !== block.length) throw cutOff(handle.path, block.offset + count);
  return checkSection(bytes, kind, id, handle.path, block.offset);
}

/** Reads a stretch of the file that has to be there, into a new buffer. */
export function readExactly(handle: FileHandle, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  const count = handle.readSync(bytes, 0, length, offset);
  if (count !== length) throw cutOff(handle.path, offset + count);
  return bytes;
}

/** The error for a file that ends too soon. */
export function cutOff(file: string, offset: number): Error {
  return corruption('The file ends inside of the table', file, offset);
}

function tailOrRead(handle: FileHandle, tail: Tail, block: BlockHandle): Uint8Array {
  if (block.offset < tail.offset) return readExactly(handle, block.offset, block.length);
  const from = block.offset - tail.offset;
  return tail.bytes.subarray(from, from + block.length);
}

/** Checks an uncompressed block in `stored`; returns its payload as a part of it. */
export function checkSection(
  stored: Uint8Array,
  kind: number,
  id: FileId,
  file: string,
  offset: number,
): Uint8Array {
  const end = stored.length - 8;
  if (!matchesChecksum(stored, 0, end, id, offset, end)) {
    throw corruption('A block of the table is damaged', file, offset);
  }
  const rawLength = readWord(stored, end - 8);
  const padding = stored.length - TRAILER_BYTES - rawLength;
  const expected = TRANSFORM_NONE | (kind << 8) | (padding << 16);
  if (rawLength < 0 || padding < 0 || padding > 3 || readWord(stored, end - 4) !== expected) {
    throw corruption('A block of the table has an impossible trailer', file, offset);
  }
  return stored.subarray(0, rawLength);
}
