/**
 * Insertion, lookups and scans in order: both memtables beside a JavaScript `Map`, sorted where order is asked for.
 *
 *     node --conditions=@lsm/source bench/memtable.bench.ts [entries, default 100000] [key prefix] [--quick]
 *
 * Keys are 16 random bytes (after the prefix), values 100 bytes. Insertion includes writing the record into the
 * arena. A lookup includes copying the key into a KeyBuffer (for the Map: making a string of it) and reading the
 * record's length; lookups go through all keys in random order. The first scan is that of a memtable just filled, and
 * sorts where the order isn't kept. "index B" leaves out what the arena reserves for sequence numbers and does not use.
 * A million entries take two minutes.
 */
import { Entry, KeyBuffer, SEQUENCE_MAX, seededRandom, writeRecordHeader } from '@lsm/core';
import {
  type Arena,
  ArenaPool,
  artMemtable,
  hashMemtable,
  type SealableMemtable,
} from '@lsm/memtable';
import {
  type BenchTask,
  copyOf,
  finish,
  measure,
  numberArgument,
  prove,
  textArgument,
} from '../../../tooling/bench.ts';

const COUNT = numberArgument(0, 100_000, 2000);
const PREFIX = Buffer.from(textArgument(1, '')).subarray(0, 12);
const KEY_WORDS = 4;
const KEY = 16;
const VALUE = 100;
const RECORD = 128;

const pool = new ArenaPool({ idleBytesMax: 2 ** 31 });
function randomKeys(count: number, seed: number): Int32Array {
  const random = seededRandom(seed);
  const words = Int32Array.from({ length: count * KEY_WORDS }, () => random.next());
  const bytes = Buffer.from(words.buffer);
  for (let i = 0; i < count; i++) PREFIX.copy(bytes, i * KEY);
  return words;
}

