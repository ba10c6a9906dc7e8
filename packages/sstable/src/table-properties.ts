/**
 * What a table says about itself, and the metadata block that keeps it.
 *
 * ```
 * metadata payload, in this order (v = LEB128 varint, b = length as varint and bytes):
 *   v entries · v point tombstones · v range tombstones · v distinct keys · v key bytes · v value bytes
 *   v data blocks · v largest cacheable block, bytes
 *   b smallest key · u8 1 and b largest key, or u8 0: the table reaches to the end of all keys
 *   v smallest sequence · v largest sequence
 *   v keyspace · v oldest write ms · v newest write ms · v created ms · v oldest tombstone ms + 1, or 0
 *   v smallest expiry ms, 0 = none · v largest expiry ms, 0 = none · v referenced value files (0)
 * ```
 */
import { ByteReader, ByteWriter, compareBytes, corruption } from '@lsm/core';

/** When the writes of a table happened, by the clock of the engine. */
export interface TableTimes {
  /** Ms since 1970 of the oldest write in the table. */
  readonly oldestWriteAt: number;
  /** Ms since 1970 of the newest write in the table. */
  readonly newestWriteAt: number;
  /** Ms since 1970 when the file was made. */
  readonly createdAt: number;
  /** Ms since 1970 of the oldest tombstone; `null` if there is none. */
  readonly oldestTombstoneAt: number | null;
}

/** The point index of a table. */
export interface PointIndexProperties {
  /** Number of the kind, as in `PointIndexKind.id`; 0 is none. */
  readonly kind: number;
  /** Encoded bytes. */
  readonly bytes: number;
  /** Encoded bits for each distinct key. */
  readonly bitsPerKey: number;
}

/** What a table says about itself. Plain data. */
export interface TableProperties extends TableTimes {
  /** Random id of the file, 16 hexadecimal digits. */
  readonly fileId: string;
  /** Size of the file, bytes. */
  readonly bytes: number;
  /** Point entries, all versions and tombstones included. */
  readonly entries: number;
  /** Distinct user keys among the entries. */
  readonly keys: number;
  /** Smallest user key, range tombstones included. */
  readonly minKey: Uint8Array;
  /** Largest user key, inclusive, range tombstones included; `null`: one of them has no upper end. */
  readonly maxKey: Uint8Array | null;
  readonly minSequence: number;
  readonly maxSequence: number;
  /** Entries that are point deletes. */
  readonly pointTombstones: number;
  readonly rangeTombstones: number;
  /** Data blocks. */
  readonly blocks: number;
  /** Largest raw data block, trailer included, among those that are no larger than `blockBytes`: a cache frame. */
  readonly blockBytesMax: number;
  readonly pointIndex: PointIndexProperties;
  /** Bytes of all keys and values. */
  readonly rawBytes: number;
  /** Bytes of all keys. */
  readonly keyBytes: number;
  /** Keyspace of the entries; 0 is the default one. */
  readonly keyspace: number;
}

/** The part of the properties that stands in the metadata block. */
export type TableMetadataFields = Omit<TableProperties, 'fileId' | 'bytes' | 'pointIndex'>;

/** Encodes the metadata payload. */
export function encodeTableMetadata(fields: TableMetadataFields): Uint8Array {
  const writer = new ByteWriter()
    .varint(fields.entries)
    .varint(fields.pointTombstones)
    .varint(fields.rangeTombstones)
    .varint(fields.keys)
    .varint(fields.keyBytes)
    .varint(fields.rawBytes - fields.keyBytes)
    .varint(fields.blocks)
    .varint(fields.blockBytesMax)
    .bytes(fields.minKey);
  if (fields.maxKey === null) writer.u8(0);
  else writer.u8(1).bytes(fields.maxKey);
  return writer
    .varint(fields.minSequence)
    .varint(fields.maxSequence)
    .varint(fields.keyspace)
    .varint(wholeMs(fields.oldestWriteAt))
    .varint(wholeMs(fields.newestWriteAt))
    .varint(wholeMs(fields.createdAt))
    .varint(fields.oldestTombstoneAt === null ? 0 : wholeMs(fields.oldestTombstoneAt) + 1)
    .varint(0)
    .varint(0)
    .varint(0)
    .finish();
}

/** A clock that runs before 1970 or in fractions must not stop a flush: times are only for statistics. */
function wholeMs(time: number): number {
  return Number.isFinite(time)
    ? Math.max(0, Math.min(Math.floor(time), Number.MAX_SAFE_INTEGER - 1))
    : 0;
}

/**
 * Decodes a metadata payload whose checksum was right.
 *
 * @param file - path, for errors
 * @param base - offset of the payload in the file, for errors
 * @throws LSM_CORRUPTION if the fields are impossible
 */
export function decodeTableMetadata(
  payload: Uint8Array,
  file: string,
  base: number,
): TableMetadataFields {
  const reader = new ByteReader(payload, file, base);
  const entries = reader.varint();
  const pointTombstones = reader.varint();
  const rangeTombstones = reader.varint();
  const keys = reader.varint();
  const keyBytes = reader.varint();
  const rawBytes = keyBytes + reader.varint();
  const blocks = reader.varint();
  const blockBytesMax = reader.varint();
  const minKey = reader.bytes();
  const maxKey = reader.u8() === 0 ? null : reader.bytes();
  const minSequence = reader.varint();
  const maxSequence = reader.varint();
  const keyspace = reader.varint();
  const oldestWriteAt = reader.varint();
  const newestWriteAt = reader.varint();
  const createdAt = reader.varint();
  const oldestTombstoneAt = reader.varint();
  for (let i = 0; i < 3; i++) reader.varint();
  reader.end();
  if (
    keys > entries ||
    pointTombstones > entries ||
    blocks > entries ||
    minSequence > maxSequence ||
    (maxKey !== null && compareBytes(minKey, maxKey) > 0)
  ) {
    throw corruption('The metadata of the table contradicts itself', file, base);
  }
  return {
    entries,
    pointTombstones,
    rangeTombstones,
    keys,
    keyBytes,
    rawBytes,
    blocks,
    blockBytesMax,
    minKey,
    maxKey,
    minSequence,
    maxSequence,
    keyspace,
    oldestWriteAt,
    newestWriteAt,
    createdAt,
    oldestTombstoneAt: oldestTombstoneAt === 0 ? null : oldestTombstoneAt - 1,
  };
}
