/**
 * `CURRENT`: the pointer to the manifest in force, and the names of manifests.
 *
 * ```
 * MANIFEST-<number, 6 digits or more> <file id, 16 hex digits> <xxh64 of all before this blank, 16 hex digits>\n
 * ```
 * It is only ever replaced as a whole: written beside, synced, renamed over, directory synced. So whatever else stands
 * there is damage.
 */
import { corruption, type FileSystem, LsmError } from '@lsm/core';
import { joinPath, writeFileDurably } from '@lsm/fs';
import { ByteChecksum } from '@lsm/kernels';
import type { SegmentIdentity } from '@lsm/wal';

/** Name of the pointer. */
export const CURRENT_NAME = 'CURRENT';

const BYTES_MAX = 128;
const POINTER = /^(MANIFEST-(\d{6,10}) ([0-9a-f]{8})([0-9a-f]{8})) ([0-9a-f]{16})\n$/;
const MANIFEST = /^MANIFEST-(\d{6,10})$/;

/** File name of a manifest. */
export function manifestName(number: number): string {
  return `MANIFEST-${String(number).padStart(6, '0')}`;
}

/** Number of a manifest by its file name; −1 for other files. */
export function manifestNumber(name: string): number {
  const match = MANIFEST.exec(name);
  return match === null ? -1 : Number(match[1]);
}

/**
 * Reads the pointer.
 *
 * @throws LSM_MISSING if there is none; LSM_CORRUPTION if it isn't one; LSM_UNSUPPORTED_FORMAT if it is that of another
 *   software
 */
export function readCurrent(fs: FileSystem, directory: string): SegmentIdentity {
  const path = joinPath(directory, CURRENT_NAME);
  const handle = fs.openSync(path, 'read');
  let text: string;
  try {
    const bytes = new Uint8Array(BYTES_MAX);
    const count = handle.readSync(bytes, 0, BYTES_MAX, 0);
    text = String.fromCharCode(...bytes.subarray(0, count));
  } finally {
    handle.close();
  }
  const match = POINTER.exec(text);
  if (match === null || checksumText(match[1]!) !== match[5]) throw notPointer(text, path);
  return {
    number: Number(match[2]),
    idHigh: Number.parseInt(match[3]!, 16) | 0,
    idLow: Number.parseInt(match[4]!, 16) | 0,
  };
}

/** Makes a manifest the one in force, durably. Until this returns, either the old or the new one is. */
export function publishCurrent(fs: FileSystem, directory: string, manifest: SegmentIdentity): void {
  const text = `${manifestName(manifest.number)} ${hex32(manifest.idHigh)}${hex32(manifest.idLow)}`;
  const bytes = new TextEncoder().encode(`${text} ${checksumText(text)}\n`);
  writeFileDurably(fs, joinPath(directory, CURRENT_NAME), bytes);
}

function notPointer(text: string, path: string): LsmError {
  if (/^MANIFEST-\d+\n$/.test(text)) {
    return new LsmError('LSM_UNSUPPORTED_FORMAT', 'This is a database of LevelDB or RocksDB', {
      file: path,
    });
  }
  const found = text === '' ? 'is empty' : 'does not name a manifest';
  return corruption(`The pointer to the manifest ${found}`, path, 0);
}

function checksumText(text: string): string {
  const bytes = new TextEncoder().encode(text);
  const checksum = new ByteChecksum();
  checksum.compute(bytes, 0, bytes.length, 0, 0);
  return hex32(checksum.high) + hex32(checksum.low);
}

function hex32(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}
