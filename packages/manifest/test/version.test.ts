import { compareBytes } from '@lsm/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeEdit,
  editBetween,
  encodeEdit,
  type RunTables,
  type TableMetadata,
  Version,
  type VersionEdit,
} from '../src/index.ts';
import { table } from './fixtures.ts';

const BASE = Version.empty.apply({
  runs: [
    { id: 3, level: 0 },
    { id: 2, level: 1 },
    { id: 1, level: 2 },
  ],
  addedTables: [
    { run: 3, table: table(9, 'a', 'z') },
    { run: 2, table: table(5, 'a', 'c') },
    { run: 2, table: table(6, 'd', 'f') },
    { run: 1, table: table(1, 'a', 'm') },
    { run: 1, table: table(2, 'n', null) },
  ],
});

const shape = (version: Version): unknown =>
  version.runs.map(({ id, level, tables }) => [id, level, tables.map((t) => t.id)]);

describe('Version', () => {
  test('lists runs newest first and sums them up', () => {
    expect(shape(BASE)).toEqual([
      [3, 0, [9]],
      [2, 1, [5, 6]],
      [1, 2, [1, 2]],
    ]);
    expect(BASE.runs[1]).toMatchObject({ bytes: 11_000, entries: 110 });
    expect([BASE.tableCount, BASE.bytes, BASE.entries]).toEqual([5, 23_000, 230]);
    expect([...BASE.tables()].map((t) => t.id)).toEqual([9, 5, 6, 1, 2]);
  });

  test('stays as it is when an edit is applied, and shares untouched runs', () => {
    const before = shape(BASE);
    const next = BASE.apply({
      removedTables: [5],
      addedTables: [{ run: 2, table: table(7, 'a', 'b') }],
    });
    expect(shape(BASE)).toEqual(before);
    expect(shape(next)).toEqual([
      [3, 0, [9]],
      [2, 1, [7, 6]],
      [1, 2, [1, 2]],
    ]);
    expect(next.runs[0]).toBe(BASE.runs[0]);
    expect(next.runs[2]).toBe(BASE.runs[2]);
    expect([BASE.runOf(5), BASE.runOf(7), next.runOf(5), next.runOf(7)]).toEqual([
      2,
      undefined,
      undefined,
      2,
    ]);
    expect(BASE.apply({ lastSequence: 4 })).toBe(BASE);
  });

  test('moves a table between runs', () => {
    const next = BASE.apply({
      runs: [
        { id: 2, level: 1 },
        { id: 4, level: 1 },
        { id: 1, level: 2 },
      ],
      removedTables: [9],
      addedTables: [{ run: 4, table: table(9, 'a', 'z') }],
    });
    expect(shape(next)).toEqual([
      [2, 1, [5, 6]],
      [4, 1, [9]],
      [1, 2, [1, 2]],
    ]);
  });

  const broken: [string, VersionEdit, RegExp][] = [
    ['V1 overlap', { addedTables: [{ run: 2, table: table(7, 'c', 'c') }] }, /V1/],
    ['V1 overlap with the next', { addedTables: [{ run: 2, table: table(7, 'cc', 'd') }] }, /V1/],
    [
      'V1 two new ones',
      { addedTables: [table(7, 'g', 'h'), table(8, 'h', 'i')].map((t) => ({ run: 2, table: t })) },
      /V1/,
    ],
    ['V1 behind an open end', { addedTables: [{ run: 1, table: table(7, 'zz', 'zzz') }] }, /V1/],
    [
      'V2 levels',
      {
        runs: [
          { id: 2, level: 1 },
          { id: 3, level: 0 },
          { id: 1, level: 2 },
        ],
      },
      /V2/,
    ],
    ['V3 twice', { addedTables: [{ run: 2, table: table(9, 'x', 'y') }] }, /V3/],
    [
      'V3 twice in one edit',
      {
        addedTables: [
          { run: 2, table: table(7, 'x', 'y') },
          { run: 3, table: table(7, 'zz', 'zzz') },
        ],
      },
      /V3/,
    ],
    [
      'V3 a run leaves with tables',
      {
        runs: [
          { id: 3, level: 0 },
          { id: 2, level: 1 },
        ],
      },
      /V3/,
    ],
    ['V4 keys', { addedTables: [{ run: 2, table: table(7, 'y', 'x') }] }, /V4/],
    [
      'V4 sequences',
      { addedTables: [{ run: 2, table: table(7, 'x', 'y', { minSequence: 500 }) }] },
      /V4/,
    ],
    ['V4 empty', { addedTables: [{ run: 2, table: table(7, 'x', 'y', { entries: 0 }) }] }, /V4/],
    [
      'V4 file id',
      { addedTables: [{ run: 2, table: table(7, 'x', 'y', { fileId: 'abc' }) }] },
      /V4/,
    ],
    ['an unknown table leaves', { removedTables: [77] }, /not there/],
    ['a table leaves twice', { removedTables: [9, 9] }, /not there/],
    ['an unlisted run', { addedTables: [{ run: 8, table: table(7, 'x', 'y') }] }, /not listed/],
    ['a run without tables', { removedTables: [9] }, /no tables/],
    ['a new run without tables', { runs: [{ id: 8, level: 0 }, ...BASE.runs] }, /no tables/],
    ['a run listed twice', { runs: [BASE.runs[0]!, ...BASE.runs] }, /listed twice/],
  ];

  test.each(broken)('refuses %s and stays usable', (_, edit, message) => {
    const before = shape(BASE);
    expect(() => BASE.apply(edit)).toThrow(message);
    expect(() => BASE.apply(edit)).toThrow(expect.objectContaining({ code: 'LSM_INTERNAL' }));
    expect(shape(BASE)).toEqual(before);
    expect(BASE.runOf(9)).toBe(3);
  });

  test('refuses another keyspace', () => {
    expect(() => BASE.apply({ keyspace: 1 })).toThrow(
      expect.objectContaining({ code: 'LSM_UNSUPPORTED_FORMAT' }),
    );
  });
});

