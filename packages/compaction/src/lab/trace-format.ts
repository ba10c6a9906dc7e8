/**
 * Layout of a trace file, and its checksum. docs/formats/trace.md has the same with words.
 *
 * ```
 * preamble   magic u32 · version u32 · id u32 u32 · check u32 u32                            24 bytes
 * chunk      kind u8, zero u8 u8 u8 · payload length u32 · number u32 · head check u32       16 bytes
 *            payload · check u32 u32
 * operations count u32 · start f64 · end f64 · shared u8 · sketch u8, zero u8 u8             24 bytes
 *            shared bytes · kinds u8[] · identities u32[] · sketches u8[][] · sizes varint[]
 * ```
 * The checks are the two lanes of the key hash, which is fixed for ever, seeded with the file's id and the number of the
 * chunk: so chunks are neither moved nor taken from other files. Each step of the hash is a bijection of its state, so
 * a single changed word never goes unnoticed.
 */
import { KeyHasher } from '@lsm/core';

/** `LSTR`, little-endian. */
export const TRACE_MAGIC = 0x5254534c;
export const TRACE_VERSION = 1;
export const PREAMBLE_BYTES = 24;
export const CHUNK_HEAD_BYTES = 16;
export const CHECK_BYTES = 8;
export const OPERATIONS_HEAD_BYTES = 24;
/** Most bytes that the keys of a chunk are said to share. */
export const SHARED_BYTES_MAX = 255;
/** Most bytes of a key behind the shared ones. */
export const SKETCH_BYTES_MAX = 64;

/** Kinds of chunks. On disk: never renumber. */
export const ChunkKind = { header: 1, operations: 2, end: 3 } as const;

/** Random number of a file. */
export type TraceId = readonly [low: number, high: number];

/** A checksum. */
export interface TraceCheck {
  readonly low: number;
  readonly high: number;
}

/**
 * The checksum of a part of a file.
 *
 * @param bytes - borrowed
 * @param id - of the file
 * @param number - of the chunk, from 1; 0 for the preamble
 */
export function traceCheck(bytes: Uint8Array, id: TraceId, number: number): TraceCheck {
  const padded = new Uint8Array((bytes.length + 3) & ~3);
  padded.set(bytes);
  const hasher = new KeyHasher([id[0] ^ number, id[1]]);
  hasher.hash(new Int32Array(padded.buffer), 0, bytes.length);
  return { low: hasher.low >>> 0, high: hasher.high >>> 0 };
}
