/**
 * The header that every encoded point index but `none` starts with (docs/formats/filter.md), little-endian:
 *
 *     0  u8   kind's number           4  u32  keys added
 *     1  u8   encoding version, 1     8  u32  size      ┐ meaning by kind
 *     2  u8   first   ┐ meaning      12  u32  extra     ┘
 *     3  u8   second  ┘ by kind      16  …    body, a multiple of 4 bytes
 *
 * Invariant: whatever the bytes are, a reader that `open` returns stays within them and every probe ends. Bodies are
 * covered by the table's checksum; the checks here are for bytes that pass it and are nonsense all the same.
 */
import { corruption, LsmError, type PointIndexKindName } from '@lsm/core';

/**
 * Bytes before the body. Large buffers of the platform start 16 bytes into a page, so that with this header a 32-byte
 * block of `split-block` stays within one cache line.
 */
export const HEADER_BYTES = 16;
/** Most bits of a filter's body: positions stay signed 32-bit integers. */
export const BODY_BITS_MAX = 0x7fff_ffff;

const ENCODING_VERSION = 1;

/** What a header says besides kind and version. */
export interface Header {
  readonly first: number;
  readonly second: number;
  readonly keys: number;
  readonly size: number;
  readonly extra: number;
}

/** Allocates an encoding with its header written and its body zero. */
export function allocateEncoding(id: number, header: Header, bodyBytes: number): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + bodyBytes);
  bytes[0] = id;
  bytes[1] = ENCODING_VERSION;
  bytes[2] = header.first;
  bytes[3] = header.second;
  const words = bodyWords(bytes, 4);
  words[0] = header.keys;
  words[1] = header.size;
  words[2] = header.extra;
  return bytes;
}

/**
 * Reads the header of an encoding.
 *
 * @throws LSM_CORRUPTION if the bytes are of another kind or no multiple of 4; LSM_UNSUPPORTED_FORMAT for another
 * version
 */
export function readHeader(bytes: Uint8Array, id: number, name: PointIndexKindName): Header {
  if (bytes.length < HEADER_BYTES || bytes.length % 4 !== 0) {
    throw corruption(`A point index of kind ${name} cannot have ${bytes.length} bytes`);
  }
  if (bytes[0] !== id) {
    throw corruption(`A point index says kind ${bytes[0]} where ${name} (${id}) is expected`);
  }
  if (bytes[1] !== ENCODING_VERSION) {
    throw new LsmError(
      'LSM_UNSUPPORTED_FORMAT',
      `A point index of kind ${name} has encoding version ${bytes[1]}; this software knows ${ENCODING_VERSION}.`,
    );
  }
  const words = bodyWords(bytes.subarray(0, HEADER_BYTES), 4);
  return {
    first: bytes[2]!,
    second: bytes[3]!,
    keys: words[0]! >>> 0,
    size: words[1]! >>> 0,
    extra: words[2]! >>> 0,
  };
}

/** The bytes from `offset` to the end as words: a view where the alignment allows one, else of a copy. */
export function bodyWords(bytes: Uint8Array, offset: number = HEADER_BYTES): Int32Array {
  const start = bytes.byteOffset + offset;
  if (start % 4 === 0) return new Int32Array(bytes.buffer, start, (bytes.length - offset) >> 2);
  return new Int32Array(bytes.slice(offset).buffer);
}

/** Throws LSM_CORRUPTION with `sentence` unless `condition` holds. */
export function check(condition: boolean, sentence: string): void {
  if (!condition) throw corruption(sentence);
}
