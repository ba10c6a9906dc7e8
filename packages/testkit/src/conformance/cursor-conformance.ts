/** What every {@link Cursor} has to do: stand on the right entry after any sequence of moves. */
import {
  type Cursor,
  compareBytes,
  EntryKind,
  KeyBuffer,
  type Random,
  seededRandom,
} from '@lsm/core';
import type { TestTools } from './test-tools.ts';

/** An entry to be put into a source. */
export interface TestEntry {
  readonly key: Uint8Array;
  readonly sequence: number;
  readonly kind: EntryKind;
  readonly value: Uint8Array;
}

/** What makes cursors. */
export interface CursorSubject {
  readonly name: string;
  /**
   * A cursor over these entries.
   *
   * @param entries - in internal order: key ascending, then sequence descending; no two alike
   */
  make(entries: readonly TestEntry[]): Cursor | Promise<Cursor>;
  /** Most entries that a source can hold; default unlimited. */
  readonly entriesMax?: number;
}

/** Defines the suite. */
export function cursorConformance(
  subject: CursorSubject,
  { describe, it, expect }: TestTools,
): void {
  describe(`Cursor conformance: ${subject.name}`, () => {
    it('stands nowhere when fresh, and over no entries after every seek', async () => {
      const cursor = await subject.make([]);
      expect(cursor.valid).toBe(false);
      cursor.seekToFirst();
      expect(cursor.valid).toBe(false);
      cursor.seekToLast();
      expect(cursor.valid).toBe(false);
      cursor.seek(bufferOf(Uint8Array.of()));
      expect(cursor.valid).toBe(false);
      cursor.close();
      cursor.close();
    });

    for (const [what, entries] of samples(subject.entriesMax ?? Number.POSITIVE_INFINITY)) {
      it(`goes forward, back and to every key over ${what}`, async () => {
        const cursor = await subject.make(entries);
        expect(cursor.valid).toBe(false);
        const walk = new Walk(cursor, entries);
        walk.first();
        for (let i = 0; i < entries.length; i++) walk.next();
        walk.last();
        for (let i = 0; i < entries.length; i++) walk.prev();
        for (const target of targets(entries)) {
          walk.seek(target);
          walk.next();
          walk.seek(target);
          walk.prev();
        }
        cursor.close();
        cursor.close();
      });

      it(`follows random moves over ${what}`, async () => {
        const cursor = await subject.make(entries);
        const walk = new Walk(cursor, entries);
        const random = seededRandom(entries.length);
        const keys = targets(entries);
        walk.first();
        for (let i = 0; i < 2000; i++) randomMove(walk, keys, random);
        cursor.close();
      });
    }
  });
}

function randomMove(walk: Walk, keys: readonly Uint8Array[], random: Random): void {
  const move = random.next() % 16;
  if (move === 0) walk.first();
  else if (move === 1) walk.last();
  else if (move < 5) walk.seek(keys[random.next() % keys.length]!);
  else if (move < 11) walk.next();
  else walk.prev();
}

/** A cursor beside the position that it should have. */
class Walk {
  readonly #cursor: Cursor;
  readonly #entries: readonly TestEntry[];
  readonly #entry: Cursor['entry'];
  #position = -1;

  constructor(cursor: Cursor, entries: readonly TestEntry[]) {
    this.#cursor = cursor;
    this.#entries = entries;
    this.#entry = cursor.entry;
  }

  first(): void {
    this.#cursor.seekToFirst();
    this.#expectAt(this.#entries.length === 0 ? -1 : 0);
  }

  last(): void {
    this.#cursor.seekToLast();
    this.#expectAt(this.#entries.length - 1);
  }

  seek(key: Uint8Array): void {
    this.#cursor.seek(bufferOf(key));
    this.#expectAt(this.#entries.findIndex((entry) => compareBytes(entry.key, key) >= 0));
  }

