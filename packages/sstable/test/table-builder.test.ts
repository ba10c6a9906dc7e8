import { pointIndexKind } from '@lsm/bloom';
import { type FileSystem, isLsmError, LsmError, seededRandom } from '@lsm/core';
import { memoryFileSystem, readFileBytes } from '@lsm/fs';
import { inclusiveUpper, readTableProperties, Table, TableBuilder } from '@lsm/sstable';
import { describe, expect, test } from 'vitest';
import {
  buildTable,
  bytesOf,
  del,
  entryOf,
  environmentOf,
  HASH_SEED,
  lookup,
  PATH,
  put,
  type Row,
  rowsForward,
  tableOf,
  textOf,
} from './support/tables.ts';

const OPTIONS = {
  random: seededRandom(1),
  blockBytes: 512,
  pointIndex: pointIndexKind('split-block'),
  bitsPerKey: 10,
  transform: 'none',
  hashSeed: HASH_SEED,
} as const;

function scan(table: Table): (string | null)[] {
  const cursor = table.cursor();
  cursor.seekToFirst();
  const texts = rowsForward(cursor).map(textOf);
  cursor.close();
  return texts;
}

describe('TableBuilder', () => {
  test('keeps a value of 5000 bytes with blocks of 4096 (A5)', () => {
    const rows = [put('a', 1, 'x'), put('b', 2, 'y'.repeat(5000)), put('c', 3, 'z')];
    for (const transform of ['none', 'lz4'] as const) {
      for (const frameCount of [0, 8]) {
        const { table, properties } = tableOf(rows, { transform }, { frameCount });
        for (const row of rows) expect(textOf(lookup(table, row.key))).toBe(textOf(row));
        expect(scan(table)).toEqual(rows.map(textOf));
        expect(properties.blocks).toBe(3);
        expect(properties.blockBytesMax).toBeLessThan(4096);
        table.verifyAll();
      }
    }
  });

  test('makes a file below 4 KiB of 40 tiny entries (A14)', () => {
    const rows = Array.from({ length: 40 }, (_, i) => put(`k${10 + i}`, i + 1, `v${i}`));
    for (const pointIndex of ['none', 'bloom', 'split-block', 'fuse8', 'hash-index'] as const) {
      const { properties, fs } = tableOf(rows, { pointIndex });
      expect(fs.statSync(PATH)?.size).toBe(properties.bytes);
      expect(properties.bytes).toBeLessThan(4096);
    }
  });

  test('streams values larger than its buffer', () => {
    const large = new Uint8Array(3_000_001).map((_, i) => (i * 31) >>> 3);
    const sizes = [1 << 18, (1 << 18) - 60, (1 << 20) - 1, 1 << 20, large.length];
    const rows = sizes.map((size, i) => put(`key ${i}`, i + 1, large.subarray(0, size)));
    rows.splice(2, 0, put('key 1a', 9, 'small'));
    for (const transform of ['none', 'lz4'] as const) {
      const { table } = tableOf(rows, { transform, pointIndex: 'hash-index' });
      for (const row of rows) {
        const found = lookup(table, row.key);
        expect(found?.sequence).toBe(row.sequence);
        expect(Buffer.compare(found!.value, row.value)).toBe(0);
      }
      table.verifyAll();
    }
  });

  test('keeps keys of 65,535 bytes with a shared prefix', () => {
    const key = (last: number): Uint8Array => new Uint8Array(65_535).fill(0x61).fill(last, 65_534);
    const rows = [1, 2, 3, 4, 5].map((last) => put(key(last), last, `value ${last}`));
    for (const blockBytes of [4096, 262_144]) {
      const { table } = tableOf(rows, { blockBytes });
      for (const row of rows) expect(textOf(lookup(table, row.key))).toBe(textOf(row));
      expect(lookup(table, key(6))).toBe(null);
      table.verifyAll();
    }
  });

  test('finds each of many versions across blocks', () => {
    const versions = Array.from({ length: 300 }, (_, i) => put('hot', 1000 - i, `version ${i}`));
    const rows = [put('cold', 5, 'a'), ...versions, put('later', 6, 'b')];
    for (const pointIndex of ['none', 'fuse8', 'hash-index'] as const) {
      const { table, environment, properties } = tableOf(rows, { blockBytes: 256, pointIndex });
      expect(properties.keys).toBe(3);
      expect(properties.blocks).toBeGreaterThan(30);
      for (const row of versions) {
        expect(textOf(lookup(table, row.key, row.sequence))).toBe(textOf(row));
      }
      expect(lookup(table, bytesOf('hot'), 700)).toBe(null);
      expect(textOf(lookup(table, bytesOf('hot'), 5000))).toBe(textOf(versions[0]!));
      expect(environment.counters.filterFalsePositives).toBe(0);
      table.verifyAll();
    }
  });

  test('keeps sequence numbers up to 2^53 − 1 whatever their spread', () => {
    const sequences = [
      Number.MAX_SAFE_INTEGER,
      Number.MAX_SAFE_INTEGER - 1,
      2 ** 52,
      2 ** 41,
      2 ** 40,
      2 ** 40 - 1,
      2 ** 32,
      2 ** 32 - 1,
      2 ** 31,
      7,
      0,
    ];
    const rows = sequences.map((sequence) => put('key', sequence, `at ${sequence}`));
    rows.push(...sequences.toReversed().map((sequence, i) => put(`l${10 + i}`, sequence, '')));
    const { table, properties } = tableOf(rows);
    expect(scan(table)).toEqual(rows.map(textOf));
    for (const row of rows) {
      expect(textOf(lookup(table, row.key, row.sequence))).toBe(textOf(row));
    }
    expect([properties.minSequence, properties.maxSequence]).toEqual([0, Number.MAX_SAFE_INTEGER]);
    table.verifyAll();
  });

  test('describes what it wrote', () => {
    const rows = [put('b', 3, 'four'), del('c', 9), put('c', 4, ''), put('d', 5, 'x')];
    const fs = memoryFileSystem();
    const times = { oldestWriteAt: 10.5, newestWriteAt: 20, createdAt: 30, oldestTombstoneAt: 15 };
    const properties = buildTable(fs, rows, {
      rangeTombstones: [
        { lower: bytesOf('a'), upper: bytesOf('f\0'), sequence: 12 },
        { lower: bytesOf('q'), upper: bytesOf('q'), sequence: 99 },
      ],
      times,
      keyspace: 7,
    });
    expect(properties).toMatchObject({
      entries: 4,
      keys: 3,
      minKey: bytesOf('a'),
      maxKey: bytesOf('f'),
      minSequence: 3,
      maxSequence: 12,
      pointTombstones: 1,
      rangeTombstones: 1,
      blocks: 1,
      keyBytes: 4,
      rawBytes: 9,
      keyspace: 7,
      bytes: fs.statSync(PATH)?.size,
      pointIndex: { kind: pointIndexKind('split-block').id },
    });
    expect({ ...readTableProperties(fs, PATH), oldestWriteAt: 10.5 }).toEqual(properties);
  });

  test('has no largest key when a range tombstone has no upper end', () => {
    const fs = memoryFileSystem();
    const lower = bytesOf('m');
    const properties = buildTable(fs, [], {
      rangeTombstones: [{ lower, upper: null, sequence: 4 }],
    });
    expect(properties).toMatchObject({ blocks: 0, entries: 0, minKey: lower, maxKey: null });
    const table = Table.open(environmentOf(fs), PATH, properties);
    expect(lookup(table, lower)).toBe(null);
    const cursor = table.cursor();
    cursor.seekToFirst();
    expect(cursor.valid).toBe(false);
    cursor.seekToLast();
    expect(cursor.valid).toBe(false);
    expect(table.rangeTombstones.maxCoveringSequence(bytesOf('z'), 9)).toBe(4);
    table.verifyAll();
  });

  test('gives every entry the global sequence number of the file', () => {
    const rows = [put('a', 0, '1'), put('b', 0, '2')];
    const { table } = tableOf(rows, {
      globalSequence: 77,
      rangeTombstones: [{ lower: bytesOf('c'), upper: bytesOf('d'), sequence: 0 }],
    });
    expect(lookup(table, bytesOf('b'))?.sequence).toBe(77);
    expect(lookup(table, bytesOf('b'), 76)).toBe(null);
    expect(table.rangeTombstones.all[0]?.sequence).toBe(77);
    expect(table.properties).toMatchObject({ minSequence: 77, maxSequence: 77 });
    table.verifyAll();
  });

  test('compresses a block only where that saves an eighth', () => {
    const random = seededRandom(5);
    const noise = (length: number): Uint8Array => new Uint8Array(length).map(() => random.next());
    const plain = Array.from({ length: 200 }, (_, i) => put(`k${1000 + i}`, i + 1, noise(100)));
    const packed = plain.map((row) => ({ ...row, value: new Uint8Array(100).fill(1) }));
    const bytesWith = (rows: Row[], transform: 'none' | 'lz4'): number =>
      tableOf(rows, { transform }).properties.bytes;
    expect(bytesWith(plain, 'lz4')).toBe(bytesWith(plain, 'none'));
    expect(bytesWith(packed, 'lz4')).toBeLessThan(bytesWith(packed, 'none') / 3);
  });

  test('reports its size while it grows', () => {
    const builder = new TableBuilder(memoryFileSystem(), PATH, OPTIONS);
    expect(builder.lastKey).toBe(null);
    for (let i = 0; i < 5000; i++) {
      builder.add(entryOf(put(`key${10_000 + i}`, i + 1, 'v'.repeat(100))));
      expect(builder.lastKey).toEqual(bytesOf(`key${10_000 + i}`));
    }
    const estimate = builder.estimatedBytes;
    expect(builder.entries).toBe(5000);
    const { bytes, pointIndex } = builder.finish();
    expect(Math.abs(bytes - pointIndex.bytes - estimate)).toBeLessThan(600);
  });

  test('refuses entries out of order, other kinds and bad settings', () => {
    const broken = (rows: Row[]): (() => void) => {
      return () => {
        const builder = new TableBuilder(memoryFileSystem(), PATH, OPTIONS);
        for (const row of rows) builder.add(entryOf(row));
      };
    };
    const internal = expect.objectContaining({ code: 'LSM_INTERNAL' });
    expect(broken([put('b', 1, ''), put('a', 2, '')])).toThrow(internal);
    expect(broken([put('a', 1, ''), put('a', 2, '')])).toThrow(internal);
    expect(broken([put('a', 1, ''), put('a', 1, '')])).toThrow(internal);
    expect(broken([{ ...put('a', 1, ''), kind: 2 }])).toThrow(internal);
    expect(() => new TableBuilder(memoryFileSystem(), PATH, OPTIONS).finish()).toThrow(internal);
    for (const blockBytes of [0, 127, 262_145, Number.NaN]) {
      const make = (): unknown =>
        new TableBuilder(memoryFileSystem(), PATH, { ...OPTIONS, blockBytes });
      expect(make).toThrow(expect.objectContaining({ code: 'LSM_INVALID_ARGUMENT' }));
    }
  });

  test('removes its file when it is abandoned, also after a failed write', () => {
    const fs = memoryFileSystem();
    const full: FileSystem = {
      ...fs,
      workerName: null,
      unlinkSync: (path) => fs.unlinkSync(path),
      openSync: (path, mode) => {
        const handle = fs.openSync(path, mode);
        handle.writeSync = () => {
          throw new LsmError('LSM_DISK_FULL', 'No space.', { file: path });
        };
        return handle;
      },
    };
    const builder = new TableBuilder(full, PATH, OPTIONS);
    let error: unknown = null;
    for (let i = 0; i < 5000 && error === null; i++) {
      try {
        builder.add(entryOf(put(`key${10_000 + i}`, 1, 'v'.repeat(1000))));
      } catch (thrown) {
        error = thrown;
      }
    }
    expect(isLsmError(error, 'LSM_DISK_FULL')).toBe(true);
    builder.abandon();
    expect(fs.statSync(PATH)).toBe(null);
  });

  test('writes whole megabytes and syncs every 16', () => {
    const fs = memoryFileSystem();
    const calls: string[] = [];
    const spy: FileSystem = {
      ...fs,
      workerName: null,
      openSync: (path, mode) => {
        const handle = fs.openSync(path, mode);
        const write = handle.writeSync.bind(handle);
        handle.writeSync = (source, offset, length, position) => {
          calls.push(`write ${position}+${length}`);
          write(source, offset, length, position);
        };
        handle.syncSync = () => void calls.push('sync');
        return handle;
      },
    };
    const builder = new TableBuilder(spy, PATH, { ...OPTIONS, blockBytes: 65_536 });
    const value = new Uint8Array(60_000);
    for (let i = 0; i < 600; i++) builder.add(entryOf(put(`key${1000 + i}`, 1, value)));
    const { bytes } = builder.finish();
    const writes = calls.filter((call) => call !== 'sync');
    const full = Math.floor(bytes / (1 << 20));
    writes.slice(0, full).forEach((call, i) => expect(call).toBe(`write ${i << 20}+1048576`));
    expect(writes.length).toBe(full + 1);
    expect(calls.indexOf('sync')).toBe(16);
    expect(calls.filter((call) => call === 'sync').length).toBe(3);
    expect(calls.at(-1)).toBe('sync');
  });

  test('makes the same file of the same entries and random numbers', () => {
    const rows = Array.from({ length: 500 }, (_, i) => put(`k${1000 + i}`, i + 1, `value ${i}`));
    const a = tableOf(rows, { transform: 'lz4', seed: 8 }).fs;
    const b = tableOf(rows, { transform: 'lz4', seed: 8 }).fs;
    expect(Buffer.compare(readFileBytes(a, PATH), readFileBytes(b, PATH))).toBe(0);
  });
});

describe('inclusiveUpper', () => {
  test('is exact for a successor and one key too far otherwise', () => {
    expect(inclusiveUpper(bytesOf('a\0'))).toEqual(bytesOf('a'));
    expect(inclusiveUpper(bytesOf('b'))).toEqual(bytesOf('b'));
    expect(inclusiveUpper(Uint8Array.of(0))).toEqual(new Uint8Array(0));
  });
});
