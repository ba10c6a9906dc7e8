/**
 * How much live data there is, and where: learned from the merges that a real tree makes.
 *
 * 1. The largest run says where keys are dense.
 * 2. Between two looks at the tree, tables went and others came: that was merging, of so many bytes in so many runs to
 *    so many bytes. If runs are independent samples of the live data (estimated-merge.ts), that tells how large the
 *    live data is against the largest run: with little, versions meet and vanish; with much, they don't.
 * 3. The factor follows what is seen, a third of the way each time.
 */
import type { TableInfo } from '@lsm/core';
import { estimateMerge } from '../estimated-merge.ts';
import { totalBytes } from '../key-range.ts';

/** A run as its tables are needed here. */
export interface DenseRun {
  readonly tables: readonly Omit<TableInfo, 'busyBy'>[];
}

const SCALE_MIN = 1 / 4;
const SCALE_MAX = 64;
const BISECTIONS = 10;
/** Share of the way to what was seen last. */
const STEP = 1 / 3;

/** Learns the density of live data. */
export class LiveDensity {
  /** Live bytes ÷ bytes of the largest run. */
  scale = 1;
  #before: readonly (readonly TableInfo[])[] = [];
  #largest: readonly TableInfo[] = [];
  #live: readonly TableInfo[] | null = null;

  /**
   * Looks at the tree.
   *
   * @param runs - as they are now, newest first
   * @param newest - of those, the run that a flush has just brought, or `null`
   */
  observe(runs: readonly DenseRun[], newest: DenseRun | null): void {
    const now = runs.map((run) => run.tables as readonly TableInfo[]);
    const known = new Set(this.#before.flatMap((tables) => tables.map((table) => table.id)));
    const present = new Set(now.flatMap((tables) => tables.map((table) => table.id)));
    for (const table of newest?.tables ?? []) known.add(table.id);
    const gone = this.#before
      .map((tables) => tables.filter((table) => !present.has(table.id)))
      .filter((tables) => tables.length > 0);
    let madeBytes = 0;
    for (const tables of now)
      for (const { id, bytes } of tables) if (!known.has(id)) madeBytes += bytes;
    if (gone.length > 1 && madeBytes > 0) this.#learn(gone, madeBytes);
    this.#before = now;
    this.#largest = now.reduce<readonly TableInfo[]>(
      (most, tables) => (totalBytes(tables) > totalBytes(most) ? tables : most),
      [],
    );
    this.#live = null;
  }

  /** Tables that stand for the live data, in key order. */
  get live(): readonly TableInfo[] {
    this.#live ??= scaled(this.#largest, this.scale);
    return this.#live;
  }

  /** Bytes of live data. */
  get bytes(): number {
    return totalBytes(this.#largest) * this.scale;
  }

  /** Finds the factor with which the model would have made of the inputs what was made. */
  #learn(sources: readonly (readonly TableInfo[])[], madeBytes: number): void {
    const shape = { tableBytes: Number.POSITIVE_INFINITY };
    let low = Math.log(SCALE_MIN);
    let high = Math.log(SCALE_MAX);
    for (let i = 0; i < BISECTIONS; i++) {
      const middle = (low + high) / 2;
      const live = scaled(this.#largest, Math.exp(middle));
      let bytes = 0;
      for (const table of estimateMerge({ sources, shape, live })) bytes += table.bytes;
      if (bytes < madeBytes) low = middle;
      else high = middle;
    }
    this.scale = Math.exp(Math.log(this.scale) * (1 - STEP) + ((low + high) / 2) * STEP);
  }
}

function scaled(tables: readonly TableInfo[], scale: number): readonly TableInfo[] {
  return tables.map((table) => ({ ...table, bytes: table.bytes * scale }));
}
