/**
 * Encoder of the LZ4 block format: the twin of `assembly/lz4-encode.ts`, where the algorithm stands.
 *
 * I1. For the same input and capacity both write the same bytes: hash, table size, order of look-ups, steps and the
 *     estimate that decides "doesn't fit" are the same.
 */
const HASH = 0x9e3779b1 | 0;
const LITERAL_TAIL = 5;
const MATCH_START_TAIL = 12;
const SKIP_BITS = 6;
const DISTANCE_MAX = 65_535;

const table = new Int32Array(8192);

function tableBits(length: number): number {
  if (length <= 2048) return 10;
  if (length <= 8192) return 11;
  return length <= 32_768 ? 12 : 13;
}

/**
 * Encodes `length` bytes at `source` into at most `capacity` bytes at `target`.
 *
 * @returns bytes written, or −1 if they don't fit
 */
export function lz4Encode(
  bytes: Uint8Array,
  source: number,
  length: number,
  target: number,
  capacity: number,
): number {
  const end = source + length;
  const targetEnd = target + capacity;
  let output = target;
  let anchor = source;
  if (length > MATCH_START_TAIL) {
    const shift = 32 - tableBits(length);
    table.fill(0, 0, 1 << (32 - shift));
    const startLimit = end - MATCH_START_TAIL;
    let position = source + 1;
    let tries = 1 << SKIP_BITS;
    while (position <= startLimit) {
      const word = wordAt(bytes, position);
      const slot = Math.imul(word, HASH) >>> shift;
      let match = source + table[slot]!;
      table[slot] = position - source;
      if (position - match > DISTANCE_MAX || wordAt(bytes, match) !== word) {
        position += tries++ >> SKIP_BITS;
        continue;
      }
      while (position > anchor && match > source && bytes[position - 1] === bytes[match - 1]) {
        position--;
        match--;
      }
      const literals = position - anchor;
      const more = matchLength(bytes, position + 4, match + 4, end - LITERAL_TAIL);
      const estimate = literals + Math.floor(literals / 255) + Math.floor(more / 255) + 5;
      if (targetEnd - output < estimate) return -1;
      output = writeLiterals(bytes, output, anchor, literals, Math.min(more, 15));
      bytes[output++] = position - match;
      bytes[output++] = (position - match) >> 8;
      if (more >= 15) output = writeMore(bytes, output, more - 15);
      position += more + 4;
      anchor = position;
      tries = 1 << SKIP_BITS;
      if (position <= startLimit) {
        const seen = position - 2;
        table[Math.imul(wordAt(bytes, seen), HASH) >>> shift] = seen - source;
      }
    }
  }
  const rest = end - anchor;
  const extra = rest < 15 ? 0 : Math.floor((rest - 15) / 255) + 1;
  if (targetEnd - output < rest + extra + 1) return -1;
  return writeLiterals(bytes, output, anchor, rest, 0) - target;
}

function matchLength(bytes: Uint8Array, a: number, b: number, limit: number): number {
  const start = a;
  while (a < limit && bytes[a] === bytes[b]) {
    a++;
    b++;
  }
  return a - start;
}

/** Writes a token, the literal count and the literals; returns the offset after them. */
function writeLiterals(
  bytes: Uint8Array,
  output: number,
  anchor: number,
  count: number,
  matchBits: number,
): number {
  bytes[output++] = (Math.min(count, 15) << 4) | matchBits;
  if (count >= 15) output = writeMore(bytes, output, count - 15);
  bytes.copyWithin(output, anchor, anchor + count);
  return output + count;
}

function writeMore(bytes: Uint8Array, output: number, count: number): number {
  for (; count >= 255; count -= 255) bytes[output++] = 255;
  bytes[output++] = count;
  return output;
}

function wordAt(bytes: Uint8Array, offset: number): number {
  return (
    bytes[offset]! |
    (bytes[offset + 1]! << 8) |
    (bytes[offset + 2]! << 16) |
    (bytes[offset + 3]! << 24)
  );
}
