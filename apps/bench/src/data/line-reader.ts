/** Lines of a file as bytes, with their numbers, read as a stream; ends with LF or CRLF, the last end is optional. */
import { createReadStream } from 'node:fs';

/** One line. */
export interface Line {
  /** From 1. */
  readonly number: number;
  /** Without its end; a copy of its own. */
  readonly bytes: Uint8Array;
}

const LF = 10;
const CR = 13;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

/** Reads the lines of chunks of bytes. A byte order mark at the start is dropped. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Line> {
  let parts: Uint8Array[] = [];
  let number = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, start)) {
      parts.push(chunk.subarray(start, end));
      yield finishLine(parts, ++number);
      parts = [];
      start = end + 1;
    }
    if (start < chunk.length) parts.push(chunk.subarray(start));
  }
  if (parts.length > 0) yield finishLine(parts, ++number);
}

/** Reads the lines of a file. */
export function linesOfFile(path: string): AsyncGenerator<Line> {
  return linesOf(createReadStream(path, { highWaterMark: 1 << 18 }));
}

function finishLine(parts: readonly Uint8Array[], number: number): Line {
  let bytes = new Uint8Array(Buffer.concat(parts));
  if (bytes.at(-1) === CR) bytes = bytes.subarray(0, -1);
  if (number === 1 && BYTE_ORDER_MARK.every((byte, i) => bytes[i] === byte)) {
    bytes = bytes.subarray(BYTE_ORDER_MARK.length);
  }
  return { number, bytes };
}
