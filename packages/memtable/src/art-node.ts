/**
 * The nodes of the adaptive radix tree, as words of the arena (Leis, Kemper, Neumann: "The Adaptive Radix Tree",
 * ICDE 2013), and the search for children in them.
 *
 * ```
 * word  field
 *    0  type (bits 0–2) | children (bits 3–11) | prefix length (bits 16–31)
 *    1  leaf of the key that ends at this node ("terminator"); 0: none
 *    2  prefix: its bytes, lowest first, if at most 4; else byte offset of a key that holds it at the node's depth
 *    3  NODE4    4 key bytes, sorted    4 references
 *       NODE16  16 key bytes, sorted   16 references
 *       NODE32  32 key bytes, sorted   32 references
 *       NODE48  256 bytes: key byte → place of its reference + 1, 0: none    48 references
 *       NODE256 256 references by key byte, 0: none
 * ```
 * A reference is 0 (nothing), the byte offset of a node, or a leaf: the newest version of a key (version.ts), odd.
 * Nodes are named by word index. A position names a child of a node: its place (NODE4 … NODE32) or its key byte
 * (NODE48, NODE256); order of positions is order of keys.
 *
 * N1. Key bytes at or beyond the number of children are rubbish, and so are their references.
 * N2. Every node but one with a terminator has at least two children.
 */

/** Bit of a reference that says leaf. */
export const LEAF = 1;
/** Words before a node's keys. */
export const NODE_HEADER_WORDS = 3;
/** Unit of the child count in a node's first word. */
export const NODE_COUNT_UNIT = 8;
/** Longest prefix that stands in the node itself, bytes. */
export const INLINE_PREFIX_BYTES = 4;

/** Types of nodes, in the order of growth. */
export const NODE4 = 0;
const NODE16 = 1;
const NODE32 = 2;
export const NODE48 = 3;
export const NODE256 = 4;
/** How many types there are. */
export const NODE_TYPES = 5;

/** First word of the references, from the node. */
const CHILDREN_4 = NODE_HEADER_WORDS + 1;
const CHILDREN_16 = NODE_HEADER_WORDS + 4;
const CHILDREN_32 = NODE_HEADER_WORDS + 8;
const CHILDREN_48 = NODE_HEADER_WORDS + 64;
const CHILDREN_256 = NODE_HEADER_WORDS;

/** Position before all children. */
export const BEFORE_CHILDREN = -1;
/** Position after all children, and "there is none" of the forward searches. */
export const AFTER_CHILDREN = 256;

/** Children that a node of a type can have. */
export function nodeCapacity(type: number): number {
  if (type === NODE4) return 4;
  if (type === NODE16) return 16;
  if (type === NODE32) return 32;
  return type === NODE48 ? 48 : 256;
}

/** First word of the references of a node of a type, from the node. */
export function childrenStart(type: number): number {
  if (type === NODE4) return CHILDREN_4;
  if (type === NODE16) return CHILDREN_16;
  if (type === NODE32) return CHILDREN_32;
  return type === NODE48 ? CHILDREN_48 : CHILDREN_256;
}

/** Words of a node of a type. */
export function nodeWords(type: number): number {
  return childrenStart(type) + nodeCapacity(type);
}

/**
 * Word index of the reference to the child under `byte`, or 0 if there is none.
 *
 * Sorted bytes are searched four at a time: the word is xor-ed with the byte in all four places and the lowest zero
 * byte found by the classic borrow trick; only bytes above the lowest can be reported falsely.
 *
 * @param header - the node's first word
 */
export function findChild(
  words: Int32Array,
  bytes: Uint8Array,
  node: number,
  header: number,
  byte: number,
): number {
  const type = header & 7;
  if (type === NODE256) {
    const slot = node + CHILDREN_256 + byte;
    return words[slot] === 0 ? 0 : slot;
  }
  if (type === NODE48) {
    const place = bytes[((node + NODE_HEADER_WORDS) << 2) + byte]!;
    return place === 0 ? 0 : node + (CHILDREN_48 - 1) + place;
  }
  const count = (header >>> 3) & 511;
  const pattern = Math.imul(byte, 0x01010101);
  let place = 0;
  let word = node + NODE_HEADER_WORDS;
  do {
    const x = words[word]! ^ pattern;
    const zeros = (x - 0x01010101) & ~x & 0x80808080;
    if (zeros !== 0) {
      place += (31 - Math.clz32(zeros & -zeros)) >> 3;
      if (place >= count) return 0;
      return (
        node + (type === NODE4 ? CHILDREN_4 : type === NODE16 ? CHILDREN_16 : CHILDREN_32) + place
      );
    }
    place += 4;
    word++;
  } while (place < count);
  return 0;
}

/** Word index of the reference at a position. */
export function slotAt(
  words: Int32Array,
  bytes: Uint8Array,
  node: number,
  position: number,
): number {
  const type = words[node]! & 7;
  if (type === NODE48) {
    return node + (CHILDREN_48 - 1) + bytes[((node + NODE_HEADER_WORDS) << 2) + position]!;
  }
  return node + childrenStart(type) + position;
}

