/** Checksums of bytes that stand outside every kernels memory: headers, footers, sections, large values. */
import { ByteChecksum } from '@lsm/kernels';
import { type FileId, readWord, seedHigh, seedLow, writeWord } from './format.ts';

let shared: ByteChecksum | null = null;

/** Whether the xxh64 of `length` bytes from `offset`, bound to `position` of the file, is the one given. */
export function matchesChecksum(
  bytes: Uint8Array,
  offset: number,
  length: number,
  id: FileId,
  position: number,
  checksumOffset: number,
): boolean {
  shared ??= new ByteChecksum();
  shared.compute(bytes, offset, length, seedLow(id, position), seedHigh(id, position));
  return (
    shared.low === readWord(bytes, checksumOffset) &&
    shared.high === readWord(bytes, checksumOffset + 4)
  );
}

/** Writes the xxh64 of `length` bytes from `offset`, bound to `position` of the file, at `checksumOffset`. */
export function writeChecksum(
  bytes: Uint8Array,
  offset: number,
  length: number,
  id: FileId,
  position: number,
  checksumOffset: number,
): void {
  shared ??= new ByteChecksum();
  shared.compute(bytes, offset, length, seedLow(id, position), seedHigh(id, position));
  writeWord(bytes, checksumOffset, shared.low);
  writeWord(bytes, checksumOffset + 4, shared.high);
}
