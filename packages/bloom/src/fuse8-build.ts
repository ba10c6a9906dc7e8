/**
 * Construction of a binary fuse filter: find cell values such that the three cells of every key xor to its fingerprint.
 *
 * 1. Mix each key's hash with the seed. For each cell keep how many keys use it, the xor of their mixed hashes and the
 *    xor of their roles (first, second or third cell). A cell with one key names that key.
 * 2. Peel: take a cell of one key, remember (key, cell), remove the key from its other cells; repeat.
 * 3. If all keys are peeled, assign cells in reverse order; each key's remembered cell is still free then.
 * 4. Else the next seed. Equal hashes never peel, so they are removed after the first failure.
 *
 * Sorting the keys by segment first, as the authors do, made no difference up to a million keys (2026-11).
 */
import {
  type FuseLayout,
  fuseCells,
  fuseLayout,
  mixHigh,
  mixLow,
  mixThird,
} from './fuse8-layout.ts';

/** One attempt fails for 2 to 10 % of sets, for a third at the worst sizes: so many never do. */
const ATTEMPTS_MAX = 100;
const TWO_32 = 0x1_0000_0000;

/** A built filter. */
export interface Fuse {
  readonly layout: FuseLayout;
  readonly seed: number;
  /** Distinct keys. */
  readonly keys: number;
  /** Cell values. */
  readonly cells: Uint8Array;
}

/**
 * Builds a filter.
 *
 * @param hashes - low and high lane of each key in turn; borrowed, reordered if some are equal
 * @param keys - pairs in `hashes`, ≥ 1
 * @returns `null` if no seed works (never seen)
 */
export function buildFuse(hashes: Int32Array, keys: number): Fuse | null {
  let distinct = keys;
  let construction = new FuseConstruction(keys);
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const seed = Math.imul(attempt + 1, 0x9e3779b1);
    if (construction.populate(hashes, seed) && construction.peel()) {
      return { layout: construction.layout, seed, keys: distinct, cells: construction.assign() };
    }
    if (attempt === 0) {
      distinct = removeDuplicates(hashes, keys);
      if (distinct < keys) construction = new FuseConstruction(distinct);
    }
  }
  return null;
}

/** Working memory for one number of keys, used for one seed after another. */
class FuseConstruction {
  readonly layout: FuseLayout;
  readonly #keys: number;
  readonly #cellCount: number;
  readonly #scale: number;
  /** Mixed hashes in the order of peeling. */
  readonly #lows: Int32Array;
  readonly #highs: Int32Array;
  /** For each cell: keys << 2 | xor of roles. */
  readonly #counts: Uint8Array;
  readonly #lowXors: Int32Array;
  readonly #highXors: Int32Array;
  /** Role of the remembered cell of each peeled key. */
  readonly #roles: Uint8Array;

  constructor(keys: number) {
    this.layout = fuseLayout(keys);
    this.#keys = keys;
    this.#cellCount = fuseCells(this.layout);
    this.#scale = (this.layout.segmentCount * 2 ** this.layout.segmentBits) / TWO_32;
    this.#lows = new Int32Array(keys);
    this.#highs = new Int32Array(keys);
    this.#counts = new Uint8Array(this.#cellCount);
    this.#lowXors = new Int32Array(this.#cellCount);
    this.#highXors = new Int32Array(this.#cellCount);
    this.#roles = new Uint8Array(keys);
  }

