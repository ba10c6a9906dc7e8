/** One suite for both memtables, against the model of subject.ts. */
import { seededRandom } from '@lsm/core';
import { attachMemtable, type MemtableDescription } from '@lsm/memtable';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  appendRecord,
  compareVersions,
  expectAt,
  expectEntry,
  keyName,
  Subject,
} from './subject.ts';

const ALPHABET = [0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff];

/** All keys of the alphabet with 0 to 4 bytes, in order of length. */
function exhaustiveKeys(): Uint8Array[] {
  const keys: number[][] = [[]];
  for (let start = 0, length = 0; length < 4; length++) {
    const end = keys.length;
    for (; start < end; start++) for (const byte of ALPHABET) keys.push([...keys[start]!, byte]);
  }
  return keys.map((key) => Uint8Array.from(key));
}

function shuffled<T>(items: readonly T[], seed: number): T[] {
  const random = seededRandom(seed);
  const result = [...items];
  for (let i = result.length - 1; i > 0; i--) {
    const j = random.next() % (i + 1);
    [result[i], result[j]] = [result[j]!, result[i]!];
  }
  return result;
}

const tightKey = fc
  .array(fc.constantFrom(...ALPHABET), { maxLength: 4 })
  .map((bytes) => Uint8Array.from(bytes));
const prefixedKey = fc
  .tuple(fc.constantFrom(0, 3, 4, 5, 100, 103, 260), fc.constantFrom(0x00, 0x61, 0xff), tightKey)
  .map(([length, byte, tail]) => {
    const key = new Uint8Array(length + tail.length).fill(byte);
    key.set(tail, length);
    return key;
  });
const anyKey = fc.oneof(tightKey, prefixedKey, fc.uint8Array({ maxLength: 12 }));

type Command =
  | { readonly type: 'put' | 'del' | 'get' | 'seek'; readonly key: Uint8Array; readonly at: number }
  | { readonly type: 'void'; readonly at: number }
  | { readonly type: 'walk' };
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ type: fc.constant('put' as const), key: anyKey, at: fc.nat() }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('del' as const), key: anyKey, at: fc.nat() }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant('get' as const), key: anyKey, at: fc.nat() }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('seek' as const), key: anyKey, at: fc.nat() }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('void' as const), at: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('walk' as const) }) },
);

