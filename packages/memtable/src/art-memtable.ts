/**
 * The memtable as an adaptive radix tree over the records of an arena.
 *
 * Insertion descends with every prefix checked and ends in one of five ways:
 *   1. the tree is empty, or a child or terminator is missing: a leaf is added;
 *   2. a leaf of the same key: its chain gets a new head;
 *   3. a leaf of another key: a NODE4 takes its place, with the bytes that both share as prefix;
 *   4. a prefix differs: a NODE4 above the node takes the shared part;
 *   5. the node is full: it grows.
 * Lookup skips prefixes unread and compares the whole key once, at the leaf (the "optimistic" descent of the paper).
 *
 * A key that ends where others go on has its leaf in the node's terminator slot, so any bytes are possible in keys.
 * `structure` counts the insertions that move positions; a cursor that sees another number finds its place again.
 */
import {
  type Cursor,
  equalAligned,
  type KeyBuffer,
  RECORD_HEADER_BYTES,
  recordKeyLength,
} from '@lsm/core';
import type { Arena } from './arena.ts';
import { ArtCursor } from './art-cursor.ts';
import { agreedLength, agreedPrefix, findChild, LEAF, prefixByte } from './art-node.ts';
import { ArtNodes } from './art-nodes.ts';
import { CELL_BYTES, versionKeyLength, versionKeyOffset } from './version.ts';
import { type ArtDescription, VersionMemtable } from './version-memtable.ts';

/**
 * Makes a memtable as an adaptive radix tree: ordered at all times, the default.
 *
 * @param arena - holds the records, takes the index
 * @param firstSequence - at most the sequence number of the first record
 */
export function artMemtable(arena: Arena, firstSequence: number): ArtMemtable {
  return new ArtMemtable(arena, firstSequence);
}

/** A memtable in the form of an adaptive radix tree. */
export class ArtMemtable extends VersionMemtable {
  readonly kind = 'art' as const;
  /** Counts the insertions of new keys; what cursors compare. */
  structure = 0;
  /** Word index of the reference to the root. */
  readonly rootSlot: number;
  readonly #nodes: ArtNodes;

  /**
   * @param arena - holds the records, takes the index
   * @param firstSequence - at most the sequence number of the first record
   * @param attached - the description of a tree that stands in the arena already
   */
  constructor(arena: Arena, firstSequence: number, attached?: ArtDescription) {
    super(arena, firstSequence, attached?.sequences);
    this.#nodes = new ArtNodes(arena);
    if (attached === undefined) {
      arena.indexStart -= 4;
      this.rootSlot = arena.indexStart >> 2;
      this.words[this.rootSlot] = 0;
    } else {
      this.rootSlot = attached.rootSlot;
      this.attachBase(attached);
    }
  }

  add(recordOffset: number, sequence: number): void {
    this.assertAddable(sequence);
    if (this.addRangeDelete(recordOffset, sequence)) return;
    this.count++;
    const words = this.words;
    const bytes = this.bytes;
    const keyOffset = recordOffset + RECORD_HEADER_BYTES;
    const keyLength = recordKeyLength(words, recordOffset);
    let slot = this.rootSlot;
    let depth = 0;
    let reference = words[slot]!;
    while (reference !== 0 && (reference & LEAF) === 0) {
      const node = reference >> 2;
      const header = words[node]!;
      const prefixLength = header >>> 16;
      if (prefixLength !== 0) {
        const agreed = agreedPrefix(
          words,
          node,
          depth,
          prefixLength,
          words,
          bytes,
          keyOffset,
          keyLength,
        );
        if (agreed < prefixLength) {
          const leaf = this.firstVersion(recordOffset, sequence);
          this.#splitPrefix(slot, depth, agreed, keyOffset, keyLength, leaf);
          return;
        }
        depth += prefixLength;
      }
      if (depth === keyLength) {
        slot = node + 1;
        reference = words[slot]!;
        break;
      }
      const byte = bytes[keyOffset + depth]!;
      const child = findChild(words, bytes, node, header, byte);
      if (child === 0) {
        this.structure++;
        const leaf = this.firstVersion(recordOffset, sequence);
        this.#nodes.addChild(slot, node, byte, leaf);
        return;
      }
      slot = child;
      depth++;
      reference = words[slot]!;
    }
    if (reference === 0) {
      this.structure++;
      words[slot] = this.firstVersion(recordOffset, sequence);
    } else {
      this.#addAtLeaf(slot, depth, recordOffset, keyLength, sequence);
    }
  }

