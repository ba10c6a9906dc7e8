/**
 * A memtable under test beside the obvious model of it: a map from key to its versions, sorted when asked.
 */
import {
  type Cursor,
  compareBytes,
  Entry,
  EntryKind,
  encodeRangeUpper,
  KeyBuffer,
  recordBytes,
  writeRecordHeader,
} from '@lsm/core';
import {
  type Arena,
  ArenaPool,
  artMemtable,
  hashMemtable,
  type SealableMemtable,
} from '@lsm/memtable';
import { expect } from 'vitest';

/** How the two memtables are made. */
export const KINDS: Record<'art' | 'hash', (arena: Arena, first: number) => SealableMemtable> = {
  art: artMemtable,
  hash: hashMemtable,
};

/** Arenas of the tests; filled with rubbish on release so that nothing can rely on zeros. */
const pool = new ArenaPool();

/** One version of one key in the model. */
export interface Version {
  readonly key: Uint8Array;
  readonly sequence: number;
  readonly kind: number;
  readonly value: Uint8Array;
  void: boolean;
}

/** Compares as internal order does: key ascending, sequence number descending. */
export function compareVersions(a: Version, b: Version): number {
  return compareBytes(a.key, b.key) || b.sequence - a.sequence;
}

/** The key as a map key. */
export function keyName(key: Uint8Array): string {
  return String.fromCharCode(...key);
}

/** Bytes that the tests leave for the header of a frame. */
const FRAME_BYTES = 40;

/**
 * Appends a record as a frame would.
 *
 * @param gap - bytes before it: FRAME_BYTES for a frame of its own, 0 for a further record of a batch
 */
export function appendRecord(
  arena: Arena,
  kind: number,
  key: Uint8Array,
  value: Uint8Array,
  gap: number = FRAME_BYTES,
): number {
  const offset = arena.dataEnd + gap;
  writeRecordHeader(arena.words, offset, kind, key.length, value.length);
  arena.bytes.set(key, offset + 8);
  arena.bytes.set(value, offset + 8 + key.length);
  arena.dataEnd = (offset + recordBytes(key.length, value.length) + 7) & ~7;
  return offset;
}

export class Subject {
  readonly arena: Arena;
  readonly memtable: SealableMemtable;
  readonly first: number;
  readonly versions: Map<string, Version[]> = new Map();
  readonly entry: Entry = new Entry();
  readonly buffer: KeyBuffer = new KeyBuffer();
  sequence: number;
  /** Bytes before each record. */
  gap: number = FRAME_BYTES;

  constructor(kind: 'art' | 'hash', bytes: number = 1 << 20, first: number = 1) {
    this.arena = pool.acquire(bytes);
    this.arena.words.fill(0x5aa5_5aa5);
    this.memtable = KINDS[kind](this.arena, first);
    this.first = first;
    this.sequence = first - 1;
  }

  close(): void {
    pool.release(this.arena);
  }

  /** Whether a record of this size fits by the memtable's own bound. */
  fits(keyLength: number, valueLength: number): boolean {
    return this.arena.free() >= this.memtable.indexBytesMax(1) + keyLength + valueLength + 64;
  }

  write(kind: number, key: Uint8Array, value: Uint8Array): number {
    const offset = appendRecord(this.arena, kind, key, value, this.gap);
    const most = this.memtable.indexBytesMax(1);
    const before = this.arena.indexStart;
    this.memtable.add(offset, ++this.sequence);
    expect(before - this.arena.indexStart).toBeLessThanOrEqual(most);
    expect(this.arena.free()).toBeGreaterThanOrEqual(0);
    if (kind !== EntryKind.rangeDelete) {
      const name = keyName(key);
      const version = { key, sequence: this.sequence, kind, value, void: false };
      const chain = this.versions.get(name);
      if (chain === undefined) this.versions.set(name, [version]);
      else chain.unshift(version);
    }
    return this.sequence;
  }

  put(key: Uint8Array, value: Uint8Array = Uint8Array.of(this.sequence & 255)): number {
    return this.write(EntryKind.put, key, value);
  }

  del(key: Uint8Array): number {
    return this.write(EntryKind.delete, key, new Uint8Array(0));
  }

  delRange(lower: Uint8Array, upper: Uint8Array | null): number {
    return this.write(EntryKind.rangeDelete, lower, encodeRangeUpper(upper));
  }

  markVoid(key: Uint8Array, sequence: number): void {
    this.buffer.set(key);
    this.memtable.markVoid(this.buffer, sequence);
    const chain = this.versions.get(keyName(key)) ?? [];
    for (const version of chain) if (version.sequence === sequence) version.void = true;
  }

  /** The model's answer to `get`. */
  expected(key: Uint8Array, sequenceMax: number): Version | undefined {
    const chain = this.versions.get(keyName(key)) ?? [];
    return chain.find((version) => !version.void && version.sequence <= sequenceMax);
  }

  /** The model's live versions in order, up to a sequence number. */
  sorted(sequenceMax: number = Number.MAX_SAFE_INTEGER): Version[] {
    return [...this.versions.values()]
      .flat()
      .filter((version) => !version.void && version.sequence <= sequenceMax)
      .sort(compareVersions);
  }

  /** Compares `get` with the model. */
  checkGet(
    key: Uint8Array,
    sequenceMax: number = Number.MAX_SAFE_INTEGER,
    memtable: SealableMemtable = this.memtable,
  ): void {
    this.buffer.set(key);
    const found = memtable.get(this.buffer, sequenceMax, this.entry);
    const expected = this.expected(key, sequenceMax);
    expect(found).toBe(expected !== undefined);
    if (expected !== undefined) expectEntry(this.entry, expected);
  }

  /** Compares a whole walk in each direction with the model. */
  checkWalk(memtable: SealableMemtable = this.memtable): void {
    const expected = this.sorted();
    const cursor = memtable.cursor();
    expect(cursor.valid).toBe(false);
    cursor.seekToFirst();
    for (const version of expected) {
      expectAt(cursor, version);
      cursor.next();
    }
    expect(cursor.valid).toBe(false);
    cursor.seekToLast();
    for (const version of expected.toReversed()) {
      expectAt(cursor, version);
      cursor.prev();
    }
    expect(cursor.valid).toBe(false);
    cursor.close();
  }

  /** Compares a seek with the model. */
  checkSeek(cursor: Cursor, key: Uint8Array, sorted: Version[] = this.sorted()): void {
    this.buffer.set(key);
    cursor.seek(this.buffer);
    const expected = sorted.find((version) => compareBytes(version.key, key) >= 0);
    if (expected === undefined) expect(cursor.valid).toBe(false);
    else expectAt(cursor, expected);
  }
}

/** The cursor stands on this version. */
export function expectAt(cursor: Cursor, version: Version): void {
  if (!cursor.valid) expect.fail(`the cursor ended before ${version.key.toString()}`);
  expectEntry(cursor.entry, version);
}

/** The entry is this version. */
export function expectEntry(entry: Entry, version: Version): void {
  const same =
    entry.sequence === version.sequence &&
    entry.kind === version.kind &&
    compareBytes(entry.copyKey(), version.key) === 0 &&
    compareBytes(entry.copyValue(), version.value) === 0;
  if (same) return;
  expect({
    sequence: entry.sequence,
    kind: entry.kind,
    key: entry.copyKey(),
    value: entry.copyValue(),
  }).toEqual({
    sequence: version.sequence,
    kind: version.kind,
    key: version.key,
    value: version.value,
  });
}
