import { type FileSystem, isLsmError, LsmError, type RangeTombstone } from '@lsm/core';
import { memoryFileSystem, readFileBytes } from '@lsm/fs';
import { Table, type TableEnvironment, type TableProperties } from '@lsm/sstable';
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
  rowsBackward,
  rowsForward,
  textOf,
} from './support/tables.ts';

const RANGES: readonly RangeTombstone[] = [
  { lower: bytesOf('k05'), upper: bytesOf('k07'), sequence: 90 },
  { lower: bytesOf('x'), upper: null, sequence: 91 },
];

/** Twelve keys, one with many versions, one deleted, one with a value larger than a block. */
const ROWS: readonly Row[] = Array.from({ length: 12 }, (_, i): Row[] => {
  const key = `k${String(i).padStart(2, '0')}`;
  if (i === 3) return [9, 8, 7, 6, 5].map((version) => put(key, 30 + version, `v${version} of 3`));
  if (i === 5) return [del(key, 60)];
  if (i === 8) return [put(key, 61, 'large '.repeat(50))];
  return [put(key, i + 1, `value ${i} ${i} ${i} ${i}`)];
}).flat();
const TEXTS = ROWS.map(textOf);

function overwrite(fs: FileSystem, bytes: Uint8Array): void {
  if (fs.statSync(PATH) !== null) fs.unlinkSync(PATH);
  const handle = fs.openSync(PATH, 'create');
  handle.writeSync(bytes, 0, bytes.length, 0);
  handle.close();
}

/** Runs a read; anything but a typed error with the file's name fails the test. */
function attempt<T>(read: () => T): T | LsmError {
  try {
    return read();
  } catch (error) {
    if (!isLsmError(error)) throw error;
    expect(['LSM_CORRUPTION', 'LSM_UNSUPPORTED_FORMAT']).toContain(error.code);
    expect(error.file).toBe(PATH);
    return error;
  }
}

/** Reads everything in every way; what does not throw has to be right. Returns whether the scrub found damage. */
function readAll(environment: TableEnvironment, expected: TableProperties | null): boolean {
  const opened = attempt(() => Table.open(environment, PATH, expected));
  if (opened instanceof LsmError) return true;
  for (const row of ROWS) {
    const found = attempt(() => lookup(opened, row.key, row.sequence));
    if (!(found instanceof LsmError) && textOf(found) !== textOf(row)) expect.unreachable();
  }
  expect(attempt(() => lookup(opened, bytesOf('k031'))) ?? null).toSatisfy(
    (found) => found === null || found instanceof LsmError,
  );
  for (const readAhead of [false, true]) {
    const cursor = opened.cursor({ readAhead, fillCache: !readAhead });
    const forward = attempt(() => {
      cursor.seekToFirst();
      return rowsForward(cursor).map(textOf).join();
    });
    if (!(forward instanceof LsmError)) expect(forward).toBe(TEXTS.join());
    const backward = attempt(() => {
      cursor.seekToLast();
      return rowsBackward(cursor).map(textOf).join();
    });
    if (!(backward instanceof LsmError)) expect(backward).toBe(TEXTS.toReversed().join());
    cursor.close();
  }
  expect(opened.rangeTombstones.all).toEqual(RANGES);
  const scrubbed = attempt(() => opened.verifyAll());
  opened.close();
  return scrubbed instanceof LsmError;
}

const SETTINGS: readonly BuildSettings[] = [
  { pointIndex: 'hash-index', transform: 'none' },
  { pointIndex: 'split-block', transform: 'lz4' },
  { pointIndex: 'none', transform: 'lz4' },
];

