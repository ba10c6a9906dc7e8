/**
 * Decoder of the LZ4 block format: the twin of `assembly/lz4-decode.ts`, where the layout and the invariants stand.
 */

/**
 * Decodes `length` bytes at `source` into exactly `rawLength` bytes at `target`.
 *
 * @returns false if the input is impossible; then the target region holds rubbish. Touches nothing outside the regions
 */
export function lz4Decode(
  bytes: Uint8Array,
  source: number,
  length: number,
  target: number,
  rawLength: number,
): boolean {
  const sourceEnd = source + length;
  const targetEnd = target + rawLength;
  const targetStart = target;
  while (source < sourceEnd) {
    const token = bytes[source++]!;
    let count = token >>> 4;
    if (count === 15) {
      const end = lengthEnd(bytes, source, sourceEnd);
      if (end === 0) return false;
      count = addLength(bytes, source, end, count);
      source = end;
    }
    if (count > sourceEnd - source || count > targetEnd - target) return false;
    bytes.copyWithin(target, source, source + count);
    source += count;
    target += count;
    if (source === sourceEnd) return target === targetEnd;

    if (sourceEnd - source < 2) return false;
    const distance = bytes[source]! | (bytes[source + 1]! << 8);
    source += 2;
    if (distance === 0 || distance > target - targetStart) return false;
    count = (token & 15) + 4;
    if (count === 19) {
      const end = lengthEnd(bytes, source, sourceEnd);
      if (end === 0) return false;
      count = addLength(bytes, source, end, count);
      source = end;
    }
    if (count > targetEnd - target) return false;
    for (const end = target + count; target < end; target++) {
      bytes[target] = bytes[target - distance]!;
    }
  }
  return false;
}

/** Offset after the bytes of a long length, 0 if the input ends within them. */
function lengthEnd(bytes: Uint8Array, source: number, sourceEnd: number): number {
  while (source < sourceEnd) {
    if (bytes[source++] !== 255) return source;
  }
  return 0;
}

function addLength(bytes: Uint8Array, source: number, end: number, count: number): number {
  return count + (end - 1 - source) * 255 + bytes[end - 1]!;
}
