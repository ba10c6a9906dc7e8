import {
  areDisjoint,
  elideTombstones,
  hasOlder,
  hullOf,
  inclusiveUpper,
  levelTargets,
  overlapBounds,
  overlapGroups,
  overlapping,
  overlapSets,
  PlanDraft,
  pickTables,
  rangesOverlap,
  TABLE_PICKERS,
  totalBytes,
} from '@lsm/compaction';
import { type CompactionTask, compareBytes, type TableInfo } from '@lsm/core';
import {
  treeKey as key,
  treeRun as run,
  treeSnapshot as snapshot,
  treeTable as table,
} from '@lsm/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

describe('key ranges', () => {
  test('overlap when they share a border key', () => {
    const level = [table(1, 'a-h'), table(2, 'i-p'), table(3, 'q-z')];
    expect(overlapping(level, table(9, 'b-q')).map(({ id }) => id)).toEqual([1, 2, 3]);
    expect(overlapping(level, table(9, 'h-h')).map(({ id }) => id)).toEqual([1]);
    expect(overlapping([table(1, 'a-c'), table(2, 'e-g')], table(9, 'd-d'))).toEqual([]);
    expect(overlapping(level, table(9, 'r-*')).map(({ id }) => id)).toEqual([3]);
  });

  test('are found by binary search as by looking at each', () => {
    const letter = fc.integer({ min: 0, max: 30 });
    fc.assert(
      fc.property(fc.uniqueArray(letter, { maxLength: 20 }), letter, letter, (borders, a, b) => {
        const bytes = (n: number): Uint8Array => Uint8Array.of(n);
        const sorted = borders.toSorted((x, y) => x - y);
        const tables = Array.from({ length: sorted.length >> 1 }, (_, i) => ({
          minKey: bytes(sorted[2 * i]!),
          maxKey: bytes(sorted[2 * i + 1]!),
        }));
        const range = { minKey: bytes(Math.min(a, b)), maxKey: bytes(Math.max(a, b)) };
        const [start, end] = overlapBounds(tables, range);
        expect(tables.map((other) => rangesOverlap(other, range))).toEqual(
          tables.map((_, i) => i >= start && i < end),
        );
      }),
    );
  });

  test('have a hull, and may be disjoint', () => {
    expect(hullOf([table(1, 'c-d'), table(2, 'a-b')])).toEqual({
      minKey: key('a'),
      maxKey: key('d'),
    });
    expect(hullOf([table(1, 'c-*'), table(2, 'a-b')]).maxKey).toBe(null);
    expect(() => hullOf([])).toThrow();
    expect(areDisjoint([table(1, 'c-d'), table(2, 'a-b')])).toBe(true);
    expect(areDisjoint([table(1, 'c-d'), table(2, 'a-c')])).toBe(false);
    expect(areDisjoint([table(1, 'c-*'), table(2, 'x-y')])).toBe(false);
  });

  test('end at the key before an exclusive bound, if there is one', () => {
    expect(inclusiveUpper(key('ab\0'))).toEqual(key('ab'));
    expect(inclusiveUpper(key('ab'))).toEqual(key('ab'));
  });
});

describe('levelTargets', () => {
  test('divide the last level downwards until L0 can feed the base level', () => {
    const sizes = { bytes: [0, 0, 0, 0, 0, 0, 10_000], last: 6, ratio: 10, baseBytes: 100 };
    expect(levelTargets(sizes)).toEqual({
      base: 4,
      bytes: [0, 0, 0, 0, 100, 1000, Number.POSITIVE_INFINITY],
    });
  });

  test('give a small tree no upper level', () => {
    const sizes = { bytes: [0, 0, 0, 50], last: 3, ratio: 10, baseBytes: 100 };
    expect(levelTargets(sizes).base).toBe(3);
    expect(levelTargets({ ...sizes, bytes: [] }).base).toBe(3);
  });

  test('make levels of 8, 64, 512, … tables at a ratio of 8', () => {
    const bytes = [0, 0, 0, 0, 0, 0, 262_144];
    const targets = levelTargets({ bytes, last: 6, ratio: 8, baseBytes: 8 });
    expect(targets.base).toBe(1);
    expect(targets.bytes.slice(1, 6)).toEqual([8, 64, 512, 4096, 32_768]);
  });

  test('keep upper levels together below 1/(ratio − 1) of the last', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e12 }),
        fc.integer({ min: 2, max: 30 }),
        (size, ratio) => {
          const { bytes, base } = levelTargets({
            bytes: [0, 0, 0, 0, 0, 0, 0, 0, size],
            last: 8,
            ratio,
            baseBytes: 1e6,
          });
          const upper = bytes.slice(base, 8).reduce((sum, target) => sum + target, 0);
          expect(upper).toBeLessThanOrEqual(size / (ratio - 1) + 1);
        },
      ),
    );
  });
});

