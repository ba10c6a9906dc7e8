/**
 * The nodes' memory: allocation from the top of the arena, free lists by type, growth of full nodes.
 *
 * A node that was outgrown goes to the free list of its type, linked through word 1. There is no other way to free.
 */
import type { Arena } from './arena.ts';
import {
  childrenStart,
  INLINE_PREFIX_BYTES,
  NODE_COUNT_UNIT,
  NODE_HEADER_WORDS,
  NODE_TYPES,
  NODE4,
  NODE48,
  NODE256,
  nodeCapacity,
  nodeWords,
} from './art-node.ts';

/** Upper bound of the bytes that `records` insertions into an empty tree take for nodes; see `bytesMax`. */
export function freshNodeBytes(records: number): number {
  return Math.ceil(records * ((nodeWords(NODE256) << 2) / 16));
}

/** Allocates and changes the nodes of one tree. */
export class ArtNodes {
  readonly #arena: Arena;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #free = new Int32Array(NODE_TYPES);
  /** Nodes in use, by type. */
  readonly counts: Int32Array = new Int32Array(NODE_TYPES);

  constructor(arena: Arena) {
    this.#arena = arena;
    this.#words = arena.words;
    this.#bytes = arena.bytes;
  }

  /**
   * A new NODE4 without children and terminator.
   *
   * @param keyOffset - byte offset of a key that holds the prefix at `depth`
   */
  create(keyOffset: number, depth: number, prefixLength: number): number {
    const node = this.#allocate(NODE4);
    this.#words[node] = NODE4;
    this.#words[node + 1] = 0;
    this.setPrefix(node, keyOffset, depth, prefixLength);
    return node;
  }

  /** Gives a node the prefix of `prefixLength` bytes that stands at `depth` of a key. */
  setPrefix(node: number, keyOffset: number, depth: number, prefixLength: number): void {
    const words = this.#words;
    let prefix = keyOffset;
    if (prefixLength <= INLINE_PREFIX_BYTES) {
      prefix = 0;
      for (let i = 0; i < prefixLength; i++) {
        prefix |= this.#bytes[keyOffset + depth + i]! << (i << 3);
      }
    }
    words[node] = (words[node]! & 0xffff) | (prefixLength << 16);
    words[node + 2] = prefix;
  }

  /** Cuts the first `count` bytes off a node's prefix. */
  dropPrefix(node: number, depth: number, count: number): void {
    const words = this.#words;
    const prefixLength = words[node]! >>> 16;
    if (prefixLength > INLINE_PREFIX_BYTES) {
      this.setPrefix(node, words[node + 2]!, depth + count, prefixLength - count);
      return;
    }
    words[node] = (words[node]! & 0xffff) | ((prefixLength - count) << 16);
    words[node + 2] = words[node + 2]! >>> (count << 3);
  }

  /**
   * Adds a child under a byte that has none, growing the node if it is full.
   *
   * @param slot - word index of the reference to the node; rewritten if the node moves
   */
  addChild(slot: number, node: number, byte: number, reference: number): void {
    const words = this.#words;
    const header = words[node]!;
    const type = header & 7;
    if (type === NODE256) {
      words[node] = header + NODE_COUNT_UNIT;
      words[node + childrenStart(NODE256) + byte] = reference;
    } else if (((header >>> 3) & 511) === nodeCapacity(type)) {
      const grown = this.#grow(node, type);
      words[slot] = grown << 2;
      this.#insert(grown, byte, reference);
    } else {
      this.#insert(node, byte, reference);
    }
  }

  /** Gives a new node, a NODE4, its first two children. */
  setPair(
    node: number,
    byte: number,
    reference: number,
    otherByte: number,
    otherReference: number,
  ): void {
    const words = this.#words;
    const keys = node + NODE_HEADER_WORDS;
    const children = node + childrenStart(NODE4);
    words[node] = words[node]! + 2 * NODE_COUNT_UNIT;
    if (byte < otherByte) {
      words[keys] = byte | (otherByte << 8);
      words[children] = reference;
      words[children + 1] = otherReference;
    } else {
      words[keys] = otherByte | (byte << 8);
      words[children] = otherReference;
      words[children + 1] = reference;
    }
  }

  #insert(node: number, byte: number, reference: number): void {
    const words = this.#words;
    const bytes = this.#bytes;
    const header = words[node]!;
    const type = header & 7;
    const keys = (node + NODE_HEADER_WORDS) << 2;
    const children = node + childrenStart(type);
    let place = (header >>> 3) & 511;
    words[node] = header + NODE_COUNT_UNIT;
    if (type === NODE256) {
      place = byte;
    } else if (type === NODE48) {
      bytes[keys + byte] = place + 1;
    } else {
      while (place > 0 && bytes[keys + place - 1]! > byte) {
        bytes[keys + place] = bytes[keys + place - 1]!;
        words[children + place] = words[children + place - 1]!;
        place--;
      }
      bytes[keys + place] = byte;
    }
    words[children + place] = reference;
  }

  /** Copies a full node into one of the next type and frees it. */
  #grow(node: number, type: number): number {
    const words = this.#words;
    const bytes = this.#bytes;
    const grownType = type + 1;
    const grown = this.#allocate(grownType);
    words[grown] = words[node]! + 1;
    words[grown + 1] = words[node + 1]!;
    words[grown + 2] = words[node + 2]!;
    const keys = (node + NODE_HEADER_WORDS) << 2;
    const grownKeys = (grown + NODE_HEADER_WORDS) << 2;
    const children = node + childrenStart(type);
    const grownChildren = grown + childrenStart(grownType);
    const count = nodeCapacity(type);
    if (grownType === NODE256) {
      for (let byte = 0; byte < 256; byte++) {
        const place = bytes[keys + byte]!;
        words[grownChildren + byte] = place === 0 ? 0 : words[children + place - 1]!;
      }
    } else {
      if (grownType === NODE48) {
        words.fill(0, grown + NODE_HEADER_WORDS, grownChildren);
        for (let i = 0; i < count; i++) bytes[grownKeys + bytes[keys + i]!] = i + 1;
      } else {
        for (let i = 0; i < count; i++) bytes[grownKeys + i] = bytes[keys + i]!;
      }
      for (let i = 0; i < count; i++) words[grownChildren + i] = words[children + i]!;
    }
    words[node + 1] = this.#free[type]!;
    this.#free[type] = node;
    this.counts[type]!--;
    return grown;
  }

  #allocate(type: number): number {
    this.counts[type]!++;
    const free = this.#free[type]!;
    if (free !== 0) {
      this.#free[type] = this.#words[free + 1]!;
      return free;
    }
    const start = this.#arena.indexStart - (nodeWords(type) << 2);
    this.#arena.indexStart = start;
    return start >> 2;
  }

  /**
   * Upper bound of the bytes that `records` insertions take for nodes.
   *
   * 1. An insertion creates a NODE4, grows one node or takes no memory.
   * 2. A node that exists can grow with its next insertion: it is charged once, dearest types first.
   * 3. From then on, and for new nodes from the start, growth is paid by the insertions since: at most the NODE256's
   *    bytes over the 16 insertions that fill a NODE48, which is also more than a NODE4 for each.
   */
  bytesMax(records: number): number {
    let bytes = freshNodeBytes(records);
    let rest = records;
    for (let type = NODE48; type >= NODE4; type--) {
      const growing = Math.min(rest, this.counts[type]!);
      bytes += growing * (nodeWords(type + 1) << 2);
      rest -= growing;
    }
    return bytes;
  }
}
