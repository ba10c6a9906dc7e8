/** Tables written by the first release of format version 1. They have to stay readable; UPDATE=1 writes them anew. */
import { readFileSync, writeFileSync } from 'node:fs';
import type { RangeTombstone } from '@lsm/core';
import { memoryFileSystem, readFileBytes } from '@lsm/fs';
import { EntryScratch, readTableProperties, Table } from '@lsm/sstable';
import { describe, expect, test } from 'vitest';
import {
  type BuildSettings,
  buildTable,
  bytesOf,
  del,
  environmentOf,
  lookup,
  PATH,
  put,
  type Row,
  rowOf,
  rowsForward,
  textOf,
} from './support/tables.ts';

const ROWS: readonly Row[] = [
  put('', 1, 'the empty key'),
  put(Uint8Array.of(0), 2, ''),
  ...[9, 7, 4].map((version) => put('apple', 2 ** 33 + version, `version ${version}`)),
  del('banana', 5),
  put('cherry', 6, 'red '.repeat(200)),
  ...Array.from({ length: 30 }, (_, i) => put(`date ${10 + i}`, 100 + i, `value ${i % 3}`)),
  put(Uint8Array.of(0xff, 0xff), 2 ** 53 - 1, 'last'),
];
const RANGES: readonly RangeTombstone[] = [
  { lower: bytesOf('b'), upper: bytesOf('c\0'), sequence: 8 },
  { lower: bytesOf('x'), upper: null, sequence: 200 },
];
const GOLDEN: Readonly<Record<string, BuildSettings>> = {
  'table-v1-plain.sst': { blockBytes: 256, pointIndex: 'hash-index', rangeTombstones: RANGES },
  'table-v1-lz4.sst': { blockBytes: 512, pointIndex: 'split-block', transform: 'lz4' },
};

describe('a golden table', () => {
  for (const [name, settings] of Object.entries(GOLDEN)) {
    const url = new URL(`testdata/${name}`, import.meta.url);
    const fs = memoryFileSystem();
    buildTable(fs, ROWS, {
      ...settings,
      keyspace: 3,
      times: { oldestWriteAt: 1000, newestWriteAt: 2000, createdAt: 3000, oldestTombstoneAt: 1500 },
    });
    const built = readFileBytes(fs, PATH);
    if (process.env['UPDATE'] === '1') writeFileSync(url, built);
    const golden = readFileSync(url);

    test(`${name} is what is written today`, () => {
      expect(Buffer.compare(built, golden)).toBe(0);
    });

    test(`${name} is read`, () => {
      const stored = memoryFileSystem();
      stored.openSync(PATH, 'create').writeSync(golden, 0, golden.length, 0);
      const properties = readTableProperties(stored, PATH);
      expect(properties).toMatchObject({ entries: 38, keys: 36, keyspace: 3, createdAt: 3000 });
      const table = Table.open(environmentOf(stored), PATH, properties);
      for (const row of ROWS) {
        expect(textOf(lookup(table, row.key, row.sequence))).toBe(textOf(row));
      }
      const cursor = table.cursor();
      cursor.seekToFirst();
      expect(rowsForward(cursor).map(textOf)).toEqual(ROWS.map(textOf));
      expect(table.rangeTombstones.all).toEqual(settings.rangeTombstones ?? []);
      expect(table.verifyAll().bytes).toBe(golden.length);
    });
  }
});

describe('EntryScratch', () => {
  test('makes puts and deletes of loose bytes of any length', () => {
    const scratch = new EntryScratch();
    for (const row of [put('a', 1, 'b'), del('', 2), put('k'.repeat(700), 3, 'v'.repeat(3001))]) {
      const value = row.kind === 0 ? row.value : null;
      expect(textOf(rowOf(scratch.set(row.key, value, row.sequence)))).toBe(textOf(row));
    }
    expect(() => scratch.set(new Uint8Array(65_536), null, 1)).toThrow(
      expect.objectContaining({ code: 'LSM_INVALID_ARGUMENT' }),
    );
  });
});