describe('pickTables', () => {
  const upper = [
    table(1, 'a-c', { maxSequence: 30 }),
    table(2, 'd-f', { maxSequence: 10, bytes: 150 }),
    table(3, 'g-i', { maxSequence: 20, reclaimableBytes: 500 }),
  ];
  const lower = [table(4, 'a-b'), table(5, 'c-d'), table(6, 'e-e'), table(7, 'f-f')];
  const ids = (picker: Parameters<typeof pickTables>[2], after: string | null = null): number[] =>
    [...pickTables(upper, lower, picker, after === null ? null : key(after))].map(
      (c) => c.table.id,
    );

  test('orders by what each picker prefers', () => {
    expect(ids('min-overlap')).toEqual([3, 1, 2]);
    expect(ids('oldest')).toEqual([2, 3, 1]);
    expect(ids('largest')).toEqual([3, 2, 1]);
    expect(ids('round-robin')).toEqual([1, 2, 3]);
  });

  test('orders by tombstones and by wasted reads, and by overlap where there are none', () => {
    expect(ids('tombstone-density')).toEqual(ids('min-overlap'));
    expect(ids('wasted-reads')).toEqual(ids('min-overlap'));
    const busy = [
      table(1, 'a-c', { pointTombstones: 1, wastedReads: 10 }),
      table(2, 'd-f', { pointTombstones: 9, wastedReads: 30, bytes: 1000 }),
      table(3, 'g-i', { rangeTombstones: 2, wastedReads: 20 }),
    ];
    const order = (picker: Parameters<typeof pickTables>[2]): number[] =>
      [...pickTables(busy, lower, picker, null)].map((c) => c.table.id);
    expect(order('tombstone-density')).toEqual([2, 3, 1]);
    expect(order('wasted-reads')).toEqual([3, 1, 2]);
  });

  test('goes round from where the last pick ended', () => {
    expect(ids('round-robin', 'c')).toEqual([2, 3, 1]);
    expect(ids('round-robin', 'f')).toEqual([3, 1, 2]);
    expect(ids('round-robin', 'z')).toEqual([1, 2, 3]);
  });

  test('finds a table that overlaps no more than the ratio of the levels: 9 inputs at a ratio of 8', () => {
    const widths = fc.tuple(fc.nat(3), fc.nat(60));
    fc.assert(
      fc.property(
        fc.array(widths, { minLength: 1, maxLength: 12 }),
        fc.infiniteStream(widths),
        (above, more) => {
          const equal = (one: TableInfo): TableInfo => ({ ...one, bytes: 1 });
          const tables = runOf(above, 0).map(equal);
          const below = [...more.take(8 * above.length)].map(([gap, width]): [number, number] => [
            gap,
            width >> 3,
          ]);
          const [best] = pickTables(tables, runOf(below, 1000).map(equal), 'min-overlap', null);
          expect(best!.overlap.length).toBeLessThanOrEqual(8);
        },
      ),
      { seed: 29, numRuns: 300 },
    );
  });

  test('finds overlaps, and orders, as looking at each table and sorting would', () => {
    const widths = fc.array(fc.tuple(fc.nat(3), fc.nat(2)), { maxLength: 40 });
    const picked = fc.constantFrom(...TABLE_PICKERS);
    fc.assert(
      fc.property(widths, widths, picked, fc.option(fc.nat(90)), (above, below, picker, after) => {
        const [tables, target] = [runOf(above, 0), runOf(below, 1000)];
        const from = after === null ? null : keyOf(after);
        const found = [...pickTables(tables, target, picker, from)];
        for (const { table: one, overlap, overlapBytes } of found) {
          expect(overlap).toEqual(overlapping(target, one));
          expect(overlapBytes).toBe(totalBytes(overlap));
        }
        const expected = sortedByHand(tables, target, picker, from);
        expect(found.map((one) => one.table.id)).toEqual(expected);
      }),
      { seed: 17, numRuns: 300 },
    );
  });
});

