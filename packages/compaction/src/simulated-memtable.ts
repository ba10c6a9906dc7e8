/** The simulator's write buffer: what was written since the last flush, sorted when asked. */
import { EntryKind, type RangeTombstone } from '@lsm/core';
import type { SimulatedEntries, SimulatedKeys } from './simulated-table.ts';

interface Write {
  readonly key: number;
  readonly sequence: number;
  readonly kind: number;
}

/** Collects writes. */
export class SimulatedMemtable {
  readonly #keys: SimulatedKeys;
  #writes: Write[] = [];
  #rangeTombstones: RangeTombstone[] = [];
  #sorted: SimulatedEntries | null = null;

  constructor(keys: SimulatedKeys) {
    this.#keys = keys;
  }

  /** Writes since the last flush. */
  get count(): number {
    return this.#writes.length + this.#rangeTombstones.length;
  }

  put(key: number, sequence: number): void {
    this.#writes.push({ key, sequence, kind: EntryKind.put });
    this.#sorted = null;
  }

  del(key: number, sequence: number): void {
    this.#writes.push({ key, sequence, kind: EntryKind.delete });
    this.#sorted = null;
  }

  delRange(lower: number, upper: number | null, sequence: number): void {
    const end = upper === null ? null : this.#keys.copy(upper);
    this.#rangeTombstones.push({ lower: this.#keys.copy(lower), upper: end, sequence });
    this.#sorted = null;
  }

  /** All writes in internal order. */
  entries(): SimulatedEntries {
    if (this.#sorted !== null) return this.#sorted;
    const writes = this.#writes.toSorted((a, b) => a.key - b.key || b.sequence - a.sequence);
    this.#sorted = {
      keys: Uint32Array.from(writes, (write) => write.key),
      sequences: Float64Array.from(writes, (write) => write.sequence),
      kinds: Uint8Array.from(writes, (write) => write.kind),
      values: Uint32Array.from(writes, (write) => write.sequence),
      rangeTombstones: [...this.#rangeTombstones],
    };
    return this.#sorted;
  }

  clear(): void {
    this.#writes = [];
    this.#rangeTombstones = [];
    this.#sorted = null;
  }
}
