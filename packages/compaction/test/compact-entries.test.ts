import {
  type CompactionCounts,
  type CutBorder,
  type CutShape,
  compactEntries,
  type KeyRange,
  MergeCursor,
  type TableSink,
} from '@lsm/compaction';
import {
  type Entry,
  EntryKind,
  KEY_BYTES_MAX,
  keySuccessor,
  type RangeTombstone,
  seededRandom,
} from '@lsm/core';
import { treeKey as key } from '@lsm/testkit';
import { describe, expect, test } from 'vitest';
import { ALL_DROP_RULES, type DropRules } from '../src/drop-rules.ts';
import { EntryListCursor, type ListedEntry } from './entry-list-cursor.ts';

const decoder = new TextDecoder();
const VALUE = Uint8Array.of(1);

/** `a5` is a put of a at 5, `a5!` a delete. Several sources, newest first; each in internal order. */
function listed(text: string): ListedEntry[] {
  return text
    .split(' ')
    .filter((word) => word !== '')
    .map((word) => ({
      key: key(word[0]!),
      sequence: Number.parseInt(word.slice(1), 10),
      kind: word.endsWith('!') ? EntryKind.delete : EntryKind.put,
      value: word.endsWith('!') ? new Uint8Array() : VALUE,
    }));
}

/** `b-e@7`: keys from b up to e, at 7; `b-*@7` without end. */
function ranges(text: string): RangeTombstone[] {
  return text
    .split(' ')
    .filter((word) => word !== '')
    .map((word) => {
      const [, lower, upper, sequence] = /^(.+)-(.+)@(\d+)$/.exec(word)!;
      return {
        lower: key(lower!),
        upper: upper === '*' ? null : key(upper!),
        sequence: Number(sequence),
      };
    });
}

class TextSink implements TableSink {
  bytes = 0;
  readonly tables: string[] = [];
  #words: string[] = [];

  open(): void {
    this.bytes = 0;
    this.#words = [];
  }

  add(entry: Entry): void {
    const mark = entry.kind === EntryKind.delete ? '!' : '';
    this.#words.push(`${decoder.decode(entry.copyKey())}${entry.sequence}${mark}`);
    if (entry.kind === EntryKind.put) expect(entry.copyValue().length).toBe(1);
    this.bytes += 10;
  }

  addRangeTombstone({ lower, upper, sequence }: RangeTombstone): void {
    const shown = (bound: Uint8Array): string => decoder.decode(bound).replaceAll('\0', '+');
    this.#words.push(`${shown(lower)}-${upper === null ? '*' : shown(upper)}@${sequence}`);
  }