describe.each(['art', 'hash'] as const)('%s memtable', (kind) => {
  it('holds all 1,555 keys of a small alphabet, in any order of insertion', () => {
    for (let seed = 1; seed <= 3; seed++) {
      const subject = new Subject(kind);
      if (seed === 2) subject.gap = 0;
      const keys = exhaustiveKeys();
      expect(keys).toHaveLength(1555);
      for (const [i, key] of shuffled(keys, seed).entries()) {
        if (i === 777) for (const other of keys) subject.checkGet(other);
        subject.put(key);
      }
      for (const key of keys) subject.checkGet(key);
      subject.checkWalk();
      subject.close();
    }
  });

  it('seeks to the first key at or above any key, present or not', () => {
    const subject = new Subject(kind);
    const keys = exhaustiveKeys();
    for (const key of shuffled(keys, 7).slice(0, 400)) subject.put(key);
    const cursor = subject.memtable.cursor();
    const sorted = subject.sorted();
    for (const key of keys) subject.checkSeek(cursor, key, sorted);
    for (const key of keys.slice(0, 300)) {
      subject.checkSeek(cursor, Uint8Array.from([...key, 0x40]), sorted);
    }
    subject.close();
  });

  it('is empty at first', () => {
    const subject = new Subject(kind);
    subject.checkGet(new Uint8Array(0));
    subject.checkWalk();
    subject.checkSeek(subject.memtable.cursor(), new Uint8Array(0));
    subject.close();
  });

  it('keeps the empty key apart from an absent one', () => {
    const subject = new Subject(kind);
    subject.put(Uint8Array.of(0));
    subject.checkGet(new Uint8Array(0));
    subject.put(new Uint8Array(0));
    subject.checkGet(new Uint8Array(0));
    subject.checkWalk();
    subject.close();
  });

  it('holds keys of 65,535 bytes that are prefixes of each other', () => {
    const subject = new Subject(kind, 1 << 23);
    const long = Uint8Array.from({ length: 65_535 }, (_, i) => (i * 7) & 255);
    const lengths = [65_535, 65_534, 4, 5, 1000, 32_767, 32_768, 1001, 0, 1, 65_533, 60_000];
    for (const length of lengths) subject.put(long.slice(0, length));
    for (const length of [3, 1002, 65_532]) subject.checkGet(long.slice(0, length));
    for (const at of [0, 999, 40_000, 65_534]) {
      const changed = long.slice();
      changed[at]! ^= 1;
      subject.checkGet(changed);
      subject.put(changed);
      subject.checkGet(changed);
      subject.checkWalk();
    }
    subject.close();
  });

  it('holds many keys that share a long prefix and end at every length', () => {
    const subject = new Subject(kind, 1 << 22);
    const keys: Uint8Array[] = [];
    for (let i = 0; i < 2048; i++) {
      const key = new Uint8Array(103 + (i % 12)).fill(0x61);
      for (let bit = 0; 103 + bit < key.length; bit++) key[103 + bit] = (i >> bit) & 1 ? 0xff : 0;
      keys.push(key);
    }
    for (const key of shuffled(keys, 2)) subject.put(key);
    for (const key of keys) {
      subject.checkGet(key);
      subject.checkGet(key.subarray(1));
    }
    subject.checkWalk();
    subject.close();
  });

  it('takes records in another order than that of their places', () => {
    const subject = new Subject(kind);
    const keys = exhaustiveKeys().slice(0, 300);
    const offsets = shuffled(
      keys.map((key) => appendRecord(subject.arena, 0, key, Uint8Array.of(1), 0)),
      4,
    );
    for (const [i, offset] of offsets.entries()) subject.memtable.add(offset, i + 1);
    for (const key of keys) {
      subject.buffer.set(key);
      const { entry, memtable } = subject;
      expect(memtable.get(subject.buffer, 1e9, entry)).toBe(true);
      expect(offsets[entry.sequence - 1]).toBe(entry.keyOffset - 8);
      expect(memtable.get(subject.buffer, entry.sequence - 1, entry)).toBe(false);
    }
    subject.close();
  });

  it('goes as deep as the keys are long', () => {
    const subject = new Subject(kind, 1 << 23);
    for (let length = 2000; length >= 0; length--) subject.put(new Uint8Array(length));
    for (let length = 0; length <= 2001; length++) subject.checkGet(new Uint8Array(length));
    subject.checkWalk();
    subject.close();
  });

  it('grows through all sizes of nodes and shows each byte', () => {
    const subject = new Subject(kind);
    const bytes = shuffled(
      Array.from({ length: 256 }, (_, i) => i),
      3,
    );
    for (const byte of bytes) {
      subject.put(Uint8Array.of(9, byte));
      for (const other of [0, 1, 127, 128, 254, 255]) subject.checkGet(Uint8Array.of(9, other));
      subject.checkWalk();
    }
    subject.close();
  });

  it('shows each snapshot its own version', () => {
    const subject = new Subject(kind, 1 << 20, 1000);
    const keys = exhaustiveKeys().slice(0, 40);
    const random = seededRandom(11);
    for (let i = 0; i < 600; i++) {
      const key = keys[random.next() % keys.length]!;
      if (random.next() % 4 === 0) subject.del(key);
      else subject.put(key);
    }
    for (const key of keys) {
      for (let sequence = 998; sequence <= 1601; sequence += 7) subject.checkGet(key, sequence);
    }
    subject.checkWalk();
    subject.close();
  });

  it('holds sequence numbers up to the largest', () => {
    const subject = new Subject(kind, 1 << 20, Number.MAX_SAFE_INTEGER - 3);
    for (let i = 0; i < 3; i++) subject.put(Uint8Array.of(1));
    subject.checkGet(Uint8Array.of(1));
    subject.checkGet(Uint8Array.of(1), Number.MAX_SAFE_INTEGER - 3);
    subject.checkGet(Uint8Array.of(1), Number.MAX_SAFE_INTEGER - 4);
    subject.checkWalk();
    subject.close();
  });

  it('refuses a span of sequence numbers that a cell cannot hold', () => {
    const subject = new Subject(kind);
    subject.sequence = 0x1_0000_0000;
    expect(() => subject.put(Uint8Array.of(1))).toThrow(/2\^32/);
    subject.close();
  });

  it('skips void records, and whole keys that are void', () => {
    const subject = new Subject(kind);
    const keys = exhaustiveKeys().slice(0, 60);
    const written: [Uint8Array, number][] = [];
    for (let round = 0; round < 3; round++) {
      for (const key of keys) written.push([key, subject.put(key)]);
    }
    for (const [i, [key, sequence]] of written.entries()) {
      if (i % 3 === 0 || (key[0] ?? 0) === 0) subject.markVoid(key, sequence);
    }
    for (const key of keys) subject.checkGet(key);
    subject.checkWalk();
    const cursor = subject.memtable.cursor();
    for (const key of keys) subject.checkSeek(cursor, key);
    for (const [key, sequence] of written) subject.markVoid(key, sequence);
    subject.checkWalk();
    subject.close();
  });

  it('keeps range deletes apart, and forgets void ones', () => {
    const subject = new Subject(kind);
    const a = Uint8Array.of(1);
    const b = Uint8Array.of(5);
    const first = subject.delRange(a, b);
    subject.put(Uint8Array.of(3));
    const second = subject.delRange(a, null);
    const tombstones = subject.memtable.rangeTombstones;
    expect(tombstones.maxCoveringSequence(Uint8Array.of(3), 99)).toBe(second);
    expect(tombstones.maxCoveringSequence(Uint8Array.of(3), second - 1)).toBe(first);
    expect(tombstones.maxCoveringSequence(Uint8Array.of(0), 99)).toBe(-1);
    subject.markVoid(a, second);
    expect(tombstones.maxCoveringSequence(Uint8Array.of(3), 99)).toBe(first);
    expect(subject.memtable.count).toBe(1);
    subject.checkWalk();
    const attached = attachMemtable(subject.memtable.describe(), subject.arena.kernels.handle);
    expect(attached.rangeTombstones.all).toEqual([{ lower: a, upper: b, sequence: first }]);
    subject.close();
  });

  it('agrees with the model under any commands', () => {
    fc.assert(
      fc.property(
        fc.array(command, { maxLength: 120, size: 'max' }),
        fc.boolean(),
        (commands, batch) => {
          const subject = new Subject(kind, 1 << 18);
          if (batch) subject.gap = 0;
          for (const step of commands) {
            if (step.type === 'put') subject.put(step.key);
            else if (step.type === 'del') subject.del(step.key);
            else if (step.type === 'get') {
              subject.checkGet(step.key, step.at % (subject.sequence + 2));
              subject.checkGet(step.key);
            } else if (step.type === 'seek') {
              subject.checkSeek(subject.memtable.cursor(), step.key);
            } else if (step.type === 'walk') subject.checkWalk();
            else {
              const all = subject.sorted();
              const victim = all[step.at % (all.length || 1)];
              if (victim !== undefined) subject.markVoid(victim.key, victim.sequence);
            }
          }
          subject.checkWalk();
          subject.close();
        },
      ),
      { numRuns: 150 },
    );
  });

  it('never lets the index run into the frames, by its own bound', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.constantFrom(1, 2, 3, 16),
        fc.boolean(),
        (seed, length, long) => {
          const subject = new Subject(kind, 1 << 16);
          const random = seededRandom(seed);
          // Subject.write compares what each record took with the bound.
          while (subject.fits(80, 0)) {
            const key = new Uint8Array(length + (long ? random.next() % 64 : 0));
            for (let i = 0; i < key.length; i++) key[i] = random.next() >>> 24;
            subject.write(0, key, new Uint8Array(0));
          }
          subject.checkWalk();
          subject.close();
        },
      ),
      { numRuns: 25 },
    );
  });

  it('keeps the bound for many records at once', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.constantFrom(1, 2, 3),
        fc.integer({ min: 1, max: 700 }),
        (seed, length, batch) => {
          const subject = new Subject(kind, 1 << 20);
          const random = seededRandom(seed);
          for (let round = 0; round < 6; round++) {
            const most = subject.memtable.indexBytesMax(batch);
            const before = subject.arena.indexStart;
            for (let i = 0; i < batch; i++) {
              const key = new Uint8Array(length);
              for (let j = 0; j < length; j++) key[j] = random.next() >>> 24;
              subject.write(0, key, new Uint8Array(0));
            }
            expect(before - subject.arena.indexStart).toBeLessThanOrEqual(most);
          }
          subject.close();
        },
      ),
      { numRuns: 15 },
    );
  });

  it.each(['forward', 'backward'] as const)(
    'walks %s as of its start while records are added between all steps',
    (direction) => {
      for (let seed = 1; seed <= 12; seed++) {
        const subject = new Subject(kind);
        const random = seededRandom(seed);
        const keys = shuffled(exhaustiveKeys(), seed);
        const pick = (): Uint8Array => keys[random.next() % (seed < 6 ? 60 : keys.length)]!;
        for (let i = 0; i < 250; i++) subject.put(pick());
        const bound = subject.sequence;
        const expected = subject.sorted(bound);
        if (direction === 'backward') expected.reverse();
        const cursor = subject.memtable.cursor();
        if (direction === 'forward') cursor.seekToFirst();
        else cursor.seekToLast();
        const move = (): void => (direction === 'forward' ? cursor.next() : cursor.prev());
        for (const version of expected) {
          while (cursor.valid && cursor.entry.sequence > bound) move();
          expectAt(cursor, version);
          for (let i = random.next() % 4; i > 0; i--) subject.put(pick());
          move();
        }
        while (cursor.valid && cursor.entry.sequence > bound) move();
        expect(cursor.valid).toBe(false);
        subject.checkWalk();
        subject.close();
      }
    },
  );

  it('turns round anywhere, also within the versions of a key', () => {
    const subject = new Subject(kind);
    const random = seededRandom(5);
    const keys = exhaustiveKeys().slice(0, 30);
    for (let i = 0; i < 200; i++) subject.put(keys[random.next() % keys.length]!);
    const sorted = subject.sorted();
    const cursor = subject.memtable.cursor();
    cursor.seekToFirst();
    let index = 0;
    for (let i = 0; i < 5000; i++) {
      expectAt(cursor, sorted[index]!);
      const back = index === sorted.length - 1 || (index > 0 && random.next() % 2 === 0);
      index += back ? -1 : 1;
      if (back) cursor.prev();
      else cursor.next();
    }
    subject.close();
  });

  it('walks many versions of one key in time proportional to their number', () => {
    const subject = new Subject(kind, 1 << 22);
    for (let i = 0; i < 30_000; i++) subject.put(Uint8Array.of(1));
    subject.checkWalk();
    subject.close();
  });

  it('describes, and counts on room for, what was added and not linked yet', () => {
    for (let count = 0; count < 150; count++) {
      const subject = new Subject(kind);
      const free = subject.arena.free() + subject.arena.dataEnd;
      const bound = subject.memtable.indexBytesMax(count);
      const keys = shuffled(exhaustiveKeys(), count).slice(0, count);
      for (const key of keys) subject.put(key);
      // What waits has taken nothing yet, but is reckoned with.
      const taken = free - subject.arena.free() - subject.arena.dataEnd;
      const rest = subject.memtable.indexBytesMax(0);
      const description = subject.memtable.describe();
      const linked = free - subject.arena.free() - subject.arena.dataEnd;
      expect(linked - taken).toBeLessThanOrEqual(rest);
      expect(linked).toBeLessThanOrEqual(bound);
      const attached = attachMemtable(description, subject.arena.kernels.handle);
      for (const key of keys) subject.checkGet(key, 1e9, attached);
      subject.checkWalk(attached);
      subject.close();
    }
  });

  it('reads the same when attached by its description, after a trip through JSON', () => {
    const subject = new Subject(kind);
    const keys = exhaustiveKeys();
    const written = shuffled(keys, 21).slice(0, 900);
    for (const key of written) subject.put(key);
    for (const key of written.slice(0, 100)) subject.del(key);
    subject.markVoid(written[200]!, subject.expected(written[200]!, 1e9)!.sequence);
    const description = JSON.parse(
      JSON.stringify(subject.memtable.describe()),
    ) as MemtableDescription;
    const attached = attachMemtable(description, subject.arena.kernels.handle);
    expect(attached.kind).toBe(kind);
    expect(attached.count).toBe(subject.memtable.count);
    for (const key of keys) subject.checkGet(key, 1e9, attached);
    subject.checkWalk(attached);
    expect(() => attached.add(0, 5000)).toThrow(/attached/);
    subject.close();
  });
});

