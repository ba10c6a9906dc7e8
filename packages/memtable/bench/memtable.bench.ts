/**
 * Insertion, lookups and a walk in order: both memtables beside a JavaScript `Map`, sorted where order is asked for.
 *
 *     node --conditions=@lsm/source bench/memtable.bench.ts [entries, default 10000,100000,1000000] [key prefix]
 *
 * Keys are 16 random bytes (after the prefix), values 100 bytes. Insertion includes writing the record into the
 * arena. A lookup includes copying the key into a KeyBuffer (for the Map: making a string of it) and reading the
 * record's length; lookups go through all keys in random order. Subjects take turns in every round and each figure is
 * the best round, so that a busy machine hurts all alike: trust the last columns, the ratios to the Map. "index B"
 * leaves out what the arena reserves for sequence numbers and does not use.
 */
import { Entry, KeyBuffer, SEQUENCE_MAX, seededRandom, writeRecordHeader } from '@lsm/core';
import {
  type Arena,
  ArenaPool,
  artMemtable,
  hashMemtable,
  type SealableMemtable,
} from '@lsm/memtable';

const SIZES = (process.argv[2] ?? '10000,100000,1000000').split(',').map(Number);
const PREFIX = Buffer.from(process.argv[3] ?? '').subarray(0, 12);
const KEY_WORDS = 4;
const KEY = 16;
const VALUE = 100;
const RECORD = 128;

const ACTIONS = ['insert', 'get', 'miss', 'sort', 'walk'] as const;
type Figures = Record<(typeof ACTIONS)[number] | 'index', number>;

const pool = new ArenaPool({ idleBytesMax: 2 ** 31 });
const key = new KeyBuffer();
const entry = new Entry();

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

/** Something to measure: made anew each round. */
interface Subject {
  insert(keys: Int32Array): void;
  find(keys: Int32Array, order: Int32Array): number;
  sort(): void;
  walk(): number;
  indexBytes(count: number): number;
}

function memtableSubject(make: (arena: Arena, first: number) => SealableMemtable) {
  return (arena: Arena): Subject => {
    const memtable = make(arena, 1);
    const reserved = arena.capacity - arena.indexStart;
    let cursor = memtable.cursor();
    return {
      insert(keys) {
        const count = keys.length / KEY_WORDS;
        for (let i = 0; i < count; i++) memtable.add(append(arena, keys, i), i + 1);
      },
      find(keys, order) {
        const bytes = new Uint8Array(keys.buffer);
        let found = 0;
        for (let i = 0; i < order.length; i++) {
          key.setBytes(bytes, order[i]! * KEY, KEY);
          if (memtable.get(key, SEQUENCE_MAX, entry)) found++;
        }
        return found;
      },
      sort() {
        cursor = memtable.cursor();
        cursor.seekToFirst();
      },
      walk() {
        let bytes = 0;
        for (; cursor.valid; cursor.next()) bytes += cursor.entry.valueLength;
        return bytes / VALUE;
      },
      indexBytes: (count) =>
        (arena.capacity - arena.indexStart - reserved + arena.dataEnd / 16) / count,
    };
  };
}

function mapSubject(arena: Arena): Subject {
  const map = new Map<string, number>();
  let sorted: [string, number][] = [];
  return {
    insert(keys) {
      const bytes = Buffer.from(keys.buffer) as Latin1Buffer;
      const count = keys.length / KEY_WORDS;
      for (let i = 0; i < count; i++) {
        const offset = append(arena, keys, i);
        map.set(bytes.latin1Slice(i * KEY, i * KEY + KEY), offset);
      }
    },
    find(keys, order) {
      const bytes = Buffer.from(keys.buffer) as Latin1Buffer;
      let found = 0;
      for (let i = 0; i < order.length; i++) {
        const start = order[i]! * KEY;
        const offset = map.get(bytes.latin1Slice(start, start + KEY));
        if (offset !== undefined && arena.words[offset >> 2] === VALUE) found++;
      }
      return found;
    },
    sort() {
      sorted = [...map].sort((a, b) => (a[0] < b[0] ? -1 : 1));
    },
    walk() {
      let bytes = 0;
      for (const [, offset] of sorted) bytes += arena.words[offset >> 2]!;
      return bytes / VALUE;
    },
    indexBytes: () => Number.NaN,
  };
}

const SUBJECTS: Record<string, (arena: Arena) => Subject> = {
  art: memtableSubject(artMemtable),
  hash: memtableSubject(hashMemtable),
  Map: mapSubject,
};

function timed(action: () => number | void, expected?: number): number {
  const start = performance.now();
  const result = action();
  const elapsed = performance.now() - start;
  if (expected !== undefined && result !== expected) {
    throw new Error(`${String(result)} instead of ${expected} keys`);
  }
  return elapsed;
}

function measureRound(
  make: (arena: Arena) => Subject,
  inputs: ReturnType<typeof inputsOf>,
): Figures {
  const { count, keys, foreign, order } = inputs;
  const arena = pool.acquire(count * (RECORD + 64));
  const subject = make(arena);
  const figures = {
    insert: timed(() => subject.insert(keys)),
    get: timed(() => subject.find(keys, order), count),
    miss: timed(() => subject.find(foreign, order), 0),
    sort: timed(() => subject.sort()),
    walk: timed(() => subject.walk(), count),
    index: subject.indexBytes(count),
  };
  pool.release(arena);
  return figures;
}

function inputsOf(count: number) {
  return {
    count,
    keys: randomKeys(count, 1),
    foreign: randomKeys(count, 2),
    order: permutation(count),
  };
}

for (const count of SIZES) {
  const inputs = inputsOf(count);
  const best = new Map<string, Figures>();
  for (let round = Math.max(3, Math.min(30, 1e6 / count)); round > 0; round--) {
    for (const [name, make] of Object.entries(SUBJECTS)) {
      const figures = measureRound(make, inputs);
      const before = best.get(name) ?? figures;
      for (const action of ACTIONS) figures[action] = Math.min(figures[action], before[action]);
      best.set(name, figures);
    }
  }
  const map = best.get('Map')!;
  const rows: Record<string, Record<string, string>> = {};
  for (const [name, figures] of best) {
    const row: Record<string, string> = {};
    for (const action of ACTIONS)
      row[`${action} ns`] = ((figures[action] * 1e6) / count).toFixed(0);
    row['index B'] = figures.index.toFixed(1);
    for (const action of ['insert', 'get', 'miss'] as const) {
      row[`${action}/Map`] = (figures[action] / map[action]).toFixed(2);
    }
    rows[name] = row;
  }
  console.log(`${count} entries`);
  console.table(rows);
}
