/** Shared by the tests of this package. */
import { type FileSystem, seededRandom } from '@lsm/core';
import { memoryFileSystem } from '@lsm/fs';
import type { ManifestStoreOptions, TableMetadata } from '../src/index.ts';

export const DIRECTORY = '/db';

export function freshDirectory(): FileSystem {
  const fs = memoryFileSystem();
  fs.makeDirectorySync(DIRECTORY);
  return fs;
}

export const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** A table from `min` to `max`; everything else is derived from its number. */
export function table(
  id: number,
  min: string,
  max: string | null,
  overrides: Partial<TableMetadata> = {},
): TableMetadata {
  return {
    id,
    fileId: (id + 0xabc00000).toString(16).padStart(16, '0'),
    bytes: 1000 * id,
    entries: 10 * id,
    minKey: text(min),
    maxKey: max === null ? null : text(max),
    minSequence: id,
    maxSequence: id + 100,
    pointTombstones: 0,
    rangeTombstones: 0,
    reclaimableBytes: 0,
    oldestTombstoneAt: null,
    oldestWriteAt: 1000.25,
    newestWriteAt: 2000,
    createdAt: 3000,
    filterBitsPerKey: 9.5,
    pointIndexKind: 'split-block',
    pointIndexBytes: 512,
    blockBytesMax: 4096,
    ...overrides,
  };
}

export function options(seed = 1): ManifestStoreOptions {
  return { random: seededRandom(seed), bootId: 'boot-a' };
}

/** Replaces a file's content. */
export function putFile(fs: FileSystem, path: string, bytes: Uint8Array): void {
  if (fs.statSync(path) !== null) fs.unlinkSync(path);
  const handle = fs.openSync(path, 'create');
  handle.writeSync(bytes, 0, bytes.length, 0);
  handle.close();
}
