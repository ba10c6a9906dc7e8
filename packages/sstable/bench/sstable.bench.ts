/**
 * Building, lookups and scans of one table of 16-byte random keys and 100-byte values.
 *
 *     node --conditions=@lsm/source bench/sstable.bench.ts [entries, default 200000]
 *
 * Lookups visit all keys in random order, everything cached; a lookup includes copying the key into a KeyBuffer and
 * hashing it. Figures are the best of a few rounds; `build` writes to the directory of temporary files and includes
 * its syncs, `build, memory` a file system in memory that only counts.
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

const ENTRIES = Number(process.argv[2] ?? 200_000);
const KEY = 16;
const VALUE = 100;
const BLOCK = 4096;
const ROUNDS = 4;
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
  keys.forEach((bytesOfKey, i) => {
    const at = i * (KEY + VALUE);
    bytes.set(bytesOfKey, at);
    for (let j = KEY; j < KEY + VALUE; j++) bytes[at + j] = j < 66 ? random.next() : 97 + (j % 5);
  });
  return bytes;
}

function shuffled(count: number): Int32Array {
  const list = Int32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = random.next() % (i + 1);
    const swap = list[i];
    list[i] = list[j];
    list[j] = swap;
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

/** A file system that takes every byte and keeps none. */
function sink(): FileSystem {
  const handle = { path: '', writeSync() {}, syncSync() {}, close() {} } as unknown as FileHandle;
  return { ...fs, openSync: () => handle };
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

/** Best ns per operation. */
function best(operations: number, run: () => void, rounds = ROUNDS): number {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    run();
    least = Math.min(least, ((performance.now() - start) * 1e6) / operations);
  }
  return least;
}

/** What a lookup costs before it reaches the table. */
function prepare(): number {
  let sum = 0;
  for (let i = 0; i < ENTRIES; i++) {
    key.setBytes(records, order[i] * (KEY + VALUE), KEY);
    hasher.hash(key.words, 0, KEY);
    sum ^= hasher.low;
  }
  return sum;
}

function lookups(table: Table, flip: number): number {
  let found = 0;
  for (let i = 0; i < ENTRIES; i++) {
    key.setBytes(records, order[i] * (KEY + VALUE), KEY);
    key.bytes[KEY - 1] ^= flip;
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

function report(name: string, ns: number, note = ''): void {
  process.stdout.write(`${name.padEnd(32)} ${ns.toFixed(1).padStart(8)} ns  ${note}\n`);
}

const megabytes = (ns: number): string => `${(((KEY + VALUE) * 1000) / ns).toFixed(0)} MB/s`;

try {
  process.stdout.write(`${ENTRIES} entries, ${BLOCK}-byte blocks\n`);
  for (const transform of ['none', 'lz4'] as const) {
    const ns = best(ENTRIES, () => build(sink(), '', 'split-block', transform));
    report(`build, memory, ${transform}`, ns, megabytes(ns));
  }
  report('key and hash, in each get', best(ENTRIES, prepare));
  for (const kind of ['none', 'bloom', 'split-block', 'fuse8', 'hash-index'] as const) {
    const path = joinPath(directory, `${kind}.sst`);
    const start = performance.now();
    const properties = build(fs, path, kind, 'none');
    const ns = ((performance.now() - start) * 1e6) / ENTRIES;
    report(`build, ${kind}`, ns, megabytes(ns));
    const environment = environmentOf(properties.blocks);
    const table = Table.open(environment, path, properties);
    lookups(table, 0);
    report(
      `get, found, ${kind}`,
      best(ENTRIES, () => lookups(table, 0)),
    );
    report(
      `get, absent, ${kind}`,
      best(ENTRIES, () => lookups(table, 0x55)),
    );
    report(`index memory, ${kind}`, table.memoryBytes / ENTRIES, '(bytes for each key)');
    if (kind === 'none') {
      report(
        'scan forward, cached',
        best(ENTRIES, () => scan(table, false, true)),
      );
      report(
        'scan backward, cached',
        best(ENTRIES, () => scan(table, true, true)),
      );
      const cold = environmentOf(1);
      const uncached = Table.open(cold, path, properties);
      const coldNs = best(ENTRIES, () => scan(uncached, false, false));
      report('scan forward, read ahead', coldNs, megabytes(coldNs));
      report(
        'verifyAll',
        best(ENTRIES, () => table.verifyAll(), 2),
      );
      uncached.close();
    }
    table.close();
  }
} finally {
  rmSync(directory, { recursive: true });
}
