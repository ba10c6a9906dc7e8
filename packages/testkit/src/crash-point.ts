/** The state of a simulated file system at one moment, kept cheaply, from which crash images are made when wanted. */
import { seededRandom } from '@lsm/core';
import type { FrozenContent } from './simulated-content.ts';
import { hashContent } from './simulated-content.ts';
import type { FileCapture, SimulatedFile } from './simulated-file.ts';
import type { NameChange, NameMap } from './simulated-names.ts';
import { type SurvivalVariant, surviveData, surviveNames } from './survival.ts';

/** Names and bytes after a crash; a `null` value is a directory. Two names of one file share one object. */
export type DiskImage = ReadonlyMap<string, FrozenContent | null>;

const DURABLE: SurvivalVariant = { name: 'durable', data: 'none', names: 'none' };

/** A moment at which the power may go. */
export class CrashPoint {
  /** Operations done before it. */
  readonly operations: number;
  readonly #durable: NameMap;
  readonly #pending: readonly NameChange[];
  readonly #files = new Map<SimulatedFile, FileCapture>();

  constructor(operations: number, durable: NameMap, pending: readonly NameChange[]) {
    this.operations = operations;
    this.#durable = durable;
    this.#pending = pending;
    for (const node of durable.values()) this.#keep(node);
    for (const change of pending) this.#keep(change.node);
  }

  /**
   * What the disk holds if the power goes here.
   *
   * @param seed - decides what chance decides; the same seed gives the same image
   */
  survivors(variant: SurvivalVariant, seed: number): DiskImage {
    const random = seededRandom(seed ^ Math.imul(this.operations + 1, 0x85ebca6b));
    const names = surviveNames(this.#durable, this.#pending, variant.names, random);
    const contents = new Map<SimulatedFile, FrozenContent>();
    const image = new Map<string, FrozenContent | null>();
    for (const [path, node] of names) {
      if (node === null) {
        image.set(path, null);
        continue;
      }
      let content = contents.get(node);
      if (content === undefined) {
        content = surviveData(this.#files.get(node)!, variant.data, random);
        contents.set(node, content);
      }
      image.set(path, content);
    }
    return image;
  }

  /**
   * Tells apart two runs of one script at the same moment: what is durable of each file and name, and how much is not.
   * If it is the same in both, everything that later crashes can leave is the same.
   */
  stateKey(): string {
    const parts = [`${hashImage(this.survivors(DURABLE, 0))} ${this.#pending.length}`];
    for (const { id, durable, limbo, journalLength } of this.#files.values()) {
      const { low, high } = hashContent(durable);
      parts.push(`${id} ${low} ${high} ${limbo.length} ${journalLength}`);
    }
    return parts.sort().join('|');
  }

  #keep(node: SimulatedFile | null): void {
    if (node !== null && !this.#files.has(node)) this.#files.set(node, node.capture());
  }
}

/**
 * A hash of names and bytes, the same for equal images however they arose; 53 bits.
 */
export function hashImage(image: DiskImage): number {
  let low = 0;
  let high = 0;
  for (const [path, content] of image) {
    const name = hashPath(path);
    const hash = content === null ? DIRECTORY_HASH : hashContent(content);
    const a = Math.imul(hash.low ^ name, 0x7feb352d);
    const b = Math.imul(hash.high + Math.imul(name, 0x9e3779b1), 0x846ca68b) ^ (a >>> 15);
    low = (low + (a ^ (a >>> 16))) | 0;
    high = (high + (b ^ (b >>> 13))) | 0;
  }
  return (high >>> 11) * 0x1_0000_0000 + (low >>> 0);
}

const DIRECTORY_HASH = { low: 0x51ed270b, high: 0x2545f491 };
const pathHashes = new Map<string, number>();

function hashPath(path: string): number {
  let hash = pathHashes.get(path);
  if (hash === undefined) {
    hash = 0x811c9dc5;
    for (let i = 0; i < path.length; i++) hash = Math.imul(hash ^ path.charCodeAt(i), 0x01000193);
    hash ^= hash >>> 15;
    if (pathHashes.size > 10_000) pathHashes.clear();
    pathHashes.set(path, hash);
  }
  return hash;
}