const keyOf = (n: number): Uint8Array => Uint8Array.of(n >> 8, n & 255);

/** Tables in key order, each given by the gap before it and its width. */
function runOf(widths: readonly (readonly [number, number])[], firstId: number): TableInfo[] {
  let end = -1;
  return widths.map(([gap, width], i) => {
    const start = end + 1 + gap;
    end = start + width;
    const [minKey, maxKey] = [keyOf(start), keyOf(end)];
    const more = { minKey, maxKey, bytes: 1 + ((i * 7) % 5), maxSequence: (i * 5) % 4 };
    const counts = { pointTombstones: i % 3, wastedReads: (i * 3) % 7 };
    return { ...table(firstId + i, 'a-b'), ...more, ...counts };
  });
}

function sortedByHand(
  tables: readonly TableInfo[],
  target: readonly TableInfo[],
  picker: (typeof TABLE_PICKERS)[number],
  after: Uint8Array | null,
): number[] {
  const isAfter = (one: TableInfo): boolean =>
    after !== null && compareBytes(one.minKey, after) > 0;
  const turned = [...tables.filter(isAfter), ...tables.filter((one) => !isAfter(one))];
  const ratio = (one: TableInfo): number =>
    totalBytes(overlapping(target, one)) / (one.bytes + one.reclaimableBytes);
  const ranks = {
    'min-overlap': ratio,
    'round-robin': () => 0,
    oldest: (one: TableInfo) => one.maxSequence,
    largest: (one: TableInfo) => -one.bytes - one.reclaimableBytes,
    'tombstone-density': (one: TableInfo) => -one.pointTombstones / one.entries,
    'wasted-reads': (one: TableInfo) => -one.wastedReads! / one.bytes,
  };
  const rank = ranks[picker];
  const second = picker === 'round-robin' ? () => 0 : ratio;
  return turned.toSorted((a, b) => rank(a) - rank(b) || second(a) - second(b)).map((one) => one.id);
}

describe('overlapSets', () => {
  test('gives the worked example: ABD and BCD', () => {
    const ranges = [table(1, '0-3'), table(2, '2-7'), table(3, '6-9'), table(4, '1-8')];
    const sets = overlapSets(ranges).map((set) => new Set(set.map(({ id }) => 'ABCD'[id - 1])));
    expect(sets).toEqual([new Set('ABD'), new Set('BCD')]);
  });

  test('are the largest groups with a common key, and nothing else', () => {
    const end = fc.integer({ min: 0, max: 12 });
    fc.assert(
      fc.property(fc.array(fc.tuple(end, end), { maxLength: 9 }), (pairs) => {
        const ranges = pairs.map(([a, b], id) => ({
          id,
          minKey: Uint8Array.of(Math.min(a, b)),
          maxKey: a === b ? null : Uint8Array.of(Math.max(a, b)),
        }));
        const at = Array.from({ length: 14 }, (_, k) => {
          const point = { minKey: Uint8Array.of(k), maxKey: Uint8Array.of(k) };
          return ranges.filter((range) => rangesOverlap(range, point)).map(({ id }) => id);
        });
        const isSubset = (a: readonly number[], b: readonly number[]): boolean =>
          a.every((id) => b.includes(id));
        const largest = at.filter(
          (set) => set.length > 0 && at.every((o) => !isSubset(set, o) || isSubset(o, set)),
        );
        const named = (set: readonly number[]): string => set.toSorted((a, b) => a - b).join();
        const sets = overlapSets(ranges).map((set) => named(set.map(({ id }) => id)));
        expect(new Set(sets)).toEqual(new Set(largest.map(named)));
        expect(new Set(sets).size).toBe(sets.length);
      }),
    );
  });
});

