import {
  aimedTaskBytes,
  type Piece,
  PiecewiseCompaction,
  piecesOf,
  piecesOver,
  reclaimableIn,
  Simulator,
} from '@lsm/compaction';
import { compareBytes, type RangeTombstone, SEQUENCE_MAX, seededRandom } from '@lsm/core';
import { IDLE_STRATEGY, treeKey as key, treeRun as run, treeTable as table } from '@lsm/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { universal } from './universal-strategy.ts';

const text = (bytes: Uint8Array | null): string | null =>
  bytes === null ? null : new TextDecoder().decode(bytes);
const borders = (pieces: readonly Piece[]): (string | null)[] =>
  pieces.map(({ lower }) => text(lower));

describe('pieces', () => {
  test('are one if the tree is no more than a task', () => {
    expect(piecesOf([run(1, 1, [table(1, 'a-c'), table(2, 'e-f')])], 200)).toEqual([
      { lower: null, upper: null },
    ]);
    expect(piecesOf([], 200)).toEqual([{ lower: null, upper: null }]);
  });

  test('end between tables of the oldest run, with the bytes that lie over them', () => {
    const last = run(9, 6, [table(1, 'a-b'), table(2, 'c-d'), table(3, 'e-f'), table(4, 'g-h')]);
    expect(borders(piecesOf([last], 200))).toEqual([null, 'd\0']);
    const wide = run(8, 0, [table(5, 'a-h', { bytes: 400 })]);
    expect(borders(piecesOf([wide, last], 200))).toEqual([null, 'b\0', 'd\0', 'f\0']);
  });

  test('never begin within a table of the oldest run', () => {
    const last = run(9, 6, [table(1, 'a-m'), table(2, 'p-z')]);
    const upper = run(
      8,
      1,
      ['b-c', 'd-e', 'n-o', 'q-r'].map((range, i) => table(10 + i, range)),
    );
    expect(borders(piecesOf([upper, last], 100))).toEqual([null, 'm\0', 'o\0']);
  });

  test('hold each key once, whatever the tree', () => {
    const spans = fc.array(fc.tuple(fc.nat(99), fc.nat(9), fc.nat(300)), {
      minLength: 1,
      maxLength: 30,
    });
    fc.assert(
      fc.property(spans, fc.integer({ min: 1, max: 2000 }), (drawn, max) => {
        const name = (n: number): string => `k${String(n).padStart(3, '0')}`;
        const runs = drawn.map(([from, length, bytes], i) =>
          run(i, 0, [table(i, `${name(from)}-${name(from + length)}`, { bytes })]),
        );
        const pieces = piecesOf(runs, max);
        expect(pieces[0]!.lower).toBeNull();
        expect(pieces.at(-1)!.upper).toBeNull();
        for (let i = 1; i < pieces.length; i++) {
          expect(pieces[i]!.lower).toBe(pieces[i - 1]!.upper);
          if (i > 1) expect(compareBytes(pieces[i - 1]!.lower!, pieces[i]!.lower!)).toBeLessThan(0);
        }
        for (const { tables } of runs) {
          const [first, last] = piecesOver(pieces, tables[0]!);
          const meets = pieces.map(
            ({ lower, upper }) =>
              (lower === null || compareBytes(lower, tables[0]!.maxKey!) <= 0) &&
              (upper === null || compareBytes(tables[0]!.minKey, upper) < 0),
          );
          expect([first, last]).toEqual([meets.indexOf(true), meets.lastIndexOf(true)]);
        }
      }),
    );
  });
});

const LIMIT = 600;

const UNIVERSAL = universal({
  runs: 6,
  maxSizeAmplificationPercent: 300,
  sizeRatioPercent: 1,
  minMergeWidth: 2,
  triggers: ['space', 'ratio', 'count'],
});

/** Runs a compaction of all pieces in a simulator; returns the largest task and the number of tasks. */
function compactAll(simulator: Simulator): { largest: number; tasks: number } {
  const pieces = piecesOf(simulator.runs, aimedTaskBytes({ maxTaskBytes: LIMIT }));
  const ids = simulator.runs.flatMap(({ id, tables }) => [id, ...tables.map((one) => one.id)]);
  const compaction = new PiecewiseCompaction({
    pieces,
    borders: pieces.slice(1).map(({ lower }) => lower!),
    maxTaskBytes: LIMIT,
    tableBytes: 50,
    newestSequence: simulator.sequence,
    firstNewTable: Math.max(0, ...ids) + 1,
    reason: 'test',
  });
  let largest = 0;
  let tasks = 0;
  for (;;) {
    const task = compaction.next(simulator.runs);
    if (task === null) return { largest, tasks };
    simulator.start(task);
    expect(simulator.rejections).toEqual([]);
    largest = Math.max(largest, simulator.running[0]!.inputBytes);
    while (simulator.running.length > 0) simulator.step();
    tasks++;
    expect(tasks).toBeLessThan(2000);
  }
}

