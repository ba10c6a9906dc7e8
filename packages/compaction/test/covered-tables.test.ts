import { type CoverableTable, coveredTables, type RunView } from '@lsm/compaction';
import { fragmentRangeTombstones, type RangeTombstone, SEQUENCE_MAX } from '@lsm/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

/** Keys are one byte, and between two of them there are others: `k 128`. */
const KEYS = 12;
const key = (k: number): Uint8Array => Uint8Array.of(k);

interface Table extends CoverableTable {
  readonly ranges: readonly RangeTombstone[];
}

interface Shape {
  readonly first: number;
  readonly length: number | null;
  readonly maxSequence: number;
  readonly ranges: readonly {
    readonly lower: number;
    readonly upper: number | null;
    readonly sequence: number;
  }[];
}

/** A table's bounds include those of its range deletes. */
function isWithin({ first, length }: Shape, { lower, upper }: Shape['ranges'][number]): boolean {
  return lower >= first && (length === null || (upper !== null && upper <= first + length));
}

function tableOf(id: number, shape: Shape): Table {
  const { first, length, maxSequence } = shape;
  const ranges = shape.ranges.filter((range) => isWithin(shape, range));
  return {
    id,
    bytes: 1,
    minKey: key(first),
    maxKey: length === null ? null : key(first + length),
    maxSequence,
    rangeTombstones: ranges.length,
    ranges: ranges.map(({ lower, upper, sequence }) => ({
      lower: key(lower),
      upper: upper === null ? null : key(upper),
      sequence,
    })),
  };
}

const sequences = fc.integer({ min: 1, max: 12 });
const shapes = fc.record<Shape>({
  first: fc.integer({ min: 0, max: KEYS - 1 }),
  length: fc.option(fc.integer({ min: 0, max: 6 }), { freq: 8 }),
  maxSequence: sequences,
  ranges: fc.array(
    fc.record({
      lower: fc.integer({ min: 0, max: KEYS }),
      upper: fc.option(fc.integer({ min: 0, max: KEYS + 6 }), { freq: 6 }),
      sequence: sequences,
    }),
    { maxLength: 6 },
  ),
});

/** The runs as drawn, without tables that would overlap one before them. */
function runsOf(drawn: readonly (readonly Shape[])[]): readonly RunView<Table>[] {
  let id = 1;
  return drawn.map((run, level) => {
    const tables: Table[] = [];
    let free = 0;
    for (const shape of run.toSorted((a, b) => a.first - b.first)) {
      if (shape.first < free) continue;
      tables.push(tableOf(id++, shape));
      free = shape.length === null ? Number.POSITIVE_INFINITY : shape.first + shape.length + 1;
    }
    return { id: 1000 + level, level, tables };
  });
}

/** Key by key, and between them; `oldestReader` sees what is at or below it. */
function isHidden(table: Table, newer: readonly Table[], oldestReader: number): boolean {
  const lowest = table.minKey[0]!;
  const highest = table.maxKey === null ? 60 : table.maxKey[0]!;
  const ranges = newer.flatMap((other) => other.ranges);
  for (let at = lowest; at <= highest; at += 0.5) {
    const covers = ({ lower, upper, sequence }: RangeTombstone): boolean =>
      sequence > table.maxSequence &&
      sequence <= oldestReader &&
      lower[0]! <= at &&
      (upper === null || at < upper[0]!);
    if (!ranges.some(covers)) return false;
  }
  return true;
}

describe('coveredTables', () => {
  test('finds what range deletes of newer runs hide from every reader, no more and no less', () => {
    let covered = 0;
    let split = 0;
    const readers = fc.option(fc.integer({ min: 0, max: 12 }), { nil: SEQUENCE_MAX });
    fc.assert(
      fc.property(
        fc.array(fc.array(shapes, { maxLength: 4 }), { minLength: 1, maxLength: 5 }),
        readers,
        fc.integer({ min: 1, max: 5 }),
        (drawn, oldestReaderSequence, busy) => {
          const runs = runsOf(drawn);
          const found = coveredTables(runs, {
            oldestReaderSequence,
            isBusy: (id) => id % 5 === busy,
            fragments: (table) => fragmentRangeTombstones((table as Table).ranges),
          });
          const expected = runs.flatMap(({ tables }, row) => {
            const newer = runs.slice(0, row).flatMap((run) => run.tables);
            return tables.filter(
              (table) => table.id % 5 !== busy && isHidden(table, newer, oldestReaderSequence),
            );
          });
          const idsOf = (tables: readonly Table[]): number[] =>
            tables.map(({ id }) => id).toSorted((a, b) => a - b);
          expect(idsOf(found)).toEqual(idsOf(expected));
          covered += found.length;
          for (const table of found) {
            const ranges = runs.flatMap((run) => run.tables).flatMap((other) => other.ranges);
            const isAlone = ranges.some(
              ({ lower, upper }) =>
                lower[0]! <= table.minKey[0]! &&
                (upper === null || (table.maxKey !== null && table.maxKey[0]! < upper[0]!)),
            );
            if (!isAlone) split++;
          }
        },
      ),
      { numRuns: 20_000 },
    );
    // Of 20,000 trees.
    expect(covered).toBeGreaterThan(200);
    expect(split).toBeGreaterThan(10);
  });

  test('reads no range deletes where there are none', () => {
    const run = {
      id: 1,
      level: 0,
      tables: [tableOf(1, { first: 1, length: 2, maxSequence: 1, ranges: [] })],
    };
    const fragments = (): never => {
      throw new Error('asked');
    };
    const context = { oldestReaderSequence: SEQUENCE_MAX, isBusy: () => false, fragments };
    expect(coveredTables([run, { ...run, id: 2 }], context)).toEqual([]);
  });
});