describe('overlapGroups', () => {
  const tables = (count: number, seed: number) =>
    Array.from({ length: count }, (_, i) => ({
      maxKey: Uint8Array.of(i >> 8, i & 255, seed),
      bytes: 10,
    }));

  test('cover the run in order, none too large', () => {
    for (const count of [0, 1, 2, 50, 300]) {
      const list = tables(count, 1);
      const groups = overlapGroups(list, 80);
      expect(groups.flat()).toEqual(list);
      expect(groups.every((group) => group.length > 0 && group.length <= 8)).toBe(true);
      expect(groups.length).toBeLessThanOrEqual(Math.ceil(count / 2) + 1);
    }
    expect(overlapGroups([{ maxKey: null, bytes: 100 }], 10).length).toBe(1);
  });

  test('keep nearly all borders when a table is split or vanishes', () => {
    const list = tables(300, 7);
    const ends = (groups: readonly (readonly { maxKey: Uint8Array }[])[]): Set<string> =>
      new Set(groups.map((group) => group.at(-1)!.maxKey.join()));
    const before = ends(overlapGroups(list, 80));
    const changed = list.toSpliced(100, 1, { ...list[100]!, bytes: 25 }).toSpliced(20, 2);
    const after = ends(overlapGroups(changed, 80));
    const common = [...before].filter((end) => after.has(end)).length;
    expect(common).toBeGreaterThan(before.size - 8);
  });
});

describe('PlanDraft', () => {
  const tree = snapshot([
    run(1, 0, [table(1, 'a-f')]),
    run(2, 0, [table(2, 'a-f')]),
    run(3, 1, [table(3, 'a-b'), table(4, 'm-p')]),
  ]);
  const merge = (inputs: readonly number[], to: { into: number }): CompactionTask => ({
    kind: 'merge',
    inputs,
    to,
    shape: { tableBytes: 1 },
    reason: 'test',
    score: 1,
  });

  test('takes what is admitted beside what it has', () => {
    const draft = new PlanDraft(tree);
    expect(draft.add(merge([1, 3], { into: 3 }))).toBe(false);
    expect(draft.add(merge([1, 2, 3], { into: 3 }))).toBe(true);
    expect(draft.isBusy(1)).toBe(true);
    expect(draft.hasBusy(tree.runs[2]!)).toBe(true);
    expect(draft.add(merge([1], { into: 2 }))).toBe(false);
    expect(draft.add(merge([4], { into: 3 }))).toBe(true);
    expect(draft.tasks.length).toBe(2);
  });

  test('leaves room for what is running', () => {
    const task = { id: 5, kind: 'merge' as const, inputs: [4], target: 3, inputBytes: 100 };
    const draft = new PlanDraft({
      ...tree,
      inProgress: [task],
      limits: { ...tree.limits, maxTasks: 1 },
    });
    expect(draft.room).toBe(0);
    expect(draft.isBusy(4)).toBe(true);
    expect(draft.add(merge([1, 2, 3], { into: 3 }))).toBe(false);
  });

  test('keeps runs that it makes apart', () => {
    const draft = new PlanDraft(tree);
    const make = (inputs: readonly number[], before: number): CompactionTask => ({
      kind: 'merge',
      inputs,
      to: { newRun: { level: 0, before } },
      shape: { tableBytes: 1 },
      reason: 'test',
      score: 1,
    });
    expect(draft.add(make([1], 2))).toBe(true);
    expect(draft.add(make([2], 3))).toBe(true);
    expect(draft.add(make([3], 2))).toBe(false);
    expect(draft.add(make([4], 3))).toBe(true);
  });
});

describe('tombstone elision', () => {
  test('rewrites tables of the oldest run once no snapshot needs what they hide', () => {
    const old = table(3, 'a-b', { pointTombstones: 1, maxSequence: 50 });
    const tree = snapshot([
      run(1, 0, [table(1, 'a-f', { pointTombstones: 1 })]),
      run(3, 1, [old, table(4, 'm-p')]),
    ]);
    const draft = new PlanDraft(tree);
    elideTombstones(tree, draft);
    expect(draft.tasks).toMatchObject([{ kind: 'rewrite', inputs: [3] }]);
    const held = new PlanDraft(tree);
    elideTombstones({ ...tree, oldestReaderSequence: 49 }, held);
    expect(held.tasks).toEqual([]);
  });

  test('asks whether anything older overlaps', () => {
    const older = [run(3, 1, [table(3, 'a-b'), table(4, 'm-p')])];
    expect(hasOlder(table(1, 'c-l'), older)).toBe(false);
    expect(hasOlder(table(1, 'c-m'), older)).toBe(true);
  });
});