describe('compaction by pieces', () => {
  test.each(['L0 runs alone', 'an untidy tree'])(
    'leaves one run of what is visible: %s',
    (kind) => {
      for (let seed = 1; seed <= 12; seed++) {
        const random = seededRandom(seed);
        const strategy = kind === 'L0 runs alone' ? IDLE_STRATEGY : UNIVERSAL;
        const options = {
          keyCount: 3000,
          flushEntries: 200,
          tableEntries: 50,
          maxTaskEntries: LIMIT,
        };
        const simulator = new Simulator(strategy, options);
        const model = new Map<number, number>();
        for (let i = 0; i < 6000; i++) {
          const at = random.next() % 3000;
          if (random.next() % 4 > 0) {
            simulator.put(at);
            model.set(at, simulator.sequence);
          } else if (random.next() % 50 > 0) {
            simulator.del(at);
            model.delete(at);
          } else {
            const upper = Math.min(at + 200, 2999);
            simulator.delRange(at, upper);
            for (let k = at; k < upper; k++) model.delete(k);
          }
        }
        simulator.flush();
        const before = simulator.stats.treeBytes;
        const sizes = simulator.runs.flatMap(({ tables }) => tables.map(({ bytes }) => bytes));
        const widest = Math.max(...sizes);
        const { largest, tasks } = compactAll(simulator);
        expect(simulator.runs.length, `seed ${seed}`).toBe(1);
        for (let k = 0; k < 3000; k++) expect(simulator.get(k)).toBe(model.get(k) ?? -1);
        expect(simulator.entries, `seed ${seed}`).toBe(model.size);
        // Beyond it are only tables that can't be cut: one of the run that goes down, and one below it.
        expect(largest, `seed ${seed}`).toBeLessThanOrEqual(LIMIT + 2 * widest);
        if (kind === 'L0 runs alone') expect(tasks).toBeGreaterThan(before / LIMIT);
        expect(compactAll(simulator).tasks, 'there is nothing left to do').toBe(0);
      }
    },
  );

  test('keeps what a snapshot needs, and does not go on for ever about it', () => {
    const options = { keyCount: 1000, flushEntries: 100, tableEntries: 50 };
    const simulator = new Simulator(IDLE_STRATEGY, options);
    for (let k = 0; k < 1000; k++) simulator.put(k);
    const snapshot = simulator.snapshot();
    for (let k = 0; k < 1000; k++) simulator.del(k);
    simulator.flush();
    compactAll(simulator);
    for (let k = 0; k < 1000; k += 7) {
      expect(simulator.get(k)).toBe(-1);
      expect(simulator.get(k, snapshot)).toBe(k + 1);
    }
    simulator.release(snapshot);
    compactAll(simulator);
    expect(simulator.runs.length).toBe(0);
  });

  test('leaves alone what was written after it began', () => {
    const old = run(2, 0, [table(1, 'a-m'), table(2, 'n-z')]);
    const compaction = new PiecewiseCompaction({
      pieces: [{ lower: null, upper: null }],
      borders: [],
      maxTaskBytes: 1000,
      tableBytes: 100,
      newestSequence: 2,
      firstNewTable: 3,
      reason: 'test',
    });
    const task = compaction.next([run(3, 0, [table(9, 'a-z')]), old]);
    expect(task).toMatchObject({ kind: 'merge', inputs: [1, 2] });
  });
});

describe('what merging would free', () => {
  const whole: Piece[] = [{ lower: null, upper: null }];
  const none = { oldestReaderSequence: SEQUENCE_MAX, rangeTombstones: () => [] };
  const bottom = run(9, 6, [table(1, 'a-f', { entries: 50, bytes: 1000 }), table(2, 'g-p')]);

  test('is an entry for each point tombstone, at most what is there', () => {
    const some = run(8, 0, [table(5, 'a-p', { entries: 10, bytes: 50, pointTombstones: 6 })]);
    const [estimate] = reclaimableIn([some, bottom], whole, none);
    expect(estimate!.bytes).toBe(1150);
    expect(estimate!.reclaimableBytes).toBeCloseTo(30 + (6 * 1100) / 60, 6);
    const many = run(8, 0, [table(5, 'a-p', { entries: 900, bytes: 900, pointTombstones: 900 })]);
    expect(reclaimableIn([many, bottom], whole, none)[0]!.reclaimableBytes).toBe(2000);
  });

  test('is nothing while a reader may need it', () => {
    const some = run(8, 0, [table(5, 'a-p', { pointTombstones: 6, maxSequence: 40 })]);
    const context = { ...none, oldestReaderSequence: 39 };
    expect(reclaimableIn([some, bottom], whole, context)[0]!.reclaimableBytes).toBe(0);
    const later = { ...none, oldestReaderSequence: 40 };
    expect(reclaimableIn([some, bottom], whole, later)[0]!.reclaimableBytes).toBeGreaterThan(0);
  });

  test('is what a range tombstone covers, in the pieces where it lies', () => {
    const pieces = [
      { lower: null, upper: key('g') },
      { lower: key('g'), upper: key('r') },
      { lower: key('r'), upper: null },
    ];
    const top = run(8, 0, [table(5, 'c-t', { rangeTombstones: 1 })]);
    const last = run(9, 6, [table(1, 'a-f'), table(2, 'g-k'), table(3, 'l-q'), table(4, 'r-z')]);
    const freed = (lower: string, upper: string | null): number[] => {
      const range: Pick<RangeTombstone, 'lower' | 'upper'> = {
        lower: key(lower),
        upper: upper === null ? null : key(upper),
      };
      return reclaimableIn([top, last], pieces, { ...none, rangeTombstones: () => [range] }).map(
        ({ reclaimableBytes }) => reclaimableBytes,
      );
    };
    expect(freed('a', 'r')).toEqual([100, 200, 0]);
    expect(freed('a', 'v')).toEqual([100, 200, 50]);
    expect(freed('i', 'r')).toEqual([0, 150, 0]);
    expect(freed('i', null)).toEqual([0, 150, 100]);
  });
});
