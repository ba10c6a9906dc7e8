/** What every {@link FilterAllocator} has to do: a pure function to legal choices, within the budget if it has one. */

import type { PointIndexKindName, Random } from '@lsm/core';
import {
  type FilterAllocator,
  type FilterChoice,
  type FilterContext,
  seededRandom,
} from '@lsm/core';
import type { TestTools } from './test-tools.ts';

const KINDS: readonly PointIndexKindName[] = [
  'none',
  'bloom',
  'split-block',
  'fuse8',
  'hash-index',
];

/** What is expected beyond the contract. */
export interface FilterAllocatorExpectations {
  /** Whether all choices of a tree together stay within `budgetBits`; default false. */
  readonly keepsBudget?: boolean;
}

/** Defines the suite. */
export function filterAllocatorConformance(
  allocator: FilterAllocator,
  { describe, it, expect }: TestTools,
  expectations: FilterAllocatorExpectations = {},
): void {
  describe(`FilterAllocator conformance: ${allocator.name}`, () => {
    const contexts = makeContexts(300, seededRandom(5));

    it('chooses a known kind and finite bits for every tree', () => {
      for (const context of contexts) {
        const { kind, bitsPerKey } = allocator.choose(context);
        expect(KINDS.includes(kind)).toBe(true);
        expect(Number.isFinite(bitsPerKey) && bitsPerKey >= 0 && bitsPerKey <= 64).toBe(true);
      }
    });

    it('is pure: the same frozen context gives the same choice, in any order', () => {
      const first = contexts.map((context) => allocator.choose(deepFreeze(context)));
      const again = contexts.toReversed().map((context) => allocator.choose(context));
      expect(again.toReversed()).toEqual(first);
    });

    it('survives trees without entries and single runs', () => {
      for (const budgetBits of [null, 0, 1]) {
        const output = { level: 0, runEntries: 0, tableEntries: 0, isOldest: true };
        const { bitsPerKey } = allocator.choose({ runs: [], output, budgetBits });
        expect(Number.isFinite(bitsPerKey)).toBe(true);
      }
    });

    if (expectations.keepsBudget === true) {
      it('keeps the filters of a tree within the budget', () => {
        for (const { runs, budgetBits } of contexts) {
          if (budgetBits === null) continue;
          let bits = 0;
          for (const [i, run] of runs.entries()) {
            bits += bitsOf(allocator.choose(contextOf(runs, i, budgetBits)), run.entries);
          }
          expect(bits).toBeLessThanOrEqual(budgetBits * 1.02 + 1024);
        }
      });
    }
  });
}

function bitsOf({ kind, bitsPerKey }: FilterChoice, entries: number): number {
  return kind === 'none' ? 0 : bitsPerKey * entries;
}

function makeContexts(count: number, random: Random): FilterContext[] {
  return Array.from({ length: count }, (_, n) => {
    const runCount = 1 + (random.next() % 8);
    let entries = 1 + (random.next() % 5000);
    const runs = Array.from({ length: runCount }, (__, i) => {
      entries = Math.ceil(entries * (0.5 + (random.next() % 80) / 10));
      return { level: Math.min(i, 6), entries };
    });
    const total = runs.reduce((sum, run) => sum + run.entries, 0);
    const budgetBits = n % 3 === 0 ? null : total * (random.next() % 30);
    return contextOf(runs, random.next() % runCount, budgetBits);
  });
}

function contextOf(
  runs: FilterContext['runs'],
  index: number,
  budgetBits: number | null,
): FilterContext {
  const { level, entries } = runs[index]!;
  const tableEntries = Math.min(entries, 100_000);
  const isOldest = index === runs.length - 1;
  return { runs, output: { level, runEntries: entries, tableEntries, isOldest }, budgetBits };
}

/** Freezes plain data all the way down. */
function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) deepFreeze(part);
  }
  return value;
}
