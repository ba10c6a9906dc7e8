/**
 * Building, lookups and scans of one table of 16-byte random keys and 100-byte values.
 *
 *     node --conditions=@lsm/source bench/sstable.bench.ts [entries, default 200000] [--quick]
 *
 * Lookups visit all keys in random order, everything cached; a lookup includes copying the key into a KeyBuffer and
 * hashing it. `Building` writes to the directory of temporary files and includes its syncs; `building without a disk`
 * to a file system that only counts.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { POINT_INDEX_KINDS, pointIndexKind } from '@lsm/bloom';
import { BlockCache } from '@lsm/cache';
import {
  Entry,
  type FileHandle,
  type FileSystem,
  KeyBuffer,
  KeyHasher,
  type PointIndexKindName,
  SEQUENCE_MAX,
  seededRandom,
} from '@lsm/core';
import { joinPath, nodeFileSystem } from '@lsm/fs';
import { createKernels } from '@lsm/kernels';
import { Table, TableBuilder, TableEnvironment, type TableProperties } from '@lsm/sstable';
import { type BenchTask, finish, measure, numberArgument, prove } from '../../../tooling/bench.ts';

const ENTRIES = numberArgument(0, 200_000, 3000);
const KEY = 16;
const VALUE = 100;
const BLOCK = 4096;
const RAW_BYTES = ENTRIES * (KEY + VALUE);
const KINDS = ['none', 'bloom', 'split-block', 'fuse8', 'hash-index'] as const;
const HASH_SEED = [1, 2] as const;

const random = seededRandom(42);
const records = makeRecords();
const order = shuffled(ENTRIES);
const hasher = new KeyHasher(HASH_SEED);
const key = new KeyBuffer();
const entry = new Entry();
const directory = mkdtempSync(joinPath(tmpdir(), 'lsm-sstable-'));
const fs = nodeFileSystem();

/** Sorted records: 116 bytes each, key first; half of a value is letters. */
function makeRecords(): Uint8Array {
  const keys = Array.from({ length: ENTRIES }, () => {
    const words = Uint32Array.from({ length: KEY / 4 }, () => random.next());
    return Buffer.from(words.buffer);
  }).sort((a, b) => Buffer.compare(a, b));
  const bytes = new Uint8Array(ENTRIES * (KEY + VALUE));
  for (const [i, ofKey] of keys.entries()) {
    const at = i * (KEY + VALUE);
    bytes.set(ofKey, at);
    for (let j = KEY; j < KEY + VALUE; j++) bytes[at + j] = j < 66 ? random.next() : 97 + (j % 5);
  }
  return bytes;
}

function shuffled(count: number): Int32Array {
  const list = Int32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = random.next() % (i + 1);
    [list[i], list[j]] = [list[j]!, list[i]!];
  }
  return list;
}

function build(
  target: FileSystem,
  path: string,
  kind: PointIndexKindName,
  transform: 'none' | 'lz4',
): TableProperties {
  const builder = new TableBuilder(target, path, {
    random,
    blockBytes: BLOCK,
    pointIndex: pointIndexKind(kind),
    bitsPerKey: 10,
    transform,
    hashSeed: HASH_SEED,
  });
  const source = new Entry();
  source.bytes = records;
  source.words = new Int32Array(records.buffer);
  source.keyLength = KEY;
  source.valueLength = VALUE;
  for (let i = 0; i < ENTRIES; i++) {
    source.keyOffset = i * (KEY + VALUE);
    source.valueOffset = source.keyOffset + KEY;
    source.sequence = i + 1;
    builder.add(source);
  }
  return builder.finish();
}

/** A file system that takes every byte, counts it and keeps none. */
class Sink {
  bytes = 0;
  readonly fs: FileSystem;

  constructor() {
    const writeSync = (bytes: Uint8Array, offset = 0, length = bytes.length - offset): void => {
      this.bytes += length;
    };
    const handle = { path: '', writeSync, syncSync() {}, close() {} } as unknown as FileHandle;
    this.fs = { ...fs, openSync: () => handle };
  }
}

function environmentOf(frameCount: number): TableEnvironment {
  const kernels = createKernels((frameCount + 1) * BLOCK);
  const cache = new BlockCache(kernels.bytes, { start: BLOCK, frameBytes: BLOCK, frameCount });
  return new TableEnvironment({
    fs,
    cache,
    cacheKernels: kernels,
    scratchBytes: BLOCK,
    kinds: POINT_INDEX_KINDS,
    hasher,
  });
}

/** What a lookup costs before it reaches the table. */
function prepare(): number {
  let sum = 0;
  for (let i = 0; i < ENTRIES; i++) {
    key.setBytes(records, order[i]! * (KEY + VALUE), KEY);
    hasher.hash(key.words, 0, KEY);
    sum ^= hasher.low;
  }
  return sum;
}