/** The first position whose key byte is at or above `byte`, or AFTER_CHILDREN. */
export function positionFrom(
  words: Int32Array,
  bytes: Uint8Array,
  node: number,
  byte: number,
): number {
  const header = words[node]!;
  if ((header & 7) >= NODE48) return childAfter(words, node, byte - 1);
  const count = (header >>> 3) & 511;
  const keys = (node + NODE_HEADER_WORDS) << 2;
  for (let i = 0; i < count; i++) {
    if (bytes[keys + i]! >= byte) return i;
  }
  return AFTER_CHILDREN;
}

/** Key byte of the child at a position. */
export function byteAt(
  words: Int32Array,
  bytes: Uint8Array,
  node: number,
  position: number,
): number {
  if ((words[node]! & 7) >= NODE48) return position;
  return bytes[((node + NODE_HEADER_WORDS) << 2) + position]!;
}

/** The position after `position` (BEFORE_CHILDREN: the first one), or AFTER_CHILDREN. */
export function childAfter(words: Int32Array, node: number, position: number): number {
  const header = words[node]!;
  const type = header & 7;
  let next = position + 1;
  if (type < NODE48) return next < ((header >>> 3) & 511) ? next : AFTER_CHILDREN;
  if (type === NODE256) {
    while (next < 256 && words[node + CHILDREN_256 + next] === 0) next++;
    return next;
  }
  return next < 256 ? placeAfter(words, node + NODE_HEADER_WORDS, next) : next;
}

/** The position before `position` (AFTER_CHILDREN: the last one), or BEFORE_CHILDREN. */
export function childBefore(words: Int32Array, node: number, position: number): number {
  const header = words[node]!;
  const type = header & 7;
  if (type < NODE48) return (position === AFTER_CHILDREN ? (header >>> 3) & 511 : position) - 1;
  let previous = position - 1;
  if (type === NODE256) {
    while (previous >= 0 && words[node + CHILDREN_256 + previous] === 0) previous--;
    return previous;
  }
  return previous >= 0 ? placeBefore(words, node + NODE_HEADER_WORDS, previous) : previous;
}

/** The first of 256 bytes from `place` on that is not zero, or AFTER_CHILDREN; four at a time. */
function placeAfter(words: Int32Array, start: number, place: number): number {
  let next = place & ~3;
  let word = words[start + (next >> 2)]! & (-1 << ((place & 3) << 3));
  while (word === 0) {
    next += 4;
    if (next === 256) return AFTER_CHILDREN;
    word = words[start + (next >> 2)]!;
  }
  return next + ((31 - Math.clz32(word & -word)) >> 3);
}

/** The last of 256 bytes up to `place` that is not zero, or BEFORE_CHILDREN; four at a time. */
function placeBefore(words: Int32Array, start: number, place: number): number {
  let previous = place & ~3;
  let word = words[start + (previous >> 2)]! & (-1 >>> ((3 - (place & 3)) << 3));
  while (word === 0) {
    if (previous === 0) return BEFORE_CHILDREN;
    previous -= 4;
    word = words[start + (previous >> 2)]!;
  }
  return previous + ((31 - Math.clz32(word)) >> 3);
}

/**
 * Length of the common prefix of two keys that are known to agree before `from`, a word at a time.
 *
 * @param aOffset - byte offset of the first key, a multiple of 4
 * @param bOffset - byte offset of the second key, a multiple of 4
 * @param from - bytes known to agree
 * @param end - bytes to look at, at most the length of either key
 * @returns from `from` to `end`
 */
export function agreedLength(
  aWords: Int32Array,
  aOffset: number,
  bWords: Int32Array,
  bOffset: number,
  from: number,
  end: number,
): number {
  const a = aOffset >> 2;
  const b = bOffset >> 2;
  for (let word = from >> 2; word << 2 < end; word++) {
    const difference = aWords[a + word]! ^ bWords[b + word]!;
    if (difference !== 0) {
      const place = (word << 2) + ((31 - Math.clz32(difference & -difference)) >> 3);
      return place < end ? place : end;
    }
  }
  return end;
}

/**
 * How many bytes of a node's prefix a key agrees with.
 *
 * @param depth - bytes of the key above the node; they agree
 * @param prefixLength - bytes of the prefix
 * @param keyOffset - byte offset of the key in `keyWords`, a multiple of 4
 * @param keyLength - bytes of the key, at least `depth`
 */
export function agreedPrefix(
  words: Int32Array,
  node: number,
  depth: number,
  prefixLength: number,
  keyWords: Int32Array,
  keyBytes: Uint8Array,
  keyOffset: number,
  keyLength: number,
): number {
  const rest = keyLength - depth;
  const end = prefixLength < rest ? prefixLength : rest;
  if (prefixLength > INLINE_PREFIX_BYTES) {
    return agreedLength(words, words[node + 2]!, keyWords, keyOffset, depth, depth + end) - depth;
  }
  const prefix = words[node + 2]!;
  let i = 0;
  while (i < end && ((prefix >>> (i << 3)) & 255) === keyBytes[keyOffset + depth + i]!) i++;
  return i;
}

/** The byte at `index` of a node's prefix. */
export function prefixByte(
  words: Int32Array,
  bytes: Uint8Array,
  node: number,
  depth: number,
  index: number,
): number {
  const prefix = words[node + 2]!;
  if (words[node]! >>> 16 > INLINE_PREFIX_BYTES) return bytes[prefix + depth + index]!;
  return (prefix >>> (index << 3)) & 255;
}