  /** Step 1; false if a cell has more keys than its counter can hold. */
  populate(hashes: Int32Array, seed: number): boolean {
    const counts = this.#counts.fill(0);
    const lowXors = this.#lowXors.fill(0);
    const highXors = this.#highXors.fill(0);
    const segment = 1 << this.layout.segmentBits;
    const mask = segment - 1;
    let overflow = 0;
    for (let i = 0; i < this.#keys; i++) {
      const low = mixLow(hashes[2 * i]!, seed);
      const high = mixHigh(hashes[2 * i + 1]!, low);
      const cell0 = ((low >>> 0) * this.#scale) | 0;
      const cell1 = (cell0 + segment) ^ (high & mask);
      const cell2 = (cell0 + 2 * segment) ^ (mixThird(low, high) & mask);
      const count0 = counts[cell0]! + 4;
      const count1 = (counts[cell1]! + 4) ^ 1;
      const count2 = (counts[cell2]! + 4) ^ 2;
      overflow |= count0 | count1 | count2;
      counts[cell0] = count0;
      counts[cell1] = count1;
      counts[cell2] = count2;
      lowXors[cell0]! ^= low;
      lowXors[cell1]! ^= low;
      lowXors[cell2]! ^= low;
      highXors[cell0]! ^= high;
      highXors[cell1]! ^= high;
      highXors[cell2]! ^= high;
    }
    return overflow < 256;
  }

  /** Step 2; false if keys are left over. */
  peel(): boolean {
    const segment = 1 << this.layout.segmentBits;
    const mask = segment - 1;
    const { alone, count: aloneCount } = this.#cellsOfOneKey();
    let waiting = aloneCount;
    let peeled = 0;
    while (waiting > 0) {
      const cell = alone[--waiting]!;
      const count = this.#counts[cell]!;
      if (count >> 2 !== 1) continue;
      const role = count & 3;
      const low = this.#lowXors[cell]!;
      const high = this.#highXors[cell]!;
      this.#lows[peeled] = low;
      this.#highs[peeled] = high;
      this.#roles[peeled++] = role;
      const cell0 = ((low >>> 0) * this.#scale) | 0;
      const cell1 = (cell0 + segment) ^ (high & mask);
      const cell2 = (cell0 + 2 * segment) ^ (mixThird(low, high) & mask);
      if (role !== 0) waiting = this.#remove(cell0, 0, low, high, alone, waiting);
      if (role !== 1) waiting = this.#remove(cell1, 1, low, high, alone, waiting);
      if (role !== 2) waiting = this.#remove(cell2, 2, low, high, alone, waiting);
    }
    return peeled === this.#keys;
  }

  /** Step 3. */
  assign(): Uint8Array {
    const segment = 1 << this.layout.segmentBits;
    const mask = segment - 1;
    const cells = new Uint8Array(this.#cellCount);
    for (let i = this.#keys - 1; i >= 0; i--) {
      const low = this.#lows[i]!;
      const high = this.#highs[i]!;
      const third = mixThird(low, high);
      const cell0 = ((low >>> 0) * this.#scale) | 0;
      const cell1 = (cell0 + segment) ^ (high & mask);
      const cell2 = (cell0 + 2 * segment) ^ (third & mask);
      const role = this.#roles[i]!;
      const target = role === 0 ? cell0 : role === 1 ? cell1 : cell2;
      cells[target] = (third >>> 24) ^ cells[cell0]! ^ cells[cell1]! ^ cells[cell2]!;
    }
    return cells;
  }

  #remove(
    cell: number,
    role: number,
    low: number,
    high: number,
    alone: Int32Array,
    waiting: number,
  ): number {
    const count = (this.#counts[cell]! - 4) ^ role;
    this.#counts[cell] = count;
    this.#lowXors[cell]! ^= low;
    this.#highXors[cell]! ^= high;
    if (count >> 2 !== 1) return waiting;
    alone[waiting] = cell;
    return waiting + 1;
  }

  #cellsOfOneKey(): { alone: Int32Array; count: number } {
    const alone = new Int32Array(this.#cellCount);
    let count = 0;
    for (let cell = 0; cell < this.#cellCount; cell++) {
      if (this.#counts[cell]! >> 2 === 1) alone[count++] = cell;
    }
    return { alone, count };
  }
}

/** Moves the distinct hashes to the front, in their order; returns how many there are. */
function removeDuplicates(hashes: Int32Array, keys: number): number {
  const mask = 2 ** Math.ceil(Math.log2(2 * keys)) - 1;
  const table = new Int32Array(mask + 1).fill(-1);
  let distinct = 0;
  for (let i = 0; i < keys; i++) {
    const low = hashes[2 * i]!;
    const high = hashes[2 * i + 1]!;
    let at = mixHigh(high, mixLow(low, 0)) & mask;
    let other = table[at]!;
    while (other >= 0 && (hashes[2 * other] !== low || hashes[2 * other + 1] !== high)) {
      at = (at + 1) & mask;
      other = table[at]!;
    }
    if (other >= 0) continue;
    table[at] = distinct;
    hashes[2 * distinct] = low;
    hashes[2 * distinct + 1] = high;
    distinct++;
  }
  return distinct;
}
