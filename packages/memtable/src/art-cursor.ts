/**
 * A cursor over a live adaptive radix tree.
 *
 * 1. The path from the root to the current leaf is kept as a stack of nodes and positions.
 * 2. If the tree's structure changed since, the path is found again by the current key, which stays readable in its
 *    record for as long as the arena lives; keys are never removed, so it is always found.
 * 3. Moving goes up to the first node with another child on that side, then down along its edge.
 *
 * A node's terminator comes before its children; its position is TERMINATOR.
 */
import { compareAligned, type KeyBuffer } from '@lsm/core';
import {
  AFTER_CHILDREN,
  agreedPrefix,
  BEFORE_CHILDREN,
  byteAt,
  childAfter,
  childBefore,
  LEAF,
  positionFrom,
  prefixByte,
  slotAt,
} from './art-node.ts';
import { versionKeyLength, versionKeyOffset } from './version.ts';
import { VersionCursor } from './version-cursor.ts';
import type { VersionMemtable } from './version-memtable.ts';

/** The position of a node's own leaf: the children's positions follow it. */
const TERMINATOR = BEFORE_CHILDREN;

/** What the cursor needs of the tree: where its root is, and whether it changed. */
interface Tree extends VersionMemtable {
  readonly rootSlot: number;
  readonly structure: number;
}

/** Walks the keys of an adaptive radix tree. */
export class ArtCursor extends VersionCursor {
  readonly #tree: Tree;
  #structure = -1;
  #nodes = new Int32Array(32);
  #positions = new Int32Array(32);
  /** Nodes on the path to the current leaf. */
  #height = 0;

  constructor(tree: Tree) {
    super(tree);
    this.#tree = tree;
  }

  protected firstKey(): number {
    this.#restart();
    return this.#descendFirst(this.words[this.#tree.rootSlot]!);
  }

  protected lastKey(): number {
    this.#restart();
    return this.#descendLast(this.words[this.#tree.rootSlot]!);
  }

  protected nextKey(): number {
    this.#refresh();
    return this.#climbForward();
  }

  protected previousKey(): number {
    this.#refresh();
    const { words, bytes } = this;
    while (this.#height > 0) {
      const top = this.#height - 1;
      const position = this.#positions[top]!;
      if (position !== TERMINATOR) {
        const node = this.#nodes[top]!;
        const before = childBefore(words, node, position);
        if (before !== BEFORE_CHILDREN) {
          this.#positions[top] = before;
          return this.#descendLast(words[slotAt(words, bytes, node, before)]!);
        }
        const terminator = words[node + 1]!;
        if (terminator !== 0) {
          this.#positions[top] = TERMINATOR;
          return terminator;
        }
      }
      this.#height = top;
    }
    return 0;
  }

  protected newestVersion(): number {
    this.#refresh();
    const { words, bytes } = this;
    const top = this.#height - 1;
    if (top < 0) return words[this.#tree.rootSlot]!;
    const node = this.#nodes[top]!;
    const position = this.#positions[top]!;
    if (position === TERMINATOR) return words[node + 1]!;
    return words[slotAt(words, bytes, node, position)]!;
  }

  protected keyFrom(key: KeyBuffer): number {
    this.#restart();
    return this.#seek(key.words, key.bytes, 0, key.length);
  }

  #restart(): void {
    this.#tree.linkWaiting();
    this.#structure = this.#tree.structure;
    this.#height = 0;
  }

  /** Finds the path to the current key again if the tree changed. */
  #refresh(): void {
    this.#tree.linkWaiting();
    if (this.#structure === this.#tree.structure) return;
    this.#restart();
    const { words, bytes, version } = this;
    this.#seek(words, bytes, versionKeyOffset(words, version), versionKeyLength(words, version));
  }

  /** Goes to the first key at or above the one given; returns its newest version, or 0. */
  #seek(keyWords: Int32Array, keyBytes: Uint8Array, keyOffset: number, keyLength: number): number {
    const { words, bytes } = this;
    let reference = words[this.#tree.rootSlot]!;
    let depth = 0;
    while (reference !== 0 && (reference & LEAF) === 0) {
      const node = reference >> 2;
      const prefixLength = words[node]! >>> 16;
      if (prefixLength !== 0) {
        const agreed = agreedPrefix(
          words,
          node,
          depth,
          prefixLength,
          keyWords,
          keyBytes,
          keyOffset,
          keyLength,
        );
        if (agreed < prefixLength) {
          const below =
            depth + agreed < keyLength &&
            prefixByte(words, bytes, node, depth, agreed) < keyBytes[keyOffset + depth + agreed]!;
          return below ? this.#climbForward() : this.#descendFirst(reference);
        }
        depth += prefixLength;
      }
      if (depth === keyLength) return this.#descendFirst(reference);
      const byte = keyBytes[keyOffset + depth]!;
      const position = positionFrom(words, bytes, node, byte);
      if (position === AFTER_CHILDREN) return this.#climbForward();
      this.#push(node, position);
      reference = words[slotAt(words, bytes, node, position)]!;
      if (byteAt(words, bytes, node, position) !== byte) return this.#descendFirst(reference);
      depth++;
    }
    if (reference === 0) return 0;
    const order = compareAligned(
      words,
      versionKeyOffset(words, reference),
      versionKeyLength(words, reference),
      keyWords,
      keyOffset,
      keyLength,
    );
    return order >= 0 ? reference : this.#climbForward();
  }

  /** Leaves the current leaf, or the subtree under the top of the path, for the next leaf. */
  #climbForward(): number {
    const { words, bytes } = this;
    while (this.#height > 0) {
      const top = this.#height - 1;
      const node = this.#nodes[top]!;
      const after = childAfter(words, node, this.#positions[top]!);
      if (after !== AFTER_CHILDREN) {
        this.#positions[top] = after;
        return this.#descendFirst(words[slotAt(words, bytes, node, after)]!);
      }
      this.#height = top;
    }
    return 0;
  }

  /** Goes to the first leaf under a reference; returns its newest version (0 for the empty tree). */
  #descendFirst(start: number): number {
    const { words, bytes } = this;
    let reference = start;
    while (reference !== 0 && (reference & LEAF) === 0) {
      const node = reference >> 2;
      const terminator = words[node + 1]!;
      if (terminator !== 0) {
        this.#push(node, TERMINATOR);
        return terminator;
      }
      const position = childAfter(words, node, BEFORE_CHILDREN);
      this.#push(node, position);
      reference = words[slotAt(words, bytes, node, position)]!;
    }
    return reference;
  }

  /** Goes to the last leaf under a reference; returns its newest version (0 for the empty tree). */
  #descendLast(start: number): number {
    const { words, bytes } = this;
    let reference = start;
    while (reference !== 0 && (reference & LEAF) === 0) {
      const node = reference >> 2;
      const position = childBefore(words, node, AFTER_CHILDREN);
      this.#push(node, position);
      reference = words[slotAt(words, bytes, node, position)]!;
    }
    return reference;
  }

  #push(node: number, position: number): void {
    const top = this.#height++;
    if (top === this.#nodes.length) this.#deepen();
    this.#nodes[top] = node;
    this.#positions[top] = position;
  }

  #deepen(): void {
    const nodes = new Int32Array(this.#nodes.length * 2);
    const positions = new Int32Array(nodes.length);
    nodes.set(this.#nodes);
    positions.set(this.#positions);
    this.#nodes = nodes;
    this.#positions = positions;
  }
}
