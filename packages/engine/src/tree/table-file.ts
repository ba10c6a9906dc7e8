/**
 * One table file of the tree: its metadata, its reader (opened at first use) and who still needs it.
 *
 * A file is held by every tree view that lists it. When the last view lets go of a file that is no longer part of the
 * current version, the reader is closed and the file removed.
 */
import type { TableMetadata } from '@lsm/manifest';
import { Table } from '@lsm/sstable';
import type { TableReads } from './table-reads.ts';

/** A table of the tree. */
export class TableFile {
  readonly metadata: TableMetadata;
  readonly path: string;
  readonly #reads: TableReads;
  readonly #remove: (file: TableFile) => void;
  #table: Table | null = null;
  #references = 0;

  /**
   * @param remove - called when nobody holds the file any more and it is obsolete or the database closes
   */
  constructor(
    metadata: TableMetadata,
    path: string,
    reads: TableReads,
    remove: (file: TableFile) => void,
  ) {
    this.metadata = metadata;
    this.path = path;
    this.#reads = reads;
    this.#remove = remove;
  }

  /** The reader, if it was opened already. */
  get opened(): Table | null {
    return this.#table;
  }

  /** The reader; opens the file at the first call. */
  get table(): Table {
    if (this.#table === null) {
      const { fileId, bytes } = this.metadata;
      this.#table = Table.open(this.#reads.environment, this.path, { fileId, bytes });
    }
    return this.#table;
  }

  /** Holds the file. */
  retain(): void {
    this.#references++;
  }

  /** Lets go of the file. */
  release(): void {
    this.#references--;
    if (this.#references === 0) {
      this.close();
      this.#remove(this);
    }
  }

  /** Closes the reader; it opens again at the next use. */
  close(): void {
    this.#table?.close();
    this.#table = null;
  }
}