  cut(): void {
    this.tables.push(this.#words.join(' '));
  }
}

interface Given {
  readonly ranges?: string;
  readonly snapshots?: readonly number[];
  /** Older runs: lists like `a-c f-g`. */
  readonly older?: readonly string[];
  readonly shape?: CutShape;
}

function compact(
  sources: readonly string[],
  given: Given = {},
): { readonly tables: readonly string[]; readonly counts: CompactionCounts } {
  const sink = new TextSink();
  const olderRuns = (given.older ?? []).map((tables) =>
    tables.split(' ').map((word): KeyRange => {
      const [min, max] = word.split('-');
      return { minKey: key(min!), maxKey: max === '*' ? null : key(max!) };
    }),
  );
  const steps = compactEntries({
    source: new MergeCursor(sources.map((text) => new EntryListCursor(listed(text)))),
    rangeTombstones: ranges(given.ranges ?? ''),
    snapshots: given.snapshots ?? [],
    olderRuns,
    shape: given.shape ?? { tableBytes: 1e9 },
    sink,
    pauseEntries: 2,
  });
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  return { tables: sink.tables, counts: step.value };
}

const out = (sources: readonly string[], given?: Given): string =>
  compact(sources, given).tables.join(' | ');

describe('drop rules', () => {
  test('drop-D1: an older version goes when a newer one is in the merge', () => {
    expect(out(['a5 b6', 'a3 a2 c1'])).toBe('a5 b6 c1');
  });

  test('drop-D1: a version stays while a snapshot separates it from the newer one', () => {
    expect(out(['a9 a5 a3'], { snapshots: [4] })).toBe('a9 a3');
    expect(out(['a9 a5 a3'], { snapshots: [5] })).toBe('a9 a5');
    expect(out(['a9 a5 a3'], { snapshots: [9] })).toBe('a9');
    expect(out(['a9 a5 a3'], { snapshots: [8, 3] })).toBe('a9 a5 a3');
    expect(out(['a9 a5 a3'], { snapshots: [2] })).toBe('a9');
  });

  test('drop-D1: a version goes under a range tombstone unless a snapshot separates them', () => {
    const given = { ranges: 'b-d@5', older: ['b-c'] };
    expect(out(['a1 b2 c6 d1'], given)).toBe('a1 c6 d1 b-d@5');
    expect(out(['a1 b2 c6 d1'], { ...given, snapshots: [3] })).toBe('a1 b2 c6 d1 b-d@5');
    expect(out(['a1 b2 c6 d1'], { ...given, snapshots: [1] })).toBe('a1 c6 d1 b-d@5');
    expect(out(['b9 b4 b2'], { ranges: 'a-c@6', snapshots: [3, 7], older: ['a-z'] })).toBe(
      'b9 b2 a-c@6',
    );
  });

  test('drop-D2: a tombstone goes when it is the oldest version and no older run has its key', () => {
    expect(out(['a5! b6', 'a3'])).toBe('b6');
    expect(out(['a5! b6', 'a3'], { older: ['a-a'] })).toBe('a5! b6');
    expect(out(['a5! c5!'], { older: ['b-d'] })).toBe('c5!');
    expect(out(['a5! m5! z5!'], { older: ['b-d k-n', 'y-*'] })).toBe('m5! z5!');
    expect(out(['d5! e5! f5!'], { older: ['a-d f-g'] })).toBe('d5! f5!');
  });

  test('drop-D2: a tombstone stays while an older version of its key is kept for a snapshot', () => {
    expect(out(['a5!', 'a3'], { snapshots: [4] })).toBe('a5! a3');
    expect(out(['a9! a5!', 'a3'], { snapshots: [7, 4] })).toBe('a9! a5! a3');
    expect(out(['a9! a5!'], { snapshots: [7] })).toBe('');
    expect(out(['a9', 'a5!'], { snapshots: [7] })).toBe('a9');
  });

  test('drop-D2: many waiting tombstones are written in order', () => {
    const sequences = Array.from({ length: 20 }, (_, i) => 100 - 2 * i);
    const entries = [...sequences.map((sequence) => `a${sequence}!`), 'a1'].join(' ');
    const snapshots = sequences.map((sequence) => sequence - 1);
    expect(out([entries], { snapshots })).toBe(entries);
  });

  test('drop-D3: a range tombstone goes when no older run has keys in its range', () => {
    expect(out(['c9'], { ranges: 'a-f@5' })).toBe('c9');
    expect(out(['c9'], { ranges: 'a-f@5', older: ['f-g'] })).toBe('c9');
    expect(out(['c9'], { ranges: 'a-f@5', older: ['e-g'] })).toBe('c9 a-f@5');
    expect(out(['c9'], { ranges: 'a-*@5', older: ['x-y'] })).toBe('c9 a-*@5');
    expect(out([''], { ranges: 'a-c@5 c-f@5', older: ['a-f'] })).toBe('a-f@5');
  });

  test('drop-D3: a range tombstone stays while a snapshot is below it', () => {
    expect(out(['c3'], { ranges: 'a-f@5', snapshots: [4] })).toBe('c3 a-f@5');
    expect(out(['c3'], { ranges: 'a-f@5', snapshots: [5] })).toBe('');
  });

  test('drop-D3: of range tombstones in one stripe only the newest of each piece stays', () => {
    const given = { ranges: 'a-f@5 c-h@7', older: ['a-z'] };
    expect(out([''], given)).toBe('a-c@5 c-h@7');
    expect(out([''], { ...given, snapshots: [6] })).toBe('a-f@5 c-h@7');
  });

  test('drop-D4: sequence numbers are written as they are, also in the oldest run', () => {
    expect(out(['a9 b8', 'c1'])).toBe('a9 b8 c1');
  });

  test('drop-D5: an entry of a reserved kind is refused, never merged or lost', () => {
    const operand = { key: key('a'), sequence: 1, kind: 3, value: VALUE };
    const steps = compactEntries({
      source: new EntryListCursor([operand]),
      rangeTombstones: [],
      snapshots: [],
      olderRuns: [],
      shape: { tableBytes: 1 },
      sink: new TextSink(),
    });
    expect(() => steps.next()).toThrow(/kind 3/);
  });

  describe('drop-D5: an entry of an unknown kind, wherever it stands', () => {
    const merge = (seed: number, drop: Partial<DropRules>): number => {
      const random = seededRandom(seed);
      const stranger = random.next() % 12;
      const entries = Array.from({ length: 12 }, (_, i) => ({
        key: key('abc'[Math.floor(i / 4)]!),
        sequence: 40 - i,
        kind: i === stranger ? 3 + (random.next() % 3) : random.next() % 2,
        value: VALUE,
      }));
      const steps = compactEntries(
        {
          source: new EntryListCursor(entries),
          rangeTombstones: random.next() % 2 === 0 ? [] : ranges('a-c@50'),
          snapshots: random.next() % 2 === 0 ? [] : [33],
          olderRuns: [],
          shape: { tableBytes: 1 },
          sink: new TextSink(),
        },
        { ...ALL_DROP_RULES, ...drop },
      );
      let refused = 0;
      try {
        while (steps.next().done !== true);
      } catch (error) {
        expect(error).toMatchObject({ code: 'LSM_UNSUPPORTED_FORMAT' });
        refused = 1;
      }
      return refused;
    };
    const sum = (drop: Partial<DropRules>): number => {
      let refused = 0;
      for (let seed = 0; seed < 200; seed++) refused += merge(seed, drop);
      return refused;
    };

    test('is refused', () => {
      expect(sum({})).toBe(200);
    });

    test('would be dropped without the rule where it is hidden', () => {
      expect(sum({ unknownKinds: false })).toBeLessThan(150);
    });
  });

  test('drop-D6: a flush is a merge of one source, and drops by the same rules', () => {
    const memtable = 'a5 a3 b4! c2!';
    expect(out([memtable], { older: ['b-b'] })).toBe('a5 b4!');
    expect(out([memtable], { older: ['b-c'], snapshots: [3] })).toBe('a5 a3 b4! c2!');
  });

  test('counts every entry: in = out + dropped', () => {
    const { counts } = compact(['a5 b6! c7', 'a3 b2 d1'], { ranges: 'd-e@4' });
    expect(counts).toEqual({
      entriesIn: 6,
      entriesOut: 2,
      droppedShadowed: 2,
      droppedCovered: 1,
      droppedTombstones: 1,
      rangeTombstonesIn: 1,
      rangeTombstonesOut: 0,
      tables: 1,
    });
  });

  test('writes no table when nothing is left', () => {
    expect(compact(['a5!', 'a3']).tables).toEqual([]);
    expect(compact(['']).tables).toEqual([]);
  });
});

describe('cuts', () => {
  const near = (ends: string): readonly CutBorder[] =>
    ends.split(' ').map((end) => ({ maxKey: end === '*' ? null : key(end), bytes: 30 }));

  test('come at the target size, never within a user key', () => {
    const snapshots = [1, 2, 3, 4, 5];
    expect(out(['a5 a4 a3 b2 c1'], { shape: { tableBytes: 20 }, snapshots })).toBe(
      'a5 a4 a3 | b2 c1',
    );
  });

  test('come early where a table of the other run ends', () => {
    const shape = { tableBytes: 40, cutNear: near('b d z') };
    expect(out(['a1 b1 c1 d1 e1 f1'], { shape })).toBe('a1 b1 | c1 d1 | e1 f1');
    expect(out(['a1 c1 d1 e1 f1'], { shape })).toBe('a1 c1 d1 | e1 f1');
  });

  test('keep an output from spanning more of the other run than allowed', () => {
    const shape = { tableBytes: 1e9, cutNear: near('b d f *'), maxOverlapBytes: 1 };
    expect(out(['a1 b1 c1 e1 f1 g1 z1'], { shape })).toBe('a1 b1 | c1 | e1 f1 | g1 z1');
  });

  test('cuts before given keys, whatever the size, and makes no empty tables', () => {
    const cutKeys = ['a', 'c', 'd', 'x', 'y'].map((text) => key(text));
    const shape = { tableBytes: 1e9, cutKeys };
    expect(out(['a5 b4 c3 c2 d1 e1'], { shape, snapshots: [2] })).toBe(
      out(['a5 b4 c3 c2 d1 e1'], {
        shape: { tableBytes: 1e9, cutNear: near('b c *'), maxOverlapBytes: 1 },
        snapshots: [2],
      }),
    );
    expect(out(['m5'], { shape })).toBe('m5');
  });

  test('clip range tombstones to the tables they are in, with disjoint inclusive ranges', () => {
    const given = { ranges: 'a-*@9', older: ['a-z'], shape: { tableBytes: 20 } };
    expect(out(['b10 c11 d12 e13 f14'], given)).toBe(
      'b10 c11 a-c+@9 | d12 e13 c+-e+@9 | f14 e+-*@9',
    );
  });

  test('clip range tombstones at the border of the other run where there is one', () => {
    const shape = { tableBytes: 20, cutNear: near('c x') };
    expect(out(['a10 b11 e13'], { ranges: 'a-z@9', older: ['a-z'], shape })).toBe(
      'a10 b11 a-c+@9 | e13 c+-z@9',
    );
  });

  test('divide range tombstones at cut keys that are successors, with or without entries between', () => {
    const cutKeys = ['c', 'g', 'x'].map((name) => keySuccessor(key(name))!);
    const given = { ranges: 'a-*@9', older: ['a-z'], shape: { tableBytes: 1e9, cutKeys } };
    expect(out([''], given)).toBe('a-c+@9 | c+-g+@9 | g+-x+@9 | x+-*@9');
    expect(out(['b10 h11 y12'], given)).toBe('b10 a-c+@9 | c+-g+@9 | h11 g+-x+@9 | y12 x+-*@9');
    expect(out(['c10 c9'], { ...given, ranges: 'd-f@9' })).toBe('c10 | d-f@9');
    const plain = { tableBytes: 1e9, cutKeys: [key('c'), key('g')] };
    expect(out(['b10 h11'], { ...given, shape: plain })).toBe('b10 a-b+@9 | h11 b+-*@9');
  });

  test('end a table behind the last range tombstone where a table of an older run lies before the next entry', () => {
    const shape = { tableBytes: 1e9 };
    const given = { ranges: 'a-c@9', older: ['a-d', 'f-h', 'y-z'], shape };
    expect(out(['b10 m11 x12'], given)).toBe('b10 a-c@9 | m11 x12');
    expect(out(['m11 x12'], given)).toBe('a-c@9 | m11 x12');
    expect(out(['e10 m11'], given)).toBe('e10 m11 a-c@9');
    expect(out(['c10 m11'], given)).toBe('c10 a-c@9 | m11');
    expect(out(['m11'], { ...given, ranges: 'a-*@9' })).toBe('m11 a-*@9');
    expect(out(['m11'], { ...given, older: ['a-g'] })).toBe('m11 a-c@9');
    expect(out(['m11 x12'], { ...given, ranges: 'a-c@9 n-o@8', older: ['a-o', 'p-q'] })).toBe(
      'm11 a-c@9 n-o@8 | x12',
    );
  });

  test('leave range tombstones beyond the last entry with the last table', () => {
    const given = { ranges: 'p-t@9', older: ['a-z'], shape: { tableBytes: 10 } };
    expect(out(['a10 b11'], given)).toBe('a10 | b11 p-t@9');
    expect(out([''], given)).toBe('p-t@9');
  });

  test('wait for a key that has a successor when range tombstones are about', () => {
    const longest = new Uint8Array(KEY_BYTES_MAX).fill(97);
    const entries = [longest, key('b'), key('c')].map((bytes) => ({
      key: bytes,
      sequence: 5,
      kind: EntryKind.put,
      value: VALUE,
    }));
    const sink = new TextSink();
    const steps = compactEntries({
      source: new EntryListCursor(entries),
      rangeTombstones: ranges('a-z@1'),
      snapshots: [],
      olderRuns: [[{ minKey: key('a'), maxKey: key('z') }]],
      shape: { tableBytes: 1 },
      sink,
    });
    while (steps.next().done !== true);
    expect(sink.tables.length).toBe(2);
    expect(sink.tables[0]).toMatch(/b5 a-b\+@1$/);
  });

  test('pause every few entries', () => {
    const steps = compactEntries({
      source: new EntryListCursor(listed('a1 b1 c1 d1 e1')),
      rangeTombstones: [],
      snapshots: [],
      olderRuns: [],
      shape: { tableBytes: 1e9 },
      sink: new TextSink(),
      pauseEntries: 2,
    });
    let pauses = 0;
    while (steps.next().done !== true) pauses++;
    expect(pauses).toBe(2);
  });
});
