/** What worker.test.ts writes and attach-worker.ts expects to read. */

/** Keys in the memtable. */
export const KEYS = 15_000;
/** Bytes of each value. */
export const VALUE_BYTES = 60;

/** What the worker found. */
export interface WorkerReport {
  readonly missing: number;
  readonly torn: number;
  readonly unordered: number;
  readonly walked: number;
  readonly gets: number;
}

/** The key of an index: neighbours share prefixes, order of keys is not order of indices. */
export function keyOf(index: number): Uint8Array {
  return new TextEncoder().encode(`key:${(Math.imul(index, 0x9e3779b1) >>> 0).toString(16)}`);
}
