import { MergeCursor } from '@lsm/compaction';
import { compareBytes, EntryKind, KeyBuffer } from '@lsm/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EntryListCursor, type ListedEntry } from './entry-list-cursor.ts';

const VALUE = Uint8Array.of(7);

function inOrder(a: ListedEntry, b: ListedEntry): number {
  return compareBytes(a.key, b.key) || b.sequence - a.sequence;
}

/** Deals entries with unique sequence numbers to sources. */
function deal(keys: readonly (readonly [Uint8Array, number])[], sources: number): ListedEntry[][] {
  const lists: ListedEntry[][] = Array.from({ length: sources }, () => []);
  for (const [i, [key, source]] of keys.entries()) {
    lists[source % sources]!.push({ key, sequence: i + 1, kind: EntryKind.put, value: VALUE });
  }
  for (const list of lists) list.sort(inOrder);
  return lists;
}

function look(cursor: MergeCursor): string {
  if (!cursor.valid) return 'end';
  return `${cursor.entry.copyKey().join()}@${cursor.entry.sequence}`;
}

const shown = (entry: ListedEntry | undefined): string =>
  entry === undefined ? 'end' : `${entry.key.join()}@${entry.sequence}`;

const keysAfter = (prefix: number): fc.Arbitrary<(readonly [Uint8Array, number])[]> =>
  fc.array(
    fc.tuple(
      fc
        .array(fc.constantFrom(0, 1, 255), { maxLength: 9 })
        .map((tail) => Uint8Array.from([...new Uint8Array(prefix).fill(9), ...tail])),
      fc.nat(63),
    ),
    { maxLength: 60 },
  );

describe('MergeCursor', () => {
  test.each([1, 2, 3, 8, 9, 10, 17, 20])(
    'walks like one sorted list over %i sources',
    (sources) => {
      fc.assert(
        fc.property(
          fc.nat(9).chain((prefix) => fc.tuple(fc.constant(prefix), keysAfter(prefix))),
          fc.array(fc.constantFrom('next', 'prev', 'first', 'last', 'seek'), { maxLength: 60 }),
          ([prefix, dealt], moves) => {
            const lists = deal(dealt, sources);
            const all = lists.flat().toSorted(inOrder);
            const cursor = new MergeCursor(lists.map((list) => new EntryListCursor(list)));
            let at = -1;
            const target = new KeyBuffer();
            for (const [i, move] of moves.entries()) {
              if (move === 'first') {
                cursor.seekToFirst();
                at = 0;
              } else if (move === 'last') {
                cursor.seekToLast();
                at = all.length - 1;
              } else if (move === 'seek') {
                const wanted = dealt[i % Math.max(1, dealt.length)]?.[0] ?? VALUE;
                target.set(wanted);
                if (dealt.length === 0 && prefix > 0) continue;
                cursor.seek(target);
                at = all.findIndex((entry) => compareBytes(entry.key, wanted) >= 0);
                if (at < 0) at = all.length;
              } else if (cursor.valid) {
                if (move === 'next') {
                  cursor.next();
                  at++;
                } else {
                  cursor.prev();
                  at--;
                }
              }
              expect(look(cursor)).toBe(shown(all[at]));
              if (!cursor.valid) at = -1;
            }
          },
        ),
        { numRuns: 200 },
      );
    },
  );

  test('puts the newer source first where key and sequence are equal', () => {
    const entry = { key: VALUE, sequence: 5, kind: EntryKind.put };
    for (const sources of [2, 12]) {
      const cursor = new MergeCursor(
        Array.from(
          { length: sources },
          (_, i) => new EntryListCursor([{ ...entry, value: Uint8Array.of(i) }]),
        ),
      );
      const values: number[] = [];
      for (cursor.seekToFirst(); cursor.valid; cursor.next()) {
        expect(cursor.source).toBe(values.length);
        values.push(cursor.entry.copyValue()[0]!);
      }
      expect(values).toEqual(Array.from({ length: sources }, (_, i) => i));
      for (cursor.seekToLast(); cursor.valid; cursor.prev()) values.pop();
      expect(values).toEqual([]);
    }
  });

  test('keeps its order when a source grows between two turns', () => {
    const listed = (n: number, sequence: number): ListedEntry => ({
      key: Uint8Array.of(n),
      sequence,
      kind: EntryKind.put,
      value: VALUE,
    });
    const growing = [listed(1, 1), listed(9, 2)];
    const cursor = new MergeCursor([
      new EntryListCursor(growing),
      new EntryListCursor([listed(3, 3), listed(5, 4), listed(7, 5)]),
    ]);
    cursor.seekToFirst();
    cursor.next();
    cursor.next();
    expect(look(cursor)).toBe('5@4');
    growing.splice(1, 0, listed(6, 6));
    cursor.prev();
    expect(look(cursor)).toBe('3@3');
    cursor.next();
    expect(look(cursor)).toBe('5@4');
  });

  test('notices when a key leaves what all keys before had in common', () => {
    const listed = (text: string, sequence: number): ListedEntry => ({
      key: new TextEncoder().encode(text),
      sequence,
      kind: EntryKind.put,
      value: VALUE,
    });
    const texts = ['', 'a', 'user:0001:name', 'user:0001:x', 'user:0002', 'user:1', 'usez', 'z'];
    for (const sources of [2, 3, 10]) {
      const lists: ListedEntry[][] = Array.from({ length: sources }, () => []);
      for (const [i, text] of texts.entries()) lists[i % sources]!.push(listed(text, i + 1));
      const cursor = new MergeCursor(lists.map((list) => new EntryListCursor(list)));
      const target = new KeyBuffer();
      target.set('user:0001');
      const seen: number[] = [];
      for (cursor.seek(target); cursor.valid; cursor.next()) seen.push(cursor.entry.sequence);
      expect(seen).toEqual([3, 4, 5, 6, 7, 8]);
      seen.length = 0;
      for (cursor.seek(target); cursor.valid; cursor.prev()) seen.push(cursor.entry.sequence);
      expect(seen).toEqual([3, 2, 1]);
    }
  });

  test('over no sources is never valid', () => {
    const cursor = new MergeCursor([]);
    cursor.seekToFirst();
    expect(cursor.valid).toBe(false);
    cursor.seekToLast();
    expect(cursor.valid).toBe(false);
  });

  test('closes its sources', () => {
    const sources = [new EntryListCursor([]), new EntryListCursor([])];
    new MergeCursor(sources).close();
    expect(sources.map((source) => source.closed)).toEqual([true, true]);
  });
});
