import { compareBytes, EntryKind, type PointIndexKindName } from '@lsm/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  compareRows,
  type EnvironmentSettings,
  hex,
  keyOf,
  lookup,
  lookupRow,
  type Row,
  rowsBackward,
  rowsForward,
  tableOf,
  textOf,
} from './support/tables.ts';

const KINDS: readonly PointIndexKindName[] = [
  'none',
  'bloom',
  'split-block',
  'fuse8',
  'hash-index',
];

/** Bytes at which order mistakes show. */
const byte = fc.constantFrom(0x00, 0x01, 0x61, 0x7f, 0x80, 0xfe, 0xff);
const shortKey = fc.array(byte, { maxLength: 6 });
const key = fc.oneof(
  { weight: 4, arbitrary: shortKey.map((bytes) => Uint8Array.from(bytes)) },
  // A long shared prefix, longer than every prefix column.
  {
    weight: 2,
    arbitrary: shortKey.map((bytes) =>
      Uint8Array.from([...new Uint8Array(40).fill(0x61), ...bytes]),
    ),
  },
);
const value = fc.oneof(
  { weight: 8, arbitrary: fc.uint8Array({ maxLength: 40 }) },
  // Compressible, and sometimes larger than a block.
  {
    weight: 2,
    arbitrary: fc.integer({ min: 0, max: 1500 }).map((length) => new Uint8Array(length).fill(7)),
  },
);
const versions = fc.array(fc.record({ isDelete: fc.boolean(), value }), {
  minLength: 1,
  maxLength: 9,
});
const rows: fc.Arbitrary<Row[]> = fc
  .array(fc.record({ key, versions }), { minLength: 1, maxLength: 60 })
  .map((groups) => {
    let sequence = 1;
    return groups
      .flatMap((group) =>
        group.versions.map((version) => ({
          key: group.key,
          sequence: sequence++,
          kind: version.isDelete ? EntryKind.delete : EntryKind.put,
          value: version.isDelete ? new Uint8Array(0) : version.value,
        })),
      )
      .sort(compareRows);
  });

/** The keys of the rows, and the keys just below and above each. */
function probesOf(list: readonly Row[]): Uint8Array[] {
  const probes = new Map<string, Uint8Array>();
  const add = (bytes: Uint8Array): void => void probes.set(hex(bytes), bytes);
  add(new Uint8Array(0));
  add(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff));
  for (const row of list) {
    add(row.key);
    add(Uint8Array.from([...row.key, 0]));
    if (row.key.length === 0) continue;
    add(row.key.slice(0, -1));
    const below = row.key.slice();
    below[below.length - 1]!--;
    add(below);
    add(Uint8Array.from([...below, 0xff]));
  }
  return [...probes.values()];
}

function checkAgainstModel(
  list: readonly Row[],
  settings: Parameters<typeof tableOf>[1],
  environment: EnvironmentSettings,
): void {
  const { table, properties } = tableOf(list, settings, environment);
  const texts = list.map(textOf);
  const newest = list.reduce((most, row) => Math.max(most, row.sequence), 0);
  const cursor = table.cursor({ readAhead: list.length % 2 === 0 });
  for (const probe of probesOf(list)) {
    for (const sequenceMax of [Number.MAX_SAFE_INTEGER, newest >> 1, 0]) {
      expect(textOf(lookup(table, probe, sequenceMax))).toBe(
        textOf(lookupRow(list, probe, sequenceMax)),
      );
    }
    const at = list.findIndex((row) => compareBytes(row.key, probe) >= 0);
    cursor.seek(keyOf(probe));
    expect(cursor.valid).toBe(at >= 0);
    if (at < 0) continue;
    expect(textOf(rowsForward(cursor)[0]!)).toBe(texts[at]);
    cursor.seek(keyOf(probe));
    cursor.prev();
    expect(cursor.valid).toBe(at > 0);
    if (at > 0) expect(textOf(rowsBackward(cursor)[0]!)).toBe(texts[at - 1]);
  }
  cursor.seekToFirst();
  expect(rowsForward(cursor).map(textOf)).toEqual(texts);
  cursor.seekToLast();
  expect(rowsBackward(cursor).map(textOf)).toEqual(texts.toReversed());
  cursor.close();
  table.unloadIndexes();
  expect(table.verifyAll()).toEqual({ blocks: properties.blocks, bytes: properties.bytes });
  expect(table.properties).toEqual(properties);
  expect(properties.entries).toBe(list.length);
  table.close();
}

describe('Table', () => {
  for (const pointIndex of KINDS) {
    for (const blockBytes of [256, 512, 4096, 65_536]) {
      for (const transform of ['none', 'lz4'] as const) {
        test(`answers as a sorted array: ${pointIndex}, ${blockBytes} bytes, ${transform}`, () => {
          fc.assert(
            fc.property(rows, fc.constantFrom(0, 2, 64), (list, frameCount) => {
              checkAgainstModel(list, { pointIndex, blockBytes, transform }, { frameCount });
            }),
            { numRuns: 12 },
          );
        });
      }
    }
  }
});