describe('a damaged table', () => {
  for (const settings of SETTINGS) {
    const name = `${settings.pointIndex}, ${settings.transform}`;
    const fs = memoryFileSystem();
    const properties = buildTable(fs, ROWS, {
      ...settings,
      blockBytes: 160,
      rangeTombstones: RANGES,
    });
    const bytes = readFileBytes(fs, PATH);

    test(`is noticed whichever byte is changed (${name})`, () => {
      const environment = environmentOf(fs, { frameBytes: 160, frameCount: 4 });
      overwrite(fs, bytes);
      expect(readAll(environment, properties)).toBe(false);
      let noticed = 0;
      for (let i = 0; i < bytes.length; i++) {
        for (const mask of [0x01, 0x80, 0xff]) {
          const damaged = bytes.slice();
          damaged[i]! ^= mask;
          overwrite(fs, damaged);
          if (readAll(environment, i % 2 === 0 ? properties : null)) noticed++;
        }
      }
      expect(noticed).toBe(bytes.length * 3);
      expect(environment.cache!.stats.usedFrames).toBe(0);
    });

    test(`is refused whatever length it is cut to (${name})`, () => {
      const environment = environmentOf(fs, { frameBytes: 160, frameCount: 4 });
      for (let length = 0; length < bytes.length; length++) {
        overwrite(fs, bytes.subarray(0, length));
        for (const expected of [properties, null]) {
          const opened = attempt(() => Table.open(environment, PATH, expected));
          expect(opened).toBeInstanceOf(LsmError);
        }
      }
    });

    test(`is refused with bytes behind its end (${name})`, () => {
      const environment = environmentOf(fs);
      for (const more of [1, 4, 128, 5000]) {
        const longer = new Uint8Array(bytes.length + more);
        longer.set(bytes);
        overwrite(fs, longer);
        expect(attempt(() => Table.open(environment, PATH, null))).toBeInstanceOf(LsmError);
        longer.set(bytes, more);
        overwrite(fs, longer);
        expect(attempt(() => Table.open(environment, PATH, null))).toBeInstanceOf(LsmError);
      }
    });
  }

  test('is noticed when the file shrinks after it was opened', () => {
    const fs = memoryFileSystem();
    const properties = buildTable(fs, ROWS, { blockBytes: 160, rangeTombstones: RANGES });
    for (const frameCount of [0, 4]) {
      const table = Table.open(
        environmentOf(fs, { frameBytes: 160, frameCount }),
        PATH,
        properties,
      );
      table.loadIndexes();
      const whole = readFileBytes(fs, PATH);
      fs.openSync(PATH, 'write').truncateSync(40);
      for (const row of ROWS) {
        expect(attempt(() => lookup(table, row.key))).toBeInstanceOf(LsmError);
      }
      const handle = fs.openSync(PATH, 'write');
      handle.writeSync(whole, 0, whole.length, 0);
      for (const row of ROWS) {
        expect(textOf(lookup(table, row.key, row.sequence))).toBe(textOf(row));
      }
    }
  });
});

describe('a block in the wrong place', () => {
  // Blocks of equal length: a fixed number of entries of fixed size in each.
  const rows = Array.from({ length: 64 }, (_, i) =>
    put(`key${String(i).padStart(3, '0')}`, i + 1, 'v'.repeat(24)),
  );
  const fs = memoryFileSystem();
  const properties = buildTable(fs, rows, { blockBytes: 256, pointIndex: 'hash-index' });
  const bytes = readFileBytes(fs, PATH);
  const stored = 4 * 44 + 4 * 6 + 32;

  test('is noticed when it is another block of the same file', () => {
    expect(properties.blocks).toBe(rows.length / 4);
    const swapped = bytes.slice();
    swapped.copyWithin(32 + 2 * stored, 32 + 7 * stored, 32 + 8 * stored);
    swapped.set(bytes.subarray(32 + 2 * stored, 32 + 3 * stored), 32 + 7 * stored);
    overwrite(fs, swapped);
    const table = Table.open(environmentOf(fs), PATH, properties);
    rows.forEach((row, i) => {
      const isSwapped = i >> 2 === 2 || i >> 2 === 7;
      const found = attempt(() => lookup(table, row.key));
      if (isSwapped)
        expect(found).toMatchObject({ code: 'LSM_CORRUPTION', offset: 32 + (i >> 2) * stored });
      else expect(textOf(found as Row | null)).toBe(textOf(row));
    });
    expect(attempt(() => table.verifyAll())).toBeInstanceOf(LsmError);
  });

  test('is noticed when it stood at the same place of another file', () => {
    const path = '/2.sst';
    const older = rows.map((row) => ({ ...row, value: new Uint8Array(24) }));
    buildTable(fs, older, { blockBytes: 256, pointIndex: 'hash-index', path, seed: 2 });
    const other = readFileBytes(fs, path);
    expect(other.length).toBe(bytes.length);
    const mixed = bytes.slice();
    mixed.set(other.subarray(32 + 5 * stored, 32 + 6 * stored), 32 + 5 * stored);
    overwrite(fs, mixed);
    const table = Table.open(environmentOf(fs), PATH, properties);
    expect(attempt(() => lookup(table, rows[20]!.key))).toBeInstanceOf(LsmError);
    expect(textOf(lookup(table, rows[24]!.key))).toBe(textOf(rows[24]!));
  });

  test('is noticed when the whole file is another table', () => {
    const path = '/3.sst';
    buildTable(fs, rows, { blockBytes: 256, pointIndex: 'hash-index', path, seed: 3 });
    overwrite(fs, readFileBytes(fs, path));
    const opened = attempt(() => Table.open(environmentOf(fs), PATH, properties));
    expect(opened).toMatchObject({ code: 'LSM_CORRUPTION', offset: 8 });
  });
});