function lookups(table: Table, flip: number): number {
  let found = 0;
  for (let i = 0; i < ENTRIES; i++) {
    key.setBytes(records, order[i]! * (KEY + VALUE), KEY);
    key.bytes[KEY - 1]! ^= flip;
    hasher.hash(key.words, 0, KEY);
    found += table.get(key, hasher.low, hasher.high, SEQUENCE_MAX, entry);
  }
  return found;
}

function scan(table: Table, backward: boolean, fillCache: boolean): number {
  const cursor = table.cursor({ fillCache });
  let count = 0;
  if (backward) cursor.seekToLast();
  else cursor.seekToFirst();
  for (; cursor.valid; count++) {
    if (backward) cursor.prev();
    else cursor.next();
  }
  cursor.close();
  return count;
}

/** What the kinds are compared with: a table without a point index. */
const beside = (kind: string, what: string): { beside?: string } =>
  kind === 'none' ? {} : { beside: `none, ${what}` };

function buildingWithoutDisk(transform: 'none' | 'lz4'): BenchTask {
  let note = '';
  return {
    name: `TableBuilder, ${transform}`,
    operations: ENTRIES,
    bytes: RAW_BYTES,
    expected: ENTRIES,
    run() {
      const sink = new Sink();
      const { entries, bytes } = build(sink.fs, '', 'split-block', transform);
      if (sink.bytes !== bytes) throw new Error(`${sink.bytes} bytes written, ${bytes} claimed`);
      note = `${bytes} bytes`;
      return entries;
    },
    note: () => note,
    ...(transform === 'none' ? {} : { beside: 'TableBuilder, none' }),
  };
}

function building(kind: PointIndexKindName): BenchTask {
  const path = joinPath(directory, `building-${kind}.sst`);
  return {
    name: `${kind}, build`,
    operations: ENTRIES,
    bytes: RAW_BYTES,
    expected: ENTRIES,
    run: () => build(fs, path, kind, 'none').entries,
    after: () => rmSync(path),
    calls: 1,
    ...beside(kind, 'build'),
  };
}

/** Lookups of one table; each call checks that the point index was asked every time and no block was read again. */
function gets(kind: PointIndexKindName, table: Table, environment: TableEnvironment): BenchTask[] {
  const { counters } = environment;
  const asked = (): number => counters.filterNegatives + counters.filterPositives;
  const task = (what: string, flip: number, expected: number): BenchTask => ({
    name: `${kind}, ${what}`,
    operations: ENTRIES,
    expected,
    run() {
      const before = asked();
      const { blockReads } = counters;
      const found = lookups(table, flip);
      if (asked() - before !== ENTRIES) throw new Error(`${asked() - before} lookups were counted`);
      if (counters.blockReads !== blockReads) throw new Error('Blocks were not cached');
      return found;
    },
    ...beside(kind, what),
  });
  return [
    {
      ...task('get', 0, ENTRIES),
      note: () => `${(table.memoryBytes / ENTRIES).toFixed(2)} B of index per key`,
    },
    task('miss', 0x55, 0),
  ];
}

function scans(table: Table, uncached: Table, properties: TableProperties): BenchTask[] {
  const task = (name: string, expected: number, run: () => number): BenchTask => ({
    name,
    operations: ENTRIES,
    bytes: RAW_BYTES,
    expected,
    run,
  });
  return [
    task('forward, cached', ENTRIES, () => scan(table, false, true)),
    task('backward, cached', ENTRIES, () => scan(table, true, true)),
    task('forward, read ahead', ENTRIES, () => scan(uncached, false, false)),
    task('verifyAll', properties.blocks, () => table.verifyAll().blocks),
  ];
}

try {
  await measure('Building without a disk, per entry', [
    buildingWithoutDisk('none'),
    buildingWithoutDisk('lz4'),
  ]);
  await measure('Building, per entry', KINDS.map(building));
  const opened = KINDS.map((kind) => {
    const path = joinPath(directory, `${kind}.sst`);
    const properties = build(fs, path, kind, 'none');
    const environment = environmentOf(properties.blocks);
    const table = Table.open(environment, path, properties);
    const found = lookups(table, 0);
    const { blockReads } = environment.counters;
    prove(
      `${kind}: ${found} keys were found in ${blockReads} blocks of ${properties.bytes} bytes`,
      found === ENTRIES && blockReads === properties.blocks,
    );
    return { kind, path, properties, environment, table };
  });
  await measure('Lookups', [
    { name: 'key and hash', operations: ENTRIES, expected: prepare(), run: prepare },
    ...opened.flatMap(({ kind, table, environment }) => gets(kind, table, environment)),
  ]);
  const [{ path, properties, table }] = opened as [(typeof opened)[number]];
  const uncached = Table.open(environmentOf(1), path, properties);
  await measure('Scans, per entry', scans(table, uncached, properties));
  uncached.close();
  for (const one of opened) one.table.close();
  finish();
} finally {
  rmSync(directory, { recursive: true });
}
