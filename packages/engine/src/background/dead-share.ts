/**
 * How much of a part of the tree nobody can see any more, by a sample of its entries.
 *
 * Entries are taken from all tables that reach into the part, as many of each as it has bytes there, and looked up as a
 * reader would. So overwrites count like deletes, and it doesn't matter how many versions of a key there are or what range
 * deletes cover, none of which the counts in metadata tell.
 */
import { type Piece, piecesOver } from '@lsm/compaction';
import { compareBytes, Entry, type Random, seededRandom } from '@lsm/core';
import { FOUND, type ReadPath } from '../read/read-path.ts';
import type { TableFile } from '../tree/table-file.ts';
import type { TreeView } from '../tree/tree-view.ts';
import type { MemtableUnit } from '../write/memtable-unit.ts';

/**
 * Entries of a sample: of random ones three quarters are dead in 0.6 % of the cases if 65 % of all are, and in 92 % if
 * four fifths are. A piece of which half is live is given up after about 66.
 */
const SAMPLES = 128;
/** Of a sample that has fewer, nothing is said. */
const SAMPLES_LEAST = 96;
/** Places of a table that are tried until one is in the piece. */
const TRIES = 8;
const TWO_32 = 2 ** 32;

/** Who sees what. */
export interface SampleContext {
  readonly view: TreeView;
  /** Memtables that count as well, newest first. */
  readonly units: readonly MemtableUnit[];
  /** Smallest sequence number that a reader is at; SEQUENCE_MAX if there is none. What is newer counts as seen. */
  readonly oldestReaderSequence: number;
}

/** Takes samples; keeps nothing between them but its buffers. */
export class DeadShare {
  readonly #lookup: ReadPath;
  readonly #sample = new Entry();

  /** @param lookup - for this alone */
  constructor(lookup: ReadPath) {
    this.#lookup = lookup;
  }

  /**
   * Whether a share of a piece, or more, is dead; reads some blocks, on the caller's thread, and no more of them as soon
   * as the answer is no.
   *
   * @param pieces - neighbours that together are the key space
   * @param at - which of them
   * @throws LSM_CORRUPTION, LSM_IO and what else reading may throw
   */
  isAtLeast(share: number, pieces: readonly Piece[], at: number, context: SampleContext): boolean {
    const parts = partsOf(context.view, pieces, at);
    let bytes = 0;
    for (const part of parts) bytes += part.bytes;
    // The same tree gives the same sample.
    const random = seededRandom(1);
    let dead = 0;
    let live = 0;
    let row = 0;
    let before = 0;
    for (let i = 0; i < SAMPLES; i++) {
      const place = ((i + 0.5) * bytes) / SAMPLES;
      while (row < parts.length - 1 && place >= before + parts[row]!.bytes) {
        before += parts[row++]!.bytes;
      }
      const part = parts[row];
      if (part === undefined || !this.#take(part, pieces[at]!, random)) continue;
      if (this.#isDead(context)) dead++;
      else live++;
      if (live > (1 - share) * SAMPLES) return false;
    }
    return dead + live >= SAMPLES_LEAST && dead >= share * (dead + live);
  }

  /** Takes a random entry of a table that lies in the piece; false if none was found. */
  #take({ file, from, to }: Part, { lower, upper }: Piece, random: Random): boolean {
    const sample = this.#sample;
    const { table } = file;
    let [low, high] = [from, to];
    for (let tries = 0; tries < TRIES; tries++) {
      const share = low + ((high - low) * random.next()) / TWO_32;
      if (!table.entryNear(share, sample)) return false;
      const key = sample.bytes.subarray(sample.keyOffset, sample.keyOffset + sample.keyLength);
      // The part was a guess: where keys are dense elsewhere, the piece is farther along.
      if (lower !== null && compareBytes(key, lower) < 0) {
        low = share;
        high = tries === 0 ? 1 : high;
      } else if (upper !== null && compareBytes(key, upper) >= 0) {
        high = share;
        low = tries === 0 ? 0 : low;
      } else {
        this.#lookup.key.set(key);
        return true;
      }
    }
    return false;
  }

  #isDead({ units, view, oldestReaderSequence }: SampleContext): boolean {
    const { sequence } = this.#sample;
    if (sequence > oldestReaderSequence) return false;
    const lookup = this.#lookup;
    const found = lookup.find(units, view, oldestReaderSequence);
    return found !== FOUND || lookup.entry.sequence !== sequence;
  }
}

/** What a table has in a piece, if its entries are spread evenly over the pieces that it reaches into. */
interface Part {
  readonly file: TableFile;
  readonly bytes: number;
  /** Shares of the table at which it begins and ends. */
  readonly from: number;
  readonly to: number;
}

function partsOf({ runs }: TreeView, pieces: readonly Piece[], at: number): Part[] {
  const parts: Part[] = [];
  for (const file of runs.flatMap((run) => run.files)) {
    const { metadata } = file;
    const [first, last] = piecesOver(pieces, metadata);
    if (metadata.entries === 0 || at < first || at > last) continue;
    const count = last - first + 1;
    const [from, to] = [(at - first) / count, (at - first + 1) / count];
    parts.push({ file, bytes: metadata.bytes / count, from, to });
  }
  return parts;
}
