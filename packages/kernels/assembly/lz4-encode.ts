/**
 * Encoder of the LZ4 block format; greedy, with one hash table of last positions.
 *
 * 1. The 4 bytes at the present position are hashed; the table names the last position with that hash.
 * 2. If it stands at most 65,535 bytes back and holds the same 4 bytes, the match is extended backwards over
 *    pending literals and forwards, and literals + match are written as one sequence.
 * 3. If not, the position moves on, by one byte at first and by one more for every 64 tries in vain, so that
 *    incompressible data is passed over quickly.
 * 4. A match starts 12 bytes or more before the end and never covers the last 5 bytes; the rest is literals.
 *
 * The table holds u32 positions relative to `source`. It is cleared at the start of each call: the output depends on
 * the input alone, byte for byte. A table entry is only a hint, checked against the input, so that even two threads
 * that encode in one memory at once write valid blocks.
 */
const HASH: u32 = 0x9e3779b1;
/** Bytes at the end of the input that are always literals. */
const LITERAL_TAIL: u32 = 5;
/** The last match starts this many bytes before the end, or earlier. */
const MATCH_START_TAIL: u32 = 12;
/** Searches in vain are counted in 1/64 steps. */
const SKIP_BITS: u32 = 6;

/** log2 of the table's entries, by the input's length; mirrored in the twin. At most 13: 32 KiB. */
// @ts-ignore: decorator
@inline
function tableBits(length: u32): u32 {
  return length <= 2048 ? 10 : length <= 8192 ? 11 : length <= 32768 ? 12 : 13;
}

/** Where the table keeps the last position of `word`. */
// @ts-ignore: decorator
@inline
function slotOf(table: usize, word: u32, shift: u32): usize {
  return table + (<usize>((word * HASH) >> shift) << 2);
}

/** Length of the match between `a` and `b` (a > b), up to `limit`. */
// @ts-ignore: decorator
@inline
function matchLength(a: usize, b: usize, limit: usize): u32 {
  const start = a;
  while (a + 8 <= limit) {
    const difference = load<u64>(a) ^ load<u64>(b);
    if (difference != 0) return <u32>(a - start) + (<u32>ctz(difference) >> 3);
    a += 8;
    b += 8;
  }
  while (a < limit && load<u8>(a) == load<u8>(b)) {
    a++;
    b++;
  }
  return <u32>(a - start);
}

/** Writes the part of a length that doesn't fit into 4 bits; `count` is already less 15. */
function writeMore(target: usize, count: u32): usize {
  while (count >= 255) {
    store<u8>(target++, 255);
    count -= 255;
  }
  store<u8>(target++, count);
  return target;
}

/**
 * Encodes `length` bytes at `source` into at most `capacity` bytes at `target`.
 *
 * @param table - 32 KiB of scratch, 4-byte aligned
 * @returns bytes written, or −1 if they don't fit
 */
export function lz4Encode(
  source: usize,
  length: u32,
  target: usize,
  capacity: u32,
  table: usize,
): i32 {
  const end = source + length;
  const targetEnd = target + capacity;
  let output = target;
  let anchor = source;
  if (length > MATCH_START_TAIL) {
    const bits = tableBits(length);
    const shift = 32 - bits;
    memory.fill(table, 0, <usize>4 << bits);
    const matchLimit = end - LITERAL_TAIL;
    const startLimit = end - MATCH_START_TAIL;
    let position = source + 1;
    let tries: u32 = 1 << SKIP_BITS;
    let nextWord = load<u32>(position);
    let nextSlot = slotOf(table, nextWord, shift);
    while (position <= startLimit) {
      const word = nextWord;
      const slot = nextSlot;
      const next = position + (tries++ >> SKIP_BITS);
      // The next slot is worked out before this one is judged, so that the two chains of loads overlap.
      nextWord = load<u32>(next < startLimit ? next : startLimit);
      nextSlot = slotOf(table, nextWord, shift);
      let match = source + load<u32>(slot);
      store<u32>(slot, <u32>(position - source));
      // One unsigned comparison refuses distances 0 and > 65,535, and any position that isn't before this one.
      if (<u32>(position - match) - 1 >= 65535 || match < source || load<u32>(match) != word) {
        position = next;
        continue;
      }
      while (position > anchor && match > source && load<u8>(position - 1) == load<u8>(match - 1)) {
        position--;
        match--;
      }
      const literals = <u32>(position - anchor);
      const more = matchLength(position + 4, match + 4, matchLimit);
      // Token, offset, literals and both lengths' bytes, counted generously by at most one byte each.
      if (<u64>(targetEnd - output) < <u64>literals + literals / 255 + more / 255 + 5) return -1;
      output = writeLiterals(output, anchor, literals, more < 15 ? more : 15);
      store<u16>(output, <u32>(position - match));
      output += 2;
      if (more >= 15) output = writeMore(output, more - 15);
      position += more + 4;
      anchor = position;
      tries = 1 << SKIP_BITS;
      if (position <= startLimit) {
        const seen = position - 2;
        store<u32>(slotOf(table, load<u32>(seen), shift), <u32>(seen - source));
        nextWord = load<u32>(position);
        nextSlot = slotOf(table, nextWord, shift);
      }
    }
  }
  const rest = <u32>(end - anchor);
  const extra: u32 = rest < 15 ? 0 : (rest - 15) / 255 + 1;
  if (<u64>(targetEnd - output) < <u64>rest + extra + 1) return -1;
  output = writeLiterals(output, anchor, rest, 0);
  return <i32>(output - target);
}

/** Writes a token, the literal count and the literals. */
function writeLiterals(output: usize, anchor: usize, count: u32, matchBits: u32): usize {
  if (count < 15) {
    store<u8>(output++, (count << 4) | matchBits);
  } else {
    store<u8>(output++, 0xf0 | matchBits);
    output = writeMore(output, count - 15);
  }
  memory.copy(output, anchor, count);
  return output + count;
}