describe('art memtable', () => {
  it('shows a live cursor what is added ahead of it, in both directions', () => {
    for (let seed = 1; seed <= 12; seed++) {
      const subject = new Subject('art');
      const random = seededRandom(seed);
      const keys = shuffled(exhaustiveKeys(), seed).slice(0, seed < 6 ? 40 : 1000);
      const pick = (): Uint8Array => keys[random.next() % keys.length]!;
      for (let i = 0; i < 30; i++) subject.put(pick());
      const cursor = subject.memtable.cursor();
      cursor.seekToFirst();
      for (let step = 0; step < 200 && cursor.valid; step++) {
        const here = subject
          .sorted()
          .find((version) => version.sequence === cursor.entry.sequence)!;
        expectEntry(cursor.entry, here);
        for (let i = random.next() % 3; i > 0; i--)
          subject.put(random.next() % 3 ? pick() : here.key);
        const sorted = subject.sorted();
        const index = sorted.findIndex((version) => compareVersions(version, here) === 0);
        const forward = random.next() % 5 < 2 + (seed % 2);
        const next = sorted[index + (forward ? 1 : -1)];
        if (forward) cursor.next();
        else cursor.prev();
        if (next === undefined) {
          expect(cursor.valid).toBe(false);
          cursor.seekToLast();
        } else {
          expectAt(cursor, next);
        }
      }
      expect(new Set(subject.sorted().map((version) => keyName(version.key))).size).toBe(
        subject.versions.size,
      );
      subject.close();
    }
  });
});
