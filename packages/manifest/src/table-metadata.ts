/**
 * What the manifest keeps about a table: enough to plan, to find keys and to recognise the file, without opening it.
 *
 * ```
 * encoded (v = varint, b = length as varint and bytes, f = 64-bit float, little-endian):
 *   v keyspace · v number · 8 bytes file id (low word first) · v bytes · v entries · b smallest key
 *   u8 1 and b largest key, or u8 0: no upper end · v smallest sequence · v largest sequence
 *   v point tombstones · v range tombstones · v reclaimable bytes · f oldest write · f newest write · f created
 *   u8 1 and f oldest tombstone, or u8 0 · f filter bits per key · b point index kind · v point index bytes
 *   v largest cacheable block · tagged fields to the end (see tagged-fields.ts; none are defined yet)
 * ```
 */
import {
  type ByteReader,
  ByteWriter,
  compareBytes,
  LsmError,
  type PointIndexKindName,
  type TableInfo,
} from '@lsm/core';
import { readFlag, readFloat, skipUnknownFields, writeFloat } from './tagged-fields.ts';

/** One table of the tree; plain data, immutable. Field by field a {@link TableInfo}, and what readers need. */
export interface TableMetadata extends Omit<TableInfo, 'busyBy'> {
  /** Keyspace of its entries; absent = 0, the default one and the only one in use. */
  readonly keyspace?: number;
  /** Random id of the file, 16 hexadecimal digits, high word first. */
  readonly fileId: string;
  readonly pointIndexKind: PointIndexKindName;
  /** Bytes of the encoded point index. */
  readonly pointIndexBytes: number;
  /** Largest raw data block that is meant for the cache, bytes. */
  readonly blockBytesMax: number;
}

const KNOWN_KINDS: readonly PointIndexKindName[] = [
  'none',
  'bloom',
  'split-block',
  'fuse8',
  'hash-index',
];

/** Encodes a table's metadata. */
export function encodeTable(table: TableMetadata): Uint8Array {
  const writer = new ByteWriter()
    .varint(table.keyspace ?? 0)
    .varint(table.id)
    .u32(Number.parseInt(table.fileId.slice(8), 16))
    .u32(Number.parseInt(table.fileId.slice(0, 8), 16))
    .varint(table.bytes)
    .varint(table.entries)
    .bytes(table.minKey);
  if (table.maxKey === null) writer.u8(0);
  else writer.u8(1).bytes(table.maxKey);
  writer
    .varint(table.minSequence)
    .varint(table.maxSequence)
    .varint(table.pointTombstones)
    .varint(table.rangeTombstones)
    .varint(table.reclaimableBytes);
  writeFloat(writer, table.oldestWriteAt);
  writeFloat(writer, table.newestWriteAt);
  writeFloat(writer, table.createdAt);
  if (table.oldestTombstoneAt === null) writer.u8(0);
  else writeFloat(writer.u8(1), table.oldestTombstoneAt);
  writeFloat(writer, table.filterBitsPerKey);
  return writer
    .string(table.pointIndexKind)
    .varint(table.pointIndexBytes)
    .varint(table.blockBytesMax)
    .finish();
}

/**
 * Decodes a table's metadata up to the end of the reader.
 *
 * @throws LSM_CORRUPTION if the bytes are impossible; LSM_UNSUPPORTED_FORMAT for an unknown point index or a field
 *   that must be understood
 */
export function decodeTable(reader: ByteReader, file: string | undefined): TableMetadata {
  const keyspace = reader.varint();
  const id = reader.varint();
  const low = reader.u32();
  const high = reader.u32();
  const table = {
    ...(keyspace === 0 ? {} : { keyspace }),
    id,
    fileId: hex32(high) + hex32(low),
    bytes: reader.varint(),
    entries: reader.varint(),
    minKey: reader.bytes(),
    maxKey: readFlag(reader, file) ? reader.bytes() : null,
    minSequence: reader.varint(),
    maxSequence: reader.varint(),
    pointTombstones: reader.varint(),
    rangeTombstones: reader.varint(),
    reclaimableBytes: reader.varint(),
    oldestWriteAt: readFloat(reader),
    newestWriteAt: readFloat(reader),
    createdAt: readFloat(reader),
    oldestTombstoneAt: readFlag(reader, file) ? readFloat(reader) : null,
    filterBitsPerKey: readFloat(reader),
    pointIndexKind: requireKind(reader.string(), file),
    pointIndexBytes: reader.varint(),
    blockBytesMax: reader.varint(),
  };
  skipUnknownFields(reader, file);
  return table;
}

/** Why a table's metadata can't be, or `null` if it can. */
export function faultOfTable(table: TableMetadata): string | null {
  const { minKey, maxKey, minSequence, maxSequence } = table;
  if (maxKey !== null && compareBytes(minKey, maxKey) > 0) return 'its smallest key is the larger';
  if (minSequence > maxSequence) return 'its smallest sequence number is the larger';
  if (table.entries === 0 && table.rangeTombstones === 0) return 'it is empty';
  if (!/^[0-9a-f]{16}$/.test(table.fileId)) return 'its file id is not 16 hexadecimal digits';
  return null;
}

function requireKind(name: string, file: string | undefined): PointIndexKindName {
  const kind = KNOWN_KINDS.find((known) => known === name);
  if (kind !== undefined) return kind;
  throw new LsmError(
    'LSM_UNSUPPORTED_FORMAT',
    `A table has a point index of kind ${JSON.stringify(name)}; use a newer version of this software`,
    { file },
  );
}

function hex32(word: number): string {
  return word.toString(16).padStart(8, '0');
}
