import { compareBytes, type RangeTombstone, RangeTombstones } from '@lsm/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const key = fc.uint8Array({ maxLength: 2, max: 5 });
const tombstone: fc.Arbitrary<RangeTombstone> = fc.record({
  lower: key,
  upper: fc.option(key),
  sequence: fc.integer({ min: 1, max: 50 }),
});

function naive(all: readonly RangeTombstone[], at: Uint8Array, max: number): number {
  let newest = -1;
  for (const { lower, upper, sequence } of all) {
    if (sequence > max || sequence < newest) continue;
    if (compareBytes(lower, at) > 0) continue;
    if (upper !== null && compareBytes(at, upper) >= 0) continue;
    newest = sequence;
  }
  return newest;
}

describe('RangeTombstones', () => {
  it('answers as a scan over all members does, however queries and additions mix', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(tombstone, key, fc.integer({ min: 0, max: 50 })), { maxLength: 80 }),
        (steps) => {
          const set = new RangeTombstones();
          const all: RangeTombstone[] = [];
          for (const [added, at, max] of steps) {
            set.add(added);
            all.push(added);
            expect(set.maxCoveringSequence(at, max)).toBe(naive(all, at, max));
          }
        },
      ),
    );
  });

  it('cuts into disjoint fragments that say the same', () => {
    fc.assert(
      fc.property(fc.array(tombstone, { maxLength: 20 }), key, (all, at) => {
        const set = new RangeTombstones();
        for (const member of all) set.add(member);
        const fragments = set.fragments();
        for (let i = 1; i < fragments.length; i++) {
          const before = fragments[i - 1]!;
          expect(before.upper).not.toBeNull();
          expect(compareBytes(before.upper!, fragments[i]!.lower)).toBeLessThanOrEqual(0);
        }
        const covering = fragments.filter(
          ({ lower, upper }) =>
            compareBytes(lower, at) <= 0 && (upper === null || compareBytes(at, upper) < 0),
        );
        expect(covering[0]?.sequences[0] ?? -1).toBe(naive(all, at, Number.MAX_SAFE_INTEGER));
      }),
    );
  });

  it('forgets a removed member', () => {
    const set = new RangeTombstones();
    set.add({ lower: Uint8Array.of(1), upper: null, sequence: 5 });
    set.add({ lower: Uint8Array.of(1), upper: null, sequence: 9 });
    set.fragments();
    set.remove(9);
    set.remove(77);
    expect(set.maxCoveringSequence(Uint8Array.of(2), 100)).toBe(5);
    expect(set.count).toBe(1);
  });

  it('ignores empty ranges', () => {
    const set = new RangeTombstones();
    set.add({ lower: Uint8Array.of(2), upper: Uint8Array.of(2), sequence: 5 });
    set.add({ lower: Uint8Array.of(3), upper: Uint8Array.of(1), sequence: 6 });
    expect(set.count).toBe(0);
  });
});
