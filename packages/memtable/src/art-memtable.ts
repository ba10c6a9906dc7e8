/**
 * The memtable as an adaptive radix tree over the records of an arena.
 *
 * Records are linked some at a time (version-memtable.ts), after a first pass that fetches the nodes they will meet.
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
import { ArtNodes, freshNodeBytes } from './art-nodes.ts';
import { CELL_BYTES, versionKeyLength, versionKeyOffset } from './version.ts';
import { type ArtDescription, VersionMemtable, WAITING_MAX } from './version-memtable.ts';

/** Bytes of the word that refers to the root. */
const ROOT_BYTES = 4;
/** Levels of the tree that are read ahead; the one below them comes with the last read. */
const FETCHED_LEVELS = 2;

/**
 * Makes a memtable as an adaptive radix tree: ordered at all times, the default.
 *
 * @param arena - holds the records, takes the index
 * @param firstSequence - at most the sequence number of the first record
 */
export function artMemtable(arena: Arena, firstSequence: number): ArtMemtable {
  return new ArtMemtable(arena, firstSequence);
}

/** Upper bound of the index bytes of an empty tree that takes `records` records, those of the empty one included. */
export function artIndexBytes(records: number): number {
  return ROOT_BYTES + records * CELL_BYTES + freshNodeBytes(records);
}

/** A memtable in the form of an adaptive radix tree. */
export class ArtMemtable extends VersionMemtable {
  readonly kind = 'art' as const;
  /** Counts the insertions of new keys; what cursors compare. */
  structure = 0;
  /** Word index of the reference to the root. */
  readonly rootSlot: number;
  readonly #nodes: ArtNodes;
  /** Where {@link #fetch} is: for each record a reference and the byte of the record that decides next. */
  readonly #references = new Int32Array(WAITING_MAX);
  readonly #depths = new Int32Array(WAITING_MAX);

  /**
   * @param arena - holds the records, takes the index
   * @param firstSequence - at most the sequence number of the first record
   * @param attached - the description of a tree that stands in the arena already
   */
  constructor(arena: Arena, firstSequence: number, attached?: ArtDescription) {
    super(arena, firstSequence, attached?.sequences);
    this.#nodes = new ArtNodes(arena);
    if (attached === undefined) {
      arena.indexStart -= ROOT_BYTES;
      this.rootSlot = arena.indexStart >> 2;
      this.words[this.rootSlot] = 0;
    } else {
      this.rootSlot = attached.rootSlot;
      this.attachBase(attached);
    }
  }

  cursor(): Cursor {
    this.linkWaiting();
    return new ArtCursor(this);
  }

  indexBytesMax(records: number): number {
    const added = records + this.waiting;
    return added * CELL_BYTES + this.#nodes.bytesMax(added);
  }

  describe(): ArtDescription {
    return { kind: 'art', rootSlot: this.rootSlot, ...this.describeBase() };
  }

  protected link(offsets: Int32Array, deltas: Int32Array, count: number): void {
    this.#fetch(offsets, count);
    for (let i = 0; i < count; i++) this.#linkOne(offsets[i]!, deltas[i]!);
  }

  /**
   * Reads what linking these records will need, one level of the tree for all of them after the other: so their cache
   * misses overlap. That took a sixth off insertion among 150K random keys. Neighbours in key order need the same
   * nodes and no help.
   */
  #fetch(offsets: Int32Array, count: number): void {
    const words = this.words;
    const bytes = this.bytes;
    const root = words[this.rootSlot]!;
    if (root === 0 || (root & LEAF) !== 0) return;
    const fork = RECORD_HEADER_BYTES + (words[root >> 2]! >>> 16);
    const byte = bytes[offsets[0]! + fork]!;
    if (
      byte === bytes[offsets[count >> 1]! + fork]! &&
      byte === bytes[offsets[count - 1]! + fork]!
    ) {
      return;
    }
    const references = this.#references;
    const depths = this.#depths;
    references.fill(root, 0, count);
    depths.fill(RECORD_HEADER_BYTES, 0, count);
    for (let level = 0; level < FETCHED_LEVELS; level++) {
      for (let i = 0; i < count; i++) {
        const reference = references[i]!;
        if (reference === 0 || (reference & LEAF) !== 0) continue;
        const node = reference >> 2;
        const header = words[node]!;
        // A prefix that differs, or a key that ends, leads astray, which costs nothing but its help.
        const depth = depths[i]! + (header >>> 16);
        const slot = findChild(words, bytes, node, header, bytes[offsets[i]! + depth]!);
        references[i] = slot === 0 ? 0 : words[slot]!;
        depths[i] = depth + 1;
      }
    }
    // Of a node its prefix, of a leaf its key's beginning. What is read has to be used, or the compiler drops it.
    for (let i = 0; i < count; i++) references[i] = words[(references[i]! >> 2) + 2]!;
  }

  #linkOne(recordOffset: number, delta: number): void {
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
          const leaf = this.firstVersion(recordOffset, delta);
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
        const leaf = this.firstVersion(recordOffset, delta);
        this.#nodes.addChild(slot, node, byte, leaf);
        return;
      }
      slot = child;
      depth++;
      reference = words[slot]!;
    }
    if (reference === 0) {
      this.structure++;
      words[slot] = this.firstVersion(recordOffset, delta);
    } else {
      this.#addAtLeaf(slot, depth, recordOffset, keyLength, delta);
    }
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
    delta: number,
  ): void {
    const words = this.words;
    const reference = words[slot]!;
    const otherOffset = versionKeyOffset(words, reference);
    const otherLength = versionKeyLength(words, reference);
    const keyOffset = recordOffset + RECORD_HEADER_BYTES;
    const end = keyLength < otherLength ? keyLength : otherLength;
    const agreed = agreedLength(words, keyOffset, words, otherOffset, depth, end);
    if (agreed === keyLength && agreed === otherLength) {
      words[slot] = this.newVersion(recordOffset, delta, reference);
      return;
    }
    this.structure++;
    const leaf = this.firstVersion(recordOffset, delta);
    const node = this.#nodes.create(keyOffset, depth, agreed - depth);
    words[slot] = node << 2;
    if (agreed < end) {
      const { bytes } = this;
      this.#nodes.setPair(
        node,
        bytes[otherOffset + agreed]!,
        reference,
        bytes[keyOffset + agreed]!,
        leaf,
      );
      return;
    }
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
