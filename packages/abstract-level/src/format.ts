/**
 * The three formats in which abstract-level takes and gives keys and values. Strings go down as they are (the engine
 * encodes them straight into its memtable); results come up as bytes and are turned into the format asked for.
 */
import type { Bytes } from '@lsm/engine';

/** Name of a format: what `keyEncoding` and `valueEncoding` mean below abstract-level's encodings. */
export type Format = 'utf8' | 'buffer' | 'view';

/** Whether results come as `Buffer`s; elsewhere abstract-level transcodes `buffer` to `view`. */
export const HAS_BUFFER: boolean = typeof Buffer !== 'undefined';

// A byte order mark at the start of a value is data.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Turns owned bytes into one format. */
export type Shape = (bytes: Uint8Array) => Bytes;

/** The function for a format. */
export function shapeOf(format: Format): Shape {
  if (format === 'utf8') return asText;
  return format === 'view' ? asView : asBuffer;
}

function asText(bytes: Uint8Array): string {
  if (HAS_BUFFER && Buffer.isBuffer(bytes)) return bytes.toString('utf8');
  return decoder.decode(bytes);
}

/** A plain Uint8Array: `slice` of a Buffer would not copy. */
function asView(bytes: Uint8Array): Uint8Array {
  if (bytes.constructor === Uint8Array) return bytes;
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function asBuffer(bytes: Uint8Array): Uint8Array {
  if (Buffer.isBuffer(bytes)) return bytes;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