  /** No move where the contract allows none. */
  next(): void {
    if (this.#position < 0) return;
    this.#cursor.next();
    this.#expectAt(this.#position + 1 < this.#entries.length ? this.#position + 1 : -1);
  }

  prev(): void {
    if (this.#position < 0) return;
    this.#cursor.prev();
    this.#expectAt(this.#position - 1);
  }

  #expectAt(position: number): void {
    this.#position = position;
    const found = this.#cursor.valid ? describeEntry(entryOf(this.#cursor)) : 'nowhere';
    const wanted = position < 0 ? 'nowhere' : describeEntry(this.#entries[position]!);
    if (found !== wanted) throw new Error(`The cursor stands on ${found}, expected ${wanted}.`);
    if (this.#cursor.entry !== this.#entry) throw new Error('The cursor changed its entry object.');
    if (this.#cursor.valid && this.#entry.keyOffset % 4 !== 0) {
      throw new Error(`The key stands at ${this.#entry.keyOffset}, not 4-byte aligned.`);
    }
    const { bytes, words } = this.#entry;
    if (
      this.#cursor.valid &&
      (words.buffer !== bytes.buffer || words.byteOffset !== bytes.byteOffset)
    ) {
      throw new Error('Bytes and words of the entry are not the same memory.');
    }
  }
}

function entryOf({ entry }: Cursor): TestEntry {
  return {
    key: entry.copyKey(),
    sequence: entry.sequence,
    kind: entry.kind as EntryKind,
    value: entry.copyValue(),
  };
}

function describeEntry({ key, sequence, kind, value }: TestEntry): string {
  return `[${key.join(' ')}] ${sequence} ${kind} (${value.length}: ${value.subarray(0, 8).join(' ')})`;
}

/** A key as cursors take it. */
export function bufferOf(key: Uint8Array): KeyBuffer {
  const buffer = new KeyBuffer();
  buffer.set(key);
  return buffer;
}

/** Entry sets that have been the ruin of cursors. */
function samples(entriesMax: number): (readonly [string, readonly TestEntry[]])[] {
  const random = seededRandom(7);
  const sets: [string, readonly TestEntry[]][] = [
    ['one entry', makeEntries([Uint8Array.of(5)], 1, random)],
    ['the empty key alone', makeEntries([Uint8Array.of()], 2, random)],
    ['all keys of up to 3 bytes of an edgy alphabet', makeEntries(edgyKeys(), 1, random)],
    ['many versions of few keys', makeEntries(edgyKeys().slice(0, 6), 150, random)],
    ['long shared prefixes', makeEntries(prefixedKeys(200, random), 2, random)],
    ['5,000 random keys', makeEntries(randomKeys(5000, random), 1, random)],
    ['values larger than blocks', makeEntries(randomKeys(40, random), 1, random, 20_000)],
  ];
  return sets.filter(([, entries]) => entries.length <= entriesMax);
}

/** Each key with 1 to `versions` versions, in internal order; one in four is a tombstone. */
function makeEntries(
  keys: readonly Uint8Array[],
  versions: number,
  random: Random,
  valueBytesMax = 40,
): TestEntry[] {
  const entries: TestEntry[] = [];
  for (const key of keys.toSorted(compareBytes)) {
    let sequence = 1_000_000 + (random.next() % 1000);
    for (let left = 1 + (random.next() % versions); left > 0; left--) {
      const isTombstone = random.next() % 4 === 0;
      const value = new Uint8Array(isTombstone ? 0 : random.next() % (valueBytesMax + 1));
      for (let i = 0; i < value.length; i++) value[i] = random.next();
      const kind = isTombstone ? EntryKind.delete : EntryKind.put;
      entries.push({ key, sequence, kind, value });
      sequence -= 1 + (random.next() % 50);
    }
  }
  return entries;
}

function edgyKeys(): Uint8Array[] {
  const alphabet = [0x00, 0x01, 0x7f, 0x80, 0xff];
  const keys: Uint8Array[] = [Uint8Array.of()];
  for (let from = 0, length = 1; length <= 3; length++) {
    const end = keys.length;
    for (; from < end; from++) {
      for (const byte of alphabet) keys.push(Uint8Array.of(...keys[from]!, byte));
    }
  }
  return keys;
}

function prefixedKeys(count: number, random: Random): Uint8Array[] {
  return distinct(count, () => {
    const key = new Uint8Array(60 + (random.next() % 4)).fill(0x61);
    key[key.length - 1] = random.next();
    key[40 + (random.next() % 20)] = random.next();
    return key;
  });
}

function randomKeys(count: number, random: Random): Uint8Array[] {
  return distinct(count, () => new Uint8Array(3 + (random.next() % 18)).map(() => random.next()));
}

function distinct(count: number, make: () => Uint8Array): Uint8Array[] {
  const keys = new Map<string, Uint8Array>();
  while (keys.size < count) {
    const key = make();
    keys.set(key.join(), key);
  }
  return [...keys.values()];
}

/** Some 100 of the keys, and their neighbours: shorter, longer, one below, one above. */
function targets(entries: readonly TestEntry[]): Uint8Array[] {
  const step = Math.max(1, Math.floor(entries.length / 100));
  const keys: Uint8Array[] = [Uint8Array.of(), Uint8Array.of(255, 255, 255, 255)];
  for (let i = 0; i < entries.length; i += step) {
    const { key } = entries[i]!;
    keys.push(key, Uint8Array.of(...key, 0), key.subarray(0, key.length - 1));
    if (key.length > 0) {
      const last = key.length - 1;
      keys.push(key.with(last, key[last]! - 1), key.with(last, key[last]! + 1));
    }
  }
  return keys;
}
