/**
 * Order and arithmetic of keys as unsigned byte strings.
 *
 * Two forms of the same comparison live here: one for whole `Uint8Array`s (cold paths) and one for keys that stand
 * at 4-byte aligned offsets of a memory (hot paths), which compares a word at a time. Every format of this system
 * aligns keys to 4 bytes for that reason. Words are little-endian; big-endian machines are refused at import.
 */
import { invalidArgument, LsmError } from './errors.ts';

if (new Uint8Array(new Uint32Array([1]).buffer)[0] !== 1) {
  throw new LsmError('LSM_UNSUPPORTED_FORMAT', 'Big-endian machines are not supported.');
}

/** What the public API accepts as a key or a value: bytes, or a well-formed string, stored as UTF-8. */
export type Bytes = Uint8Array | string;

/** The empty byte string. */
export const EMPTY_BYTES: Uint8Array = new Uint8Array(0);

/** Longest key, bytes. */
export const KEY_BYTES_MAX = 65_535;
/** Longest value, bytes: 1 GiB − 1. */
export const VALUE_BYTES_MAX = 0x3fff_ffff;
/** Largest batch, bytes of its frame: 1 GiB. */
export const BATCH_BYTES_MAX = 0x4000_0000;

const encoder = new TextEncoder();

/**
 * Compares two keys as unsigned bytes; a prefix sorts before what it is a prefix of.
 *
 * @returns a negative number, 0 or a positive number
 */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = a.length < b.length ? a.length : b.length;
  for (let i = 0; i < length; i++) {
    const difference = a[i]! - b[i]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** Whether two byte strings are equal. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && compareBytes(a, b) === 0;
}

/** Length of the longest common prefix of two byte strings. */
export function sharedPrefixLength(a: Uint8Array, b: Uint8Array): number {
  const length = a.length < b.length ? a.length : b.length;
  let i = 0;
  while (i < length && a[i] === b[i]) i++;
  return i;
}

/**
 * Compares two keys that stand at 4-byte aligned offsets, a word at a time.
 *
 * @param aWords - memory of the first key; must extend to the end of the key's last word
 * @param aOffset - byte offset of the first key, a multiple of 4
 * @param aLength - bytes of the first key
 * @param bWords - memory of the second key
 * @param bOffset - byte offset of the second key, a multiple of 4
 * @param bLength - bytes of the second key
 * @returns a negative number, 0 or a positive number
 */
export function compareAligned(
  aWords: Int32Array,
  aOffset: number,
  aLength: number,
  bWords: Int32Array,
  bOffset: number,
  bLength: number,
): number {
  const length = aLength < bLength ? aLength : bLength;
  let i = aOffset >> 2;
  let j = bOffset >> 2;
  const end = i + (length >> 2);
  while (i < end) {
    const difference = aWords[i]! ^ bWords[j]!;
    if (difference !== 0) return compareFirstDifference(aWords[i]!, bWords[j]!, difference);
    i++;
    j++;
  }
  const rest = length & 3;
  if (rest !== 0) {
    const mask = (1 << (rest << 3)) - 1;
    const difference = (aWords[i]! ^ bWords[j]!) & mask;
    if (difference !== 0) return compareFirstDifference(aWords[i]!, bWords[j]!, difference);
  }
  return aLength - bLength;
}

/** Orders two words by the lowest byte in which they differ; `difference` is the (masked) xor of the two, not 0. */
function compareFirstDifference(a: number, b: number, difference: number): number {
  const shift = (31 - Math.clz32(difference & -difference)) & 24;
  return ((a >>> shift) & 255) - ((b >>> shift) & 255);
}

/** Whether two keys at 4-byte aligned offsets are equal; parameters as in {@link compareAligned}. */
export function equalAligned(
  aWords: Int32Array,
  aOffset: number,
  aLength: number,
  bWords: Int32Array,
  bOffset: number,
  bLength: number,
): boolean {
  if (aLength !== bLength) return false;
  let i = aOffset >> 2;
  let j = bOffset >> 2;
  const end = i + (aLength >> 2);
  while (i < end) {
    if (aWords[i++] !== bWords[j++]) return false;
  }
  const rest = aLength & 3;
  if (rest === 0) return true;
  return ((aWords[i]! ^ bWords[j]!) & ((1 << (rest << 3)) - 1)) === 0;
}

/** The smallest key above `key` among keys of at most {@link KEY_BYTES_MAX} bytes; `null` if there is none. */
export function keySuccessor(key: Uint8Array): Uint8Array | null {
  if (key.length < KEY_BYTES_MAX) {
    const next = new Uint8Array(key.length + 1);
    next.set(key);
    return next;
  }
  return prefixSuccessor(key);
}

/** The smallest key above every key that starts with `prefix`; `null` if there is none (empty, or all 0xff). */
export function prefixSuccessor(prefix: Uint8Array): Uint8Array | null {
  let length = prefix.length;
  while (length > 0 && prefix[length - 1] === 0xff) length--;
  if (length === 0) return null;
  // Not slice(): that of a Buffer shares its memory.
  const next = copyBytes(prefix, 0, length);
  next[length - 1]!++;
  return next;
}

/**
 * Turns a key or value of the public API into bytes.
 *
 * @param source - bytes are returned as they are (not copied); a string becomes its UTF-8 form
 * @param what - the word for it in an error message
 * @throws LSM_INVALID_ARGUMENT for another type, or a string with lone surrogates
 */
export function toBytes(source: Bytes, what: string): Uint8Array {
  if (source instanceof Uint8Array) return source;
  if (typeof source !== 'string') {
    throw invalidArgument(
      `The ${what} is of type ${source === null ? 'null' : typeof source}; give a Uint8Array or a string.`,
    );
  }
  if (!source.isWellFormed()) throw illFormed(what);
  return encoder.encode(source);
}

/** The error for a string that has no UTF-8 form. */
export function illFormed(what: string): LsmError {
  return invalidArgument(
    `The ${what} holds a lone surrogate and has no UTF-8 form; give bytes, or call toWellFormed() first.`,
  );
}

/** A copy of `length` bytes of `source` from `offset`, in an `ArrayBuffer` of its own. */
export function copyBytes(source: Uint8Array, offset: number, length: number): Uint8Array {
  const copy = new Uint8Array(length);
  copy.set(source.subarray(offset, offset + length));
  return copy;
}

/** Joins byte strings into a new one. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/**
 * A short printable form of a key for messages: quoted text when it is plain ASCII, else hexadecimal; cut at 32 bytes.
 */
export function formatKey(key: Uint8Array): string {
  const shown = key.subarray(0, 32);
  const printable = shown.every((byte) => byte >= 0x20 && byte < 0x7f);
  const text = printable
    ? JSON.stringify(String.fromCharCode(...shown))
    : `0x${Array.from(shown, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
  return key.length > 32 ? `${text}… (${key.length} bytes)` : text;
}