  cursor(): Cursor {
    return new ArtCursor(this);
  }

  indexBytesMax(records: number): number {
    return records * CELL_BYTES + this.#nodes.bytesMax(records);
  }

  describe(): ArtDescription {
    return { kind: 'art', rootSlot: this.rootSlot, ...this.describeBase() };
  }

  protected find(key: KeyBuffer): number {
    const words = this.words;
    const bytes = this.bytes;
    const keyBytes = key.bytes;
    const length = key.length;
    let reference = words[this.rootSlot]!;
    let depth = 0;
    while ((reference & LEAF) === 0) {
      if (reference === 0) return 0;
      const node = reference >> 2;
      const header = words[node]!;
      depth += header >>> 16;
      if (depth < length) {
        const child = findChild(words, bytes, node, header, keyBytes[depth]!);
        if (child === 0) return 0;
        reference = words[child]!;
        depth++;
      } else {
        // A leaf or nothing: either ends the loop, and a key that is too short differs from the leaf's.
        reference = words[node + 1]!;
      }
    }
    const found = equalAligned(
      words,
      versionKeyOffset(words, reference),
      versionKeyLength(words, reference),
      key.words,
      0,
      length,
    );
    return found ? reference : 0;
  }

  /** Adds a record where a leaf stands that agrees with its key for `depth` bytes. */
  #addAtLeaf(
    slot: number,
    depth: number,
    recordOffset: number,
    keyLength: number,
    sequence: number,
  ): void {
    const words = this.words;
    const reference = words[slot]!;
    const otherOffset = versionKeyOffset(words, reference);
    const otherLength = versionKeyLength(words, reference);
    const keyOffset = recordOffset + RECORD_HEADER_BYTES;
    const end = keyLength < otherLength ? keyLength : otherLength;
    const agreed = agreedLength(words, keyOffset, words, otherOffset, depth, end);
    if (agreed === keyLength && agreed === otherLength) {
      words[slot] = this.newVersion(recordOffset, sequence, reference);
      return;
    }
    this.structure++;
    const leaf = this.firstVersion(recordOffset, sequence);
    const node = this.#nodes.create(keyOffset, depth, agreed - depth);
    words[slot] = node << 2;
    this.#place(slot, node, otherOffset, otherLength, agreed, reference);
    this.#place(slot, node, keyOffset, keyLength, agreed, leaf);
  }

  /** Adds a leaf above a node whose prefix agrees with the key for only `agreed` bytes. */
  #splitPrefix(
    slot: number,
    depth: number,
    agreed: number,
    keyOffset: number,
    keyLength: number,
    leaf: number,
  ): void {
    this.structure++;
    const words = this.words;
    const nodes = this.#nodes;
    const lower = words[slot]! >> 2;
    const byte = prefixByte(words, this.bytes, lower, depth, agreed);
    const upper = nodes.create(keyOffset, depth, agreed);
    nodes.dropPrefix(lower, depth, agreed + 1);
    words[slot] = upper << 2;
    nodes.addChild(slot, upper, byte, lower << 2);
    this.#place(slot, upper, keyOffset, keyLength, depth + agreed, leaf);
  }

  /** Puts a leaf under a fresh node whose bytes end at `depth`: as child, or as terminator if the key ends there. */
  #place(
    slot: number,
    node: number,
    keyOffset: number,
    keyLength: number,
    depth: number,
    reference: number,
  ): void {
    if (depth === keyLength) this.words[node + 1] = reference;
    else this.#nodes.addChild(slot, node, this.bytes[keyOffset + depth]!, reference);
  }
}
