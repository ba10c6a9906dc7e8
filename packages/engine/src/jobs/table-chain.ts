/** A forward cursor over the tables of one run, each opened when it is reached and closed when it is done. */
import { type Cursor, Entry, LsmError } from '@lsm/core';
import type { TableMetadata } from '@lsm/manifest';
import type { Table } from '@lsm/sstable';

/** Cursor over all entries of some tables in key order; forward only, as merges read. */
export class TableChain implements Cursor {
  valid = false;
  readonly entry: Entry = new Entry();
  readonly #tables: readonly TableMetadata[];
  readonly #open: (table: TableMetadata) => Table;
  #index = -1;
  #table: Table | null = null;
  #child: Cursor | null = null;

  /** @param open - opens a table for reading; closed by the chain or by the caller, whoever is first */
  constructor(tables: readonly TableMetadata[], open: (table: TableMetadata) => Table) {
    this.#tables = tables;
    this.#open = open;
  }

  seekToFirst(): void {
    this.#index = -1;
    this.#advance();
  }

  next(): void {
    this.#child!.next();
    this.#settle();
  }

  seek(): void {
    throw forwardOnly();
  }

  seekToLast(): void {
    throw forwardOnly();
  }

  prev(): void {
    throw forwardOnly();
  }

  close(): void {
    this.#child?.close();
    this.#table?.close();
    this.#child = null;
    this.#table = null;
    this.valid = false;
  }

  #advance(): void {
    this.close();
    this.#index++;
    const metadata = this.#tables[this.#index];
    if (metadata === undefined) return;
    this.#table = this.#open(metadata);
    this.#child = this.#table.cursor({ readAhead: true, fillCache: false });
    this.#child.seekToFirst();
    this.#settle();
  }

  #settle(): void {
    const child = this.#child!;
    if (!child.valid) {
      this.#advance();
      return;
    }
    this.entry.assign(child.entry);
    this.valid = true;
  }
}

function forwardOnly(): LsmError {
  return new LsmError('LSM_INTERNAL', 'A merge reads its inputs forward only.');
}
