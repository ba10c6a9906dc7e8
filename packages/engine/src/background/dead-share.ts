/**
 * How much of a part of the tree nobody can see any more, by a sample of its entries.
 *
 * Entries are taken at even distances of bytes from all tables that reach into the part, and looked up as a reader
 * would. So overwrites count like deletes, and it doesn't matter how many versions of a key there are or what range
 * deletes cover, none of which the counts in metadata tell.
 */
import { meetsPiece, type Piece } from '@lsm/compaction';
import { compareBytes, Entry } from '@lsm/core';
import { FOUND, type ReadPath } from '../read/read-path.ts';
import type { TableFile } from '../tree/table-file.ts';
import type { TreeView } from '../tree/tree-view.ts';
import type { MemtableUnit } from '../write/memtable-unit.ts';

/** Entries of a sample: of random ones 3/4 are dead in 0.4 % of the cases if a half is, and in 83 % if four fifths are. */
const SAMPLES = 32;

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
   * @throws LSM_CORRUPTION, LSM_IO and what else reading may throw
   */
  isAtLeast(share: number, piece: Piece, context: SampleContext): boolean {
    const files = context.view.runs
      .flatMap((run) => run.files)
      .filter(({ metadata }) => meetsPiece(metadata, piece) && metadata.entries > 0);
    let bytes = 0;
    for (const { metadata } of files) bytes += metadata.bytes;
    let dead = 0;
    let live = 0;
    let file = 0;
    let before = 0;
    for (let i = 0; i < SAMPLES; i++) {
      const at = ((i + 0.5) * bytes) / SAMPLES;
      while (file < files.length - 1 && at >= before + files[file]!.metadata.bytes) {
        before += files[file++]!.metadata.bytes;
      }
      const sampled = files[file];
      if (sampled === undefined || !this.#take(sampled, at - before, piece)) continue;
      if (this.#isDead(context)) dead++;
      else live++;
      if (live > (1 - share) * SAMPLES) return false;
    }
    return dead > 0 && dead >= share * (dead + live);
  }

  /** Takes the entry at so many bytes of a table; false if it lies outside the piece. */
  #take({ metadata, table }: TableFile, at: number, { lower, upper }: Piece): boolean {
    const sample = this.#sample;
    if (!table.entryNear(at / metadata.bytes, sample)) return false;
    const key = sample.bytes.subarray(sample.keyOffset, sample.keyOffset + sample.keyLength);
    if (lower !== null && compareBytes(key, lower) < 0) return false;
    if (upper !== null && compareBytes(key, upper) >= 0) return false;
    this.#lookup.key.set(key);
    return true;
  }

  #isDead({ units, view, oldestReaderSequence }: SampleContext): boolean {
    const { sequence } = this.#sample;
    if (sequence > oldestReaderSequence) return false;
    const lookup = this.#lookup;
    const found = lookup.find(units, view, oldestReaderSequence);
    return found !== FOUND || lookup.entry.sequence !== sequence;
  }
}
