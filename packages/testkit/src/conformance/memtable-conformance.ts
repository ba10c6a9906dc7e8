/** What every {@link Memtable} has to do; its cursor passes the cursor suite as well. */
import {
  compareBytes,
  Entry,
  EntryKind,
  encodeRangeUpper,
  type Memtable,
  type Random,
  seededRandom,
} from '@lsm/core';
import { bufferOf, cursorConformance, type TestEntry } from './cursor-conformance.ts';
import type { TestTools } from './test-tools.ts';

/** A fresh memtable and the way into its arena. */
export interface MemtableUnderTest {
  readonly memtable: Memtable;
  /**
   * Writes a record into the arena.
   *
   * @returns its offset there, or −1 if arena and index have no room for it
   */
  write(kind: EntryKind, key: Uint8Array, value: Uint8Array): number;
}

/** What makes memtables. */
export interface MemtableSubject {
  readonly name: string;
  /**
   * @param bytes - size of the arena that is wanted, at least
   * @param firstSequence - at or below every sequence number that will be added
   */
  make(bytes: number, firstSequence: number): MemtableUnderTest;
}

/** Defines the suite. */
export function memtableConformance(subject: MemtableSubject, tools: TestTools): void {
  cursorConformance(
    {
      name: `${subject.name} memtable`,
      make: (entries) => fill(subject.make(4 << 20, 1), entries).memtable.cursor(),
    },
    tools,
  );
  tools.describe(`Memtable conformance: ${subject.name}`, () => {
    defineGetTests(subject, tools);
    defineVoidTests(subject, tools);
    defineLiveCursorTests(subject, tools);
  });
}

/** Adds in the order of sequence numbers, as a memtable demands. */
function fill(subject: MemtableUnderTest, entries: readonly TestEntry[]): MemtableUnderTest {
  for (const entry of entries.toSorted((a, b) => a.sequence - b.sequence)) add(subject, entry);
  return subject;
}

function add(subject: MemtableUnderTest, entry: TestEntry): void {
  const offset = subject.write(entry.kind, entry.key, entry.value);
  if (offset < 0) throw new Error('The arena is full; the suite needs what it asked for.');
  subject.memtable.add(offset, entry.sequence);
}

