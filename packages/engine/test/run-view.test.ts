/** The search for the table of a run that may hold a key, against a plain look through the bounds. */
import { compareBytes, KeyBuffer } from '@lsm/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RunView } from '../src/tree/run-view.ts';
import type { TableFile } from '../src/tree/table-file.ts';

const key = fc.oneof(
  fc.uint8Array({ maxLength: 3 }),
  fc.uint8Array({ minLength: 3, maxLength: 9 }).map((tail) => {
    const long = new Uint8Array(6 + tail.length).fill(200);
    long.set(
      tail.map((byte) => byte & 0xc0),
      6,
    );
    return long;
  }),
);

/** Disjoint tables with these sorted keys as bounds, two for each. */
function runOf(bounds: readonly Uint8Array[], isOpen: boolean): RunView {
  const files = [];
  for (let i = 0; i + 1 < bounds.length; i += 2) {
    const isLast = i + 3 >= bounds.length;
    const maxKey = isOpen && isLast ? null : bounds[i + 1]!;
    files.push({ metadata: { minKey: bounds[i]!, maxKey, rangeTombstones: 0 } });
  }
  return new RunView(1, 0, files as never as TableFile[]);
}

describe('RunView', () => {
  for (const tables of [3, 60]) {
    it(`finds the table of every key among up to ${tables}, however the bounds share prefixes`, () => {
      fc.assert(
        fc.property(
          fc.uniqueArray(key, {
            comparator: (a, b) => compareBytes(a, b) === 0,
            maxLength: 2 * tables,
            size: 'max',
          }),
          fc.array(key, { maxLength: 30 }),
          fc.boolean(),
          (unsorted, others, isOpen) => {
            const bounds = unsorted.toSorted(compareBytes);
            const run = runOf(bounds, isOpen);
            const buffer = new KeyBuffer(4);
            for (const wanted of [...bounds, ...others]) {
              buffer.set(wanted);
              const first = run.files.findIndex(
                ({ metadata: { maxKey } }) => maxKey === null || compareBytes(maxKey, wanted) >= 0,
              );
              expect(run.firstAtOrAbove(buffer)).toBe(first < 0 ? run.files.length : first);
              const holds =
                first >= 0 && compareBytes(run.files[first]!.metadata.minKey, wanted) <= 0;
              expect(run.find(buffer)).toBe(holds ? first : -1);
            }
          },
        ),
        { numRuns: 300 },
      );
    });
  }
});
