/**
 * Filters, uniform or by Monkey, that take a given number of bytes together.
 *
 * Filters are made with their tables, for the tree as it is then, so that their sum differs somewhat from the budget
 * once the tree has moved on. While the run warms up, the budget is corrected by what it came to.
 */
import { monkey, uniform } from '@lsm/bloom';
import type { FilterAllocator } from '@lsm/core';

/** Uniform filters of a kind, or Monkey. */
export type OverwriteFilter = 'bloom' | 'split-block' | 'monkey';

/** More than any budget here has for a key. */
const BITS_MAX = 24;

/** See the head of the file. */
export class FilterMemory {
  /** For `open`. */
  readonly allocator: FilterAllocator;
  readonly #targetBytes: number;
  #budgetBytes: number;
  #sum = 0;
  #samples = 0;

  /** @param targetBytes - what all filters together shall take */
  constructor(filter: OverwriteFilter, targetBytes: number) {
    this.#targetBytes = targetBytes;
    this.#budgetBytes = targetBytes;
    const inner =
      filter === 'monkey'
        ? monkey({ bitsPerKey: BITS_MAX, hashIndex: false })
        : uniform({ bitsPerKey: BITS_MAX, kind: filter });
    this.allocator = {
      name: inner.name,
      choose: (context) => inner.choose({ ...context, budgetBits: 8 * this.#budgetBytes }),
    };
  }

  /** What the filters take now. */
  sample(filterBytes: number): void {
    this.#sum += filterBytes;
    this.#samples++;
  }

  /** Corrects the budget by the samples since the last correction. */
  correct(): void {
    if (this.#samples === 0) return;
    this.#budgetBytes *= this.#targetBytes / (this.#sum / this.#samples);
    this.#sum = 0;
    this.#samples = 0;
  }
}