function put(key: string, sequence: number, value: string): TestEntry {
  return { key: encode(key), sequence, kind: EntryKind.put, value: encode(value) };
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** What a read sees: `sequence:value`, `sequence:deleted` or `none`. */
function read(memtable: Memtable, key: Uint8Array, sequenceMax: number): string {
  const entry = new Entry();
  if (!memtable.get(bufferOf(key), sequenceMax, entry)) return 'none';
  if (compareBytes(entry.copyKey(), key) !== 0) return 'another key';
  if (entry.kind === EntryKind.delete) return `${entry.sequence}:deleted`;
  return `${entry.sequence}:${new TextDecoder().decode(entry.copyValue())}`;
}

function defineGetTests(subject: MemtableSubject, { it, expect }: TestTools): void {
  it('finds the newest version at or below a sequence number, tombstones included', () => {
    const table = subject.make(1 << 16, 1);
    add(table, put('k', 3, 'three'));
    add(table, { ...put('k', 5, ''), kind: EntryKind.delete });
    add(table, put('k', 9, 'nine'));
    const seen = [2, 3, 4, 5, 8, 9, Number.MAX_SAFE_INTEGER].map((sequence) =>
      read(table.memtable, encode('k'), sequence),
    );
    expect(seen).toEqual([
      'none',
      '3:three',
      '3:three',
      '5:deleted',
      '5:deleted',
      '9:nine',
      '9:nine',
    ]);
    expect(table.memtable.count).toBe(3);
  });

  it('tells keys apart that are prefixes, empty, or differ in one bit', () => {
    const table = subject.make(1 << 16, 1);
    const keys = ['', '\0', '\0\0', 'a', 'a\0', 'ab', 'abc', 'abcd', 'abcde', 'abcdf', 'b'];
    for (const [i, key] of keys.entries()) add(table, put(key, i + 1, `v${i}`));
    for (const [i, key] of keys.entries()) {
      expect(read(table.memtable, encode(key), 100)).toBe(`${i + 1}:v${i}`);
    }
    for (const key of ['\0\0\0', 'aa', 'abcdd', 'abcdef', 'c']) {
      expect(read(table.memtable, encode(key), 100)).toBe('none');
    }
  });

  it('takes the longest key and the largest sequence number', () => {
    const key = new Uint8Array(65_535).fill(7);
    const sequence = Number.MAX_SAFE_INTEGER;
    const table = subject.make(1 << 18, sequence);
    add(table, { key, sequence, kind: EntryKind.put, value: encode('v') });
    expect(read(table.memtable, key, sequence)).toBe(`${sequence}:v`);
    expect(read(table.memtable, key, sequence - 1)).toBe('none');
  });

  it('keeps range deletes apart from the point records', () => {
    const table = subject.make(1 << 16, 1);
    add(table, put('b', 1, 'v'));
    const value = encodeRangeUpper(encode('d'));
    add(table, { key: encode('a'), sequence: 2, kind: EntryKind.rangeDelete, value });
    expect(table.memtable.count).toBe(1);
    expect(table.memtable.rangeTombstones.count).toBe(1);
    expect(table.memtable.rangeTombstones.maxCoveringSequence(encode('b'), 9)).toBe(2);
    expect(table.memtable.rangeTombstones.maxCoveringSequence(encode('d'), 9)).toBe(-1);
    expect(read(table.memtable, encode('b'), 9)).toBe('1:v');
  });

  it('agrees with a plain map over 20,000 random writes', () => {
    const table = subject.make(8 << 20, 1);
    const random = seededRandom(3);
    const newest = new Map<string, number>();
    for (let sequence = 1; sequence <= 20_000; sequence++) {
      const key = String(random.next() % 5000);
      add(table, put(key, sequence, `v${sequence}`));
      newest.set(key, sequence);
    }
    for (const [key, sequence] of newest) {
      expect(read(table.memtable, encode(key), 20_000)).toBe(`${sequence}:v${sequence}`);
    }
  });
}

function defineVoidTests(subject: MemtableSubject, { it, expect }: TestTools): void {
  it('hides void records from lookups and cursors', () => {
    const table = subject.make(1 << 16, 1);
    add(table, put('a', 1, 'old'));
    add(table, put('a', 2, 'void'));
    add(table, put('b', 3, 'void'));
    add(table, put('c', 4, 'kept'));
    table.memtable.markVoid(bufferOf(encode('a')), 2);
    table.memtable.markVoid(bufferOf(encode('b')), 3);
    expect(read(table.memtable, encode('a'), 9)).toBe('1:old');
    expect(read(table.memtable, encode('b'), 9)).toBe('none');
    expect(scan(table.memtable)).toEqual(['a@1', 'c@4']);
    expect(scanBack(table.memtable)).toEqual(['c@4', 'a@1']);
    add(table, put('b', 5, 'new'));
    expect(scan(table.memtable)).toEqual(['a@1', 'b@5', 'c@4']);
  });
}

function defineLiveCursorTests(subject: MemtableSubject, { it, expect }: TestTools): void {
  it('keeps a cursor right, in both directions, while records are added between its steps', () => {
    const random = seededRandom(11);
    for (let round = 0; round < 20; round++) {
      const table = subject.make(1 << 20, 1);
      const initial = Array.from({ length: 60 }, (_, i) => put(randomKey(random), i + 1, 'v'));
      fill(table, initial);
      const found = walkWhileAdding(table, random, round % 2 === 0);
      const expected = initial
        .toSorted((a, b) => compareBytes(a.key, b.key) || b.sequence - a.sequence)
        .map(label);
      expect(found).toEqual(round % 2 === 0 ? expected : expected.toReversed());
    }
  });

  it('shows in a new cursor all that was added before it was made', () => {
    const table = subject.make(1 << 16, 1);
    for (let n = 0; n < 50; n++) {
      add(table, put(String((n * 37) % 50).padStart(2, '0'), n + 1, 'v'));
      expect(scan(table.memtable).length).toBe(n + 1);
    }
  });
}

/** The entries with sequence ≤ 60 that a cursor meets while newer ones are added at each step. */
function walkWhileAdding(table: MemtableUnderTest, random: Random, forward: boolean): string[] {
  const cursor = table.memtable.cursor();
  const found: string[] = [];
  let sequence = 1000;
  if (forward) cursor.seekToFirst();
  else cursor.seekToLast();
  while (cursor.valid) {
    if (cursor.entry.sequence <= 60) found.push(labelHere(cursor.entry));
    for (let i = random.next() % 3; i > 0; i--) {
      add(table, put(randomKey(random), sequence++, 'later'));
    }
    if (sequence > 4000) throw new Error('The cursor does not come to an end.');
    if (forward) cursor.next();
    else cursor.prev();
  }
  cursor.close();
  return found;
}

function randomKey(random: Random): string {
  return String(random.next() % 40).padStart(1 + (random.next() % 6), '0');
}

function scan(memtable: Memtable): string[] {
  const found: string[] = [];
  const cursor = memtable.cursor();
  for (cursor.seekToFirst(); cursor.valid; cursor.next()) found.push(labelHere(cursor.entry));
  cursor.close();
  return found;
}

function scanBack(memtable: Memtable): string[] {
  const found: string[] = [];
  const cursor = memtable.cursor();
  for (cursor.seekToLast(); cursor.valid; cursor.prev()) found.push(labelHere(cursor.entry));
  cursor.close();
  return found;
}

function label({ key, sequence }: TestEntry): string {
  return `${new TextDecoder().decode(key)}@${sequence}`;
}

function labelHere(entry: Entry): string {
  return `${new TextDecoder().decode(entry.copyKey())}@${entry.sequence}`;
}
