/**
 * How much live data there is, and where: learned from the merges that a real tree makes.
 *
 * 1. The largest run says where keys are dense.
 * 2. Between two looks at the tree, tables went and others came: that was merging, of so many bytes in so many runs to
 *    so many bytes. If runs are independent samples of the live data (estimated-merge.ts), that tells how large the
 *    live data is against the largest run: with little, versions meet and vanish; with much, they don't.
 * 3. Bytes that vanished in merges and bytes that would have by the model are summed up, older ones fading. What vanishes
 *    is in inverse proportion to the live data, about: so its size is corrected by the quotient of the sums.
 */
import type { TableInfo } from '@lsm/core';
import { estimateMerge } from '../estimated-merge.ts';
import { totalBytes } from '../key-range.ts';

/** A run as its tables are needed here. */
export interface DenseRun {
  readonly tables: readonly Omit<TableInfo, 'busyBy'>[];
}

/**
 * Of the largest run: deletes make the live data smaller; if nothing ever vanishes, it has no end.
 */
const SCALE_MIN = 1 / 2;
const SCALE_MAX = 64;
/** What is left of a sum at the next merging. */
const FADING = 0.85;
/** Part of the inputs whose fate says nothing: tables have overheads, and samples are uneven. */
const NOISE = 0.005;
/** Most that it changes at once, as a factor. */
const STEP_MAX = 1.5;
/** Mergings after which what was learned of an empty database is not thrown over any more. */
const CERTAIN_MERGES = 3;

/** Learns the density of live data. */
export class LiveDensity {
  /** Bytes of live data; 0 before the first look. */
  bytes = 0;
  #before: readonly (readonly TableInfo[])[] = [];
  #largest: readonly TableInfo[] = [];
  #live: readonly TableInfo[] | null = null;
  #isFirst = true;
  #merges = 0;
  /** Bytes that vanished in merges, and that would have by the model as it is now. */
  #vanished = 0;
  #expected = 0;

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
    const largestBytes = totalBytes(this.#largest);
    const most = SCALE_MAX * largestBytes;
    // Of an empty database nothing is known: nothing vanishes until it does.
    const bytes = this.bytes === 0 ? most : this.bytes;
    this.bytes = Math.min(most, Math.max(SCALE_MIN * largestBytes, bytes));
    if (this.#isFirst && largestBytes > 0) {
      this.bytes = largestBytes;
      this.#merges = CERTAIN_MERGES;
    }
    this.#isFirst = false;
    this.#live = null;
  }

  /** Tables that stand for the live data, in key order. */
  get live(): readonly TableInfo[] {
    const scale = this.bytes / Math.max(1, totalBytes(this.#largest));
    this.#live ??= this.#largest.map((table) => ({ ...table, bytes: table.bytes * scale }));
    return this.#live;
  }

  /** Corrects the size of the live data by what became of inputs. */
  #learn(sources: readonly (readonly TableInfo[])[], madeBytes: number): void {
    const shape = { tableBytes: Number.POSITIVE_INFINITY };
    let inputBytes = 0;
    for (const tables of sources) inputBytes += totalBytes(tables);
    const estimates = estimateMerge({ sources, shape, live: this.live });
    const noise = NOISE * inputBytes;
    this.#vanished = this.#vanished * FADING + Math.max(0, inputBytes - madeBytes) + noise;
    this.#expected =
      this.#expected * FADING + Math.max(0, inputBytes - totalBytes(estimates)) + noise;
    const wanted = this.#expected / this.#vanished;
    const stepMax = this.#merges++ < CERTAIN_MERGES ? SCALE_MAX : STEP_MAX;
    const step = Math.min(stepMax, Math.max(1 / stepMax, wanted));
    this.#expected /= step;
    this.bytes *= step;
  }
}
