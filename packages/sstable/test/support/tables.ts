/** Entries, environments and tables for the tests of this package. */
import { POINT_INDEX_KINDS, pointIndexKind } from '@lsm/bloom';
import { BlockCache } from '@lsm/cache';
import {
  type Cursor,
  compareBytes,
  Entry,
  EntryKind,
  type FileSystem,
  KeyBuffer,
  KeyHasher,
  type PointIndexKindName,
  type RangeTombstone,
  seededRandom,
} from '@lsm/core';
import { memoryFileSystem } from '@lsm/fs';
import { createKernels } from '@lsm/kernels';
import {
  Table,
  TableBuilder,
  type TableBuilderOptions,
  TableEnvironment,
  type TableEnvironmentOptions,
  type TableProperties,
} from '@lsm/sstable';

export const HASH_SEED: readonly [number, number] = [0x1234_5678, 0x0fed_cba9];
export const PATH = '/1.sst';

/** One entry of a model. */
export interface Row {
  readonly key: Uint8Array;
  readonly sequence: number;
  readonly kind: number;
  readonly value: Uint8Array;
}

/** A put. */
export function put(key: string | Uint8Array, sequence: number, value: string | Uint8Array): Row {
  return { key: bytesOf(key), sequence, kind: EntryKind.put, value: bytesOf(value) };
}

/** A point delete. */
export function del(key: string | Uint8Array, sequence: number): Row {
  return { key: bytesOf(key), sequence, kind: EntryKind.delete, value: new Uint8Array(0) };
}

export function bytesOf(source: string | Uint8Array): Uint8Array {
  return typeof source === 'string' ? new TextEncoder().encode(source) : source;
}

/** Internal order. */
export function compareRows(a: Row, b: Row): number {
  return compareBytes(a.key, b.key) || b.sequence - a.sequence;
}

/** Puts a row into a memory as a source of entries has it: key aligned, value right behind or elsewhere. */
export function entryOf(row: Row, adjacent = true): Entry {
  const { key, value } = row;
  const valueOffset = 4 + (adjacent ? key.length : (key.length + 11) & ~3);
  const buffer = new ArrayBuffer((valueOffset + value.length + 7) & ~3);
  const entry = new Entry();
  // What follows key and value is not zero in an arena.
  entry.bytes = new Uint8Array(buffer).fill(0xee);
  entry.words = new Int32Array(buffer);
  entry.bytes.set(key, 4);
  entry.bytes.set(value, valueOffset);
  entry.keyOffset = 4;
  entry.keyLength = key.length;
  entry.valueOffset = valueOffset;
  entry.valueLength = value.length;
  entry.kind = row.kind;
  entry.sequence = row.sequence;
  return entry;
}

/** How {@link buildTable} builds. */
export interface BuildSettings extends Partial<Omit<TableBuilderOptions, 'pointIndex'>> {
  readonly pointIndex?: PointIndexKindName;
  readonly rangeTombstones?: readonly RangeTombstone[];
  readonly path?: string;
  /** Seed of the file id; default 1. */
  readonly seed?: number;
}

/** Builds a table from rows in internal order. */
export function buildTable(
  fs: FileSystem,
  rows: readonly Row[],
  settings: BuildSettings = {},
): TableProperties {
  const { pointIndex, rangeTombstones, path, seed, ...options } = settings;
  const builder = new TableBuilder(fs, path ?? PATH, {
    random: seededRandom(seed ?? 1),
    blockBytes: 4096,
    bitsPerKey: 10,
    transform: 'none',
    hashSeed: HASH_SEED,
    ...options,
    pointIndex: pointIndexKind(pointIndex ?? 'split-block'),
  });
  rows.forEach((row, i) => builder.add(entryOf(row, i % 3 !== 2)));
  for (const tombstone of rangeTombstones ?? []) builder.addRangeTombstone(tombstone);
  return builder.finish();
}

