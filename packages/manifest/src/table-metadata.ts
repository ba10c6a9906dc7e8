/** What the manifest keeps of a table, and its encoding. */
import { ByteReader, type ByteWriter, compareBytes, corruption } from '@lsm/core';

/** A table of the tree. Plain data; `TableInfo` of a strategy's snapshot is this and who is busy with it. */
export interface TableMetadata {
  /** Number of the table; its file is named by it. */
  readonly id: number;
  /** Random id in the file, 16 hexadecimal digits. */
  readonly fileId: string;
  /** Size of the file, bytes. */
  readonly bytes: number;
  /** Point entries, all versions and tombstones included. */
  readonly entries: number;
  /** Smallest user key, range tombstones included. */
  readonly minKey: Uint8Array;
  /** Largest user key, inclusive; `null`: a range tombstone has no upper end. */
  readonly maxKey: Uint8Array | null;
  readonly minSequence: number;
  readonly maxSequence: number;
  readonly pointTombstones: number;
  readonly rangeTombstones: number;
  /** Estimate of bytes elsewhere that its tombstones would free. */
  readonly reclaimableBytes: number;
  /** Ms since 1970; `null` if it holds no tombstone. */
  readonly oldestTombstoneAt: number | null;
  /** Ms since 1970. */
  readonly oldestWriteAt: number;
  readonly newestWriteAt: number;
  readonly createdAt: number;
  /** Encoded bits of the point index for each key. */
  readonly filterBitsPerKey: number;
  /** Name of the point index kind. */
  readonly pointIndexKind: string;
  /** Encoded bytes of the point index. */
  readonly pointIndexBytes: number;
  /** Largest raw data block that is meant for the cache, bytes. */
  readonly blockBytesMax: number;
}

/** Appends a table's metadata. */
export function writeTableMetadata(writer: ByteWriter, table: TableMetadata): void {
  writer
    .varint(table.id)
    .string(table.fileId)
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
    .varint(table.reclaimableBytes)
    .varint(table.oldestTombstoneAt === null ? 0 : wholeMs(table.oldestTombstoneAt) + 1)
    .varint(wholeMs(table.oldestWriteAt))
    .varint(wholeMs(table.newestWriteAt))
    .varint(wholeMs(table.createdAt))
    .varint(Math.round(table.filterBitsPerKey * 1000))
    .string(table.pointIndexKind)
    .varint(table.pointIndexBytes)
    .varint(table.blockBytesMax);
}

/** Reads a table's metadata; throws LSM_CORRUPTION if it is impossible. */
export function readTableMetadata(reader: ByteReader, file: string): TableMetadata {
  const id = reader.varint();
  const fileId = reader.string();
  const bytes = reader.varint();
  const entries = reader.varint();
  const minKey = reader.bytes();
  const maxKey = reader.u8() === 0 ? null : reader.bytes();
  const minSequence = reader.varint();
  const maxSequence = reader.varint();
  const pointTombstones = reader.varint();
  const rangeTombstones = reader.varint();
  const reclaimableBytes = reader.varint();
  const tombstoneAt = reader.varint();
  const table: TableMetadata = {
    id,
    fileId,
    bytes,
    entries,
    minKey,
    maxKey,
    minSequence,
    maxSequence,
    pointTombstones,
    rangeTombstones,
    reclaimableBytes,
    oldestTombstoneAt: tombstoneAt === 0 ? null : tombstoneAt - 1,
    oldestWriteAt: reader.varint(),
    newestWriteAt: reader.varint(),
    createdAt: reader.varint(),
    filterBitsPerKey: reader.varint() / 1000,
    pointIndexKind: reader.string(),
    pointIndexBytes: reader.varint(),
    blockBytesMax: reader.varint(),
  };
  if (!/^[0-9a-f]{16}$/.test(fileId) || (maxKey !== null && compareBytes(minKey, maxKey) > 0)) {
    throw corruption(`The record of table ${id} is impossible`, file);
  }
  return table;
}

/** A clock before 1970 or with fractions must not stop a commit: times are only for statistics. */
function wholeMs(time: number): number {
  return Number.isFinite(time) ? Math.max(0, Math.floor(time)) : 0;
}