describe('editBetween', () => {
  /** Trees over tables with the fixed ranges 0…9; each table number stands for one range. */
  const tree = fc
    .array(
      fc.record({
        level: fc.integer({ min: 0, max: 4 }),
        members: fc.uniqueArray(fc.nat({ max: 29 })),
      }),
      { maxLength: 6 },
    )
    .map((runs) => {
      const used = new Set<number>();
      const levels = runs.map((run) => run.level).toSorted((a, b) => a - b);
      return runs.map(({ members }, i): RunTables => {
        const tables: TableMetadata[] = [];
        const slots = new Set<number>();
        for (const id of members) {
          const slot = id % 10;
          if (used.has(id) || slots.has(slot)) continue;
          used.add(id);
          slots.add(slot);
          tables.push(table(id + 1, `${slot}a`, `${slot}z`));
        }
        tables.sort((a, b) => compareBytes(a.minKey, b.minKey));
        return { id: 100 + ((i * 7) % 11), level: levels[i]!, tables };
      });
    });

  test('leads from any tree to any other, through the encoding', () => {
    fc.assert(
      fc.property(fc.array(tree, { minLength: 1, maxLength: 6 }), (trees) => {
        let version = Version.empty;
        for (const runs of trees) {
          version = version.apply(decodeEdit(encodeEdit(editBetween(version, runs))));
          const expected = runs.filter((run) => run.tables.length > 0);
          expect(shape(version)).toEqual(
            expected.map(({ id, level, tables }) => [id, level, tables.map((t) => t.id)]),
          );
          for (const run of version.runs) {
            expect(run.bytes).toBe(run.tables.reduce((sum, t) => sum + t.bytes, 0));
          }
          const copy = Version.empty.apply(editBetween(Version.empty, version.runs));
          expect(copy.runs).toEqual(version.runs);
        }
      }),
    );
  });

  test('names only what changes', () => {
    expect(editBetween(BASE, BASE.runs)).toMatchObject({ removedTables: [], addedTables: [] });
  });
});