/** How {@link environmentOf} is made. */
export interface EnvironmentSettings
  extends Partial<Omit<TableEnvironmentOptions, 'cache' | 'cacheKernels'>> {
  /** Bytes of a frame; default 4096. */
  readonly frameBytes?: number;
  /** 0: no cache. Default 64. */
  readonly frameCount?: number;
}

/** An environment with a cache of its own. */
export function environmentOf(
  fs: FileSystem,
  settings: EnvironmentSettings = {},
): TableEnvironment {
  const { frameCount = 64, frameBytes = 4096, ...options } = settings;
  const kernels = createKernels(frameBytes * (frameCount + 1));
  const cache =
    frameCount === 0
      ? null
      : new BlockCache(kernels.bytes, { start: frameBytes, frameBytes, frameCount });
  return new TableEnvironment({
    fs,
    cache,
    cacheKernels: kernels,
    scratchOffset: 0,
    scratchBytes: frameBytes,
    kinds: POINT_INDEX_KINDS,
    hasher: new KeyHasher(HASH_SEED),
    ...options,
  });
}

/** Builds and opens a table in a memory file system. */
export function tableOf(
  rows: readonly Row[],
  settings: BuildSettings = {},
  environmentSettings: EnvironmentSettings = {},
): { table: Table; environment: TableEnvironment; properties: TableProperties; fs: FileSystem } {
  const fs = memoryFileSystem();
  const properties = buildTable(fs, rows, settings);
  const environment = environmentOf(fs, {
    frameBytes: Math.min(settings.blockBytes ?? 4096, 65_536),
    ...environmentSettings,
  });
  const table = Table.open(environment, settings.path ?? PATH, properties);
  return { table, environment, properties, fs };
}

const hasher = new KeyHasher(HASH_SEED);
const keyBuffer = new KeyBuffer();
const found = new Entry();

/** The row that a lookup finds, `null` if none. */
export function lookup(
  table: Table,
  key: Uint8Array,
  sequenceMax: number = Number.MAX_SAFE_INTEGER,
): Row | null {
  keyBuffer.set(key);
  hasher.hash(keyBuffer.words, 0, keyBuffer.length);
  const answer = table.get(keyBuffer, hasher.low, hasher.high, sequenceMax, found);
  if (answer === 0) return null;
  if (answer !== 1) throw new Error(`get answered ${answer}`);
  return rowOf(found);
}

/** A copy of an entry. */
export function rowOf(entry: Entry): Row {
  return {
    key: entry.copyKey(),
    sequence: entry.sequence,
    kind: entry.kind,
    value: entry.copyValue(),
  };
}

/** All rows from where a cursor stands, forward. */
export function rowsForward(cursor: Cursor): Row[] {
  const rows: Row[] = [];
  for (; cursor.valid; cursor.next()) rows.push(rowOf(cursor.entry));
  return rows;
}

/** All rows from where a cursor stands, backward. */
export function rowsBackward(cursor: Cursor): Row[] {
  const rows: Row[] = [];
  for (; cursor.valid; cursor.prev()) rows.push(rowOf(cursor.entry));
  return rows;
}

/** A key buffer with this key. */
export function keyOf(key: string | Uint8Array): KeyBuffer {
  const buffer = new KeyBuffer();
  buffer.set(key);
  return buffer;
}

/** Model: the newest visible version of a key. */
export function lookupRow(
  rows: readonly Row[],
  key: Uint8Array,
  sequenceMax: number = Number.MAX_SAFE_INTEGER,
): Row | null {
  for (const row of rows) {
    if (compareBytes(row.key, key) === 0 && row.sequence <= sequenceMax) return row;
  }
  return null;
}

/** A readable form of a row for comparisons: cheaper to compare than typed arrays. */
export function textOf(row: Row | null): string | null {
  if (row === null) return null;
  return `${hex(row.key)}@${row.sequence}/${row.kind}=${hex(row.value)}`;
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}
