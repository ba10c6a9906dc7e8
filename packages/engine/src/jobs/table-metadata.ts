/** From what a table builder reports to what the manifest keeps. */
import { POINT_INDEX_KINDS } from '@lsm/bloom';
import type { TableMetadata } from '@lsm/manifest';
import type { TableProperties } from '@lsm/sstable';

/** The manifest's record of a finished table. */
export function metadataOf(id: number, properties: TableProperties): TableMetadata {
  const { pointIndex, pointTombstones, rangeTombstones, entries, bytes } = properties;
  const kind = POINT_INDEX_KINDS.find((candidate) => candidate.id === pointIndex.kind)!;
  const hasTombstones = pointTombstones + rangeTombstones > 0;
  return {
    id,
    fileId: properties.fileId,
    bytes,
    entries,
    minKey: properties.minKey,
    maxKey: properties.maxKey,
    minSequence: properties.minSequence,
    maxSequence: properties.maxSequence,
    pointTombstones,
    rangeTombstones,
    // Each point tombstone is assumed to hide one entry of average size.
    reclaimableBytes: entries === 0 ? 0 : Math.round((pointTombstones / entries) * bytes),
    oldestTombstoneAt: hasTombstones ? properties.oldestTombstoneAt : null,
    oldestWriteAt: properties.oldestWriteAt,
    newestWriteAt: properties.newestWriteAt,
    createdAt: properties.createdAt,
    filterBitsPerKey: pointIndex.bitsPerKey,
    pointIndexKind: kind.name,
    pointIndexBytes: pointIndex.bytes,
    blockBytesMax: properties.blockBytesMax,
  };
}