function permutation(count: number): Int32Array {
  const random = seededRandom(9);
  const order = Int32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = random.next() % (i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

/** Writes the record of a key where the arena's frames end. */
function append(arena: Arena, keys: Int32Array, index: number): number {
  const offset = arena.dataEnd;
  const words = arena.words;
  const start = (offset >> 2) + 2;
  writeRecordHeader(words, offset, 0, KEY, VALUE);
  for (let i = 0; i < KEY_WORDS; i++) words[start + i] = keys[index * KEY_WORDS + i]!;
  for (let i = KEY_WORDS; i < 29; i++) words[start + i] = index;
  arena.dataEnd = offset + RECORD;
  return offset;
}

/** The fastest way from bytes to a Map's key; not in the types of Node. */
type Latin1Buffer = Buffer & { latin1Slice(start: number, end: number): string };

const keys = randomKeys(COUNT, 1);
const foreign = randomKeys(COUNT, 2);
const order = permutation(COUNT);

/** Something to measure, over one arena. Each function returns the entries that it touched. */
interface Subject {
  insert(): number;
  find(among: Int32Array): number;
  scan(): number;
  readonly indexBytes: number | null;
}

type Append = typeof append;

/** A maker of subjects with loops of their own. */
function memtableSubject(make: (arena: Arena, first: number) => SealableMemtable) {
  const key = new KeyBuffer();
  const insert = copyOf(
    (memtable: SealableMemtable, arena: Arena, words: Int32Array, count: number, add: Append) => {
      for (let i = 0; i < count; i++) memtable.add(add(arena, words, i), i + 1);
    },
  );
  const find = copyOf(
    (
      memtable: SealableMemtable,
      bytes: Uint8Array,
      indexes: Int32Array,
      sought: KeyBuffer,
      entry: Entry,
      [keyBytes, sequence]: readonly [number, number],
    ) => {
      let found = 0;
      for (let i = 0; i < indexes.length; i++) {
        sought.setBytes(bytes, indexes[i]! * keyBytes, keyBytes);
        if (memtable.get(sought, sequence, entry)) found++;
      }
      return found;
    },
  );
  const scan = copyOf((cursor: ReturnType<SealableMemtable['cursor']>) => {
    let bytes = 0;
    for (cursor.seekToFirst(); cursor.valid; cursor.next()) bytes += cursor.entry.valueLength;
    return bytes;
  });
  return (arena: Arena): Subject => {
    const memtable = make(arena, 1);
    const reserved = arena.capacity - arena.indexStart;
    const entry = new Entry();
    return {
      insert() {
        insert(memtable, arena, keys, COUNT, append);
        return memtable.count;
      },
      find: (among) =>
        find(memtable, new Uint8Array(among.buffer), order, key, entry, [KEY, SEQUENCE_MAX]),
      scan: () => scan(memtable.cursor()) / VALUE,
      get indexBytes() {
        return (arena.capacity - arena.indexStart - reserved + arena.dataEnd / 16) / COUNT;
      },
    };
  };
}

function mapSubject(arena: Arena): Subject {
  const map = new Map<string, number>();
  let sorted: [string, number][] = [];
  return {
    insert() {
      const bytes = Buffer.from(keys.buffer) as Latin1Buffer;
      for (let i = 0; i < COUNT; i++) {
        const offset = append(arena, keys, i);
        map.set(bytes.latin1Slice(i * KEY, i * KEY + KEY), offset);
      }
      return map.size;
    },
    find(among) {
      const bytes = Buffer.from(among.buffer) as Latin1Buffer;
      let found = 0;
      for (let i = 0; i < order.length; i++) {
        const start = order[i]! * KEY;
        const offset = map.get(bytes.latin1Slice(start, start + KEY));
        if (offset !== undefined && arena.words[offset >> 2] === VALUE) found++;
      }
      return found;
    },
    scan() {
      if (sorted.length === 0) sorted = [...map].sort((a, b) => (a[0] < b[0] ? -1 : 1));
      let bytes = 0;
      for (const [, offset] of sorted) bytes += arena.words[offset >> 2]!;
      return bytes / VALUE;
    },
    indexBytes: null,
  };
}

const acquire = (): Arena => pool.acquire(COUNT * (RECORD + 64));

function tasksOf(name: string, make: (arena: Arena) => Subject): BenchTask[] {
  const filled = make(acquire());
  prove(`${name} holds ${COUNT} entries`, filled.insert() === COUNT);
  let arena: Arena;
  let fresh: Subject;
  const begin = (): void => {
    arena = acquire();
    fresh = make(arena);
  };
  const after = (): void => pool.release(arena);
  const task = (action: string, expected: number, run: () => number): BenchTask => ({
    name: `${name}, ${action}`,
    operations: COUNT,
    expected,
    run,
    ...(name === 'Map' ? {} : { beside: `Map, ${action}` }),
  });
  const { indexBytes } = filled;
  return [
    {
      ...task('insert', COUNT, () => fresh.insert()),
      before: begin,
      after,
      note: () => (indexBytes === null ? '' : `index ${indexBytes.toFixed(1)} B`),
    },
    task('get', COUNT, () => filled.find(keys)),
    task('miss', 0, () => filled.find(foreign)),
    {
      ...task('first scan', COUNT, () => fresh.scan()),
      before() {
        begin();
        fresh.insert();
      },
      after,
      calls: 2,
    },
    task('scan', COUNT, () => filled.scan()),
  ];
}

const subjects: Record<string, (arena: Arena) => Subject> = {
  art: memtableSubject(artMemtable),
  hash: memtableSubject(hashMemtable),
  Map: mapSubject,
};
const rows = Object.entries(subjects).map(([name, make]) => tasksOf(name, make));
// By action, so that what is compared takes turns.
await measure(
  `${COUNT} entries`,
  rows[0]!.flatMap((_, action) => rows.map((tasks) => tasks[action]!)),
);
finish();
