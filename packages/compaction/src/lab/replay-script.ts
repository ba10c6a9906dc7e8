/**
 * A trace made ready for the simulator: keys become their places in the order of all keys.
 *
 * 1. Too long a trace is sampled further, by key as it was recorded.
 * 2. Equal identities are one key; keys are put in order by the longest sketch that was seen of each, equal ones by
 *    identity. Without sketches that is the order of a hash: as if keys were written at random.
 * 3. Each key stands for 1 / sample keys, so an entry is that much larger, and all sizes in bytes stay what they were.
 * 4. What was there before the recording is guessed: keys whose first operation finds, overwrites or deletes them,
 *    as many as the tree had entries, and keys that nobody asked for, evenly between them. A key behind the largest of
 *    the tree is taken for new.
 */
import { invalidArgument } from '@lsm/core';
import { type Trace, TraceKind, type TraceOperations, type TraceRun } from './trace.ts';

/** How much of a trace is replayed. */
export interface ScriptOptions {
  /** Operations, about; default 400,000. */
  readonly maxOperations?: number;
  /** Keys, about; default 100,000. */
  readonly maxKeys?: number;
}

/** No upper bound of a range delete. */
export const NO_UPPER = 0xffffffff;

/** What the simulator is to do. Bytes are real ones. */
export interface ReplayScript {
  readonly keyCount: number;
  /** Share of all keys that this is. */
  readonly sample: number;
  readonly kinds: Uint8Array;
  /** Key, lower bound or where a scan begins: 0 … `keyCount`. */
  readonly keys: Uint32Array;
  /** Of range deletes the upper bound, exclusive, or {@link NO_UPPER}; of scans the entries to return, at least 1. */
  readonly arguments: Uint32Array;
  /** ms since the beginning. */
  readonly times: Float64Array;
  /** Keys that exist before, in the order in which they are written. */
  readonly existing: Uint32Array;
  /** An entry in a table behind the first merge, and a tombstone. */
  readonly entryBytes: number;
  readonly tombstoneBytes: number;
  /** An entry in the table of a flush against that: tables of level 0 are not compressed. */
  readonly flushScale: number;
  /** Bytes of key and value that a caller gives for a put, and of the key for a delete. */
  readonly putBytes: number;
  readonly deleteBytes: number;
  readonly flushEntries: number;
  readonly tableEntries: number;
  readonly maxTaskEntries: number;
  readonly maxTasks: number;
}

/**
 * What an entry takes in a table beside its key and value, about: with blocks of 4 KiB it was 23 to 25 bytes for values
 * up to 100 bytes, 30 for 400 (2026-11).
 */
const ENTRY_OVERHEAD_BYTES = 24;
/** Entries of a tree that say how large entries are in it. */
const TELLING_ENTRIES = 1000;
/** What an entry takes in a memtable beside its key and value, about: frame, record and index. */
const MEMTABLE_OVERHEAD_BYTES = 100;
/** Entries that a memtable keeps at least when a trace is sampled further. */
const FLUSH_ENTRIES_MIN = 64;
const TWO_32 = 2 ** 32;

/** Makes a script of a trace. */
export function replayScript(trace: Trace, options: ScriptOptions = {}): ReplayScript {
  const { maxOperations = 400_000, maxKeys = 100_000 } = options;
  if (!(maxOperations >= 1 && maxKeys >= 1)) {
    throw invalidArgument('maxOperations and maxKeys have to be numbers from 1.');
  }
  const sizes = sizesOf(trace);
  const share = shareOf(trace, sizes, maxOperations, maxKeys);
  const picked = pick(trace.operations, share);
  const sample = trace.header.sample * share;
  const order = orderKeys(trace.operations, picked);
  const existing = guessExisting(trace, picked, order, sample);
  const columns = columnsOf(trace, picked, existing.placeOf, share);
  const entryBytes = sizes.entryBytes / sample;
  return {
    ...columns,
    sample,
    keyCount: Math.max(1, existing.keyCount),
    existing: existing.keys,
    entryBytes,
    tombstoneBytes: sizes.tombstoneBytes / sample,
    flushScale: sizes.flushScale,
    putBytes: sizes.putBytes / sample,
    deleteBytes: sizes.deleteBytes / sample,
    flushEntries: Math.max(1, Math.round(sizes.flushEntries * share)),
    tableEntries: Math.max(1, Math.round(trace.header.tableBytes / entryBytes)),
    maxTaskEntries: Math.max(1, Math.round(trace.header.maxTaskBytes / entryBytes)),
    maxTasks: Math.max(1, trace.header.maxTasks),
  };
}

interface TraceSizes {
  readonly entryBytes: number;
  readonly tombstoneBytes: number;
  readonly flushScale: number;
  readonly putBytes: number;
  readonly deleteBytes: number;
  /** Sampled writes of a memtable. */
  readonly flushEntries: number;
}

function sizesOf({ header, operations, totals }: Trace): TraceSizes {
  let puts = 0;
  let putBytes = 0;
  let deletes = 0;
  let deleteBytes = 0;
  for (const [i, kind] of operations.kinds.entries()) {
    const bytes = operations.sizes[i]!;
    if (kind === TraceKind.put) {
      puts++;
      putBytes += bytes;
    } else if (kind === TraceKind.delete || kind === TraceKind.rangeDelete) {
      deletes++;
      deleteBytes += bytes;
    }
  }
  const writes = puts + deletes;
  const keptBytes = keptEntryBytes(header.runs);
  const meanPut =
    puts > 0 ? putBytes / puts : Math.max(0, (keptBytes || 100) - ENTRY_OVERHEAD_BYTES);
  const meanDelete = deletes > 0 ? deleteBytes / deletes : 0;
  const flushedBytes = meanPut + ENTRY_OVERHEAD_BYTES;
  const entryBytes = keptBytes || flushedBytes;
  const meanBytes = writes > 0 ? (putBytes + deleteBytes) / writes : meanPut;
  const flushes = totals?.flushes ?? 0;
  const byBytes = (header.flushBytes / (meanBytes + MEMTABLE_OVERHEAD_BYTES)) * header.sample;
  return {
    entryBytes,
    tombstoneBytes: Math.min(entryBytes, meanDelete + ENTRY_OVERHEAD_BYTES),
    flushScale: flushedBytes / entryBytes,
    putBytes: meanPut,
    deleteBytes: meanDelete,
    // Counted, if there is enough to count; the last memtable was only begun.
    flushEntries: flushes >= 4 ? writes / (flushes + 0.5) : byBytes,
  };
}

/** Bytes of an entry in the largest run, as compressed as it is there; 0 if it is too small to tell. */
function keptEntryBytes(runs: readonly TraceRun[]): number {
  const largest = runs.toSorted((a, b) => b.entries - a.entries)[0];
  if (largest === undefined || largest.entries < TELLING_ENTRIES) return 0;
  return largest.bytes / largest.entries;
}

/** By how much the trace has to be sampled further. */
function shareOf(
  { header, operations }: Trace,
  { flushEntries }: TraceSizes,
  maxOperations: number,
  maxKeys: number,
): number {
  const before = liveEntries(header.runs) * header.sample;
  const keys = new Set(operations.identities).size + before;
  const wanted = Math.min(
    1,
    maxOperations / Math.max(1, operations.kinds.length),
    maxKeys / Math.max(1, keys),
  );
  return Math.min(1, Math.max(wanted, FLUSH_ENTRIES_MIN / Math.max(1, flushEntries)));
}

/** Indexes of the operations that are kept: by key; all range deletes; of scans one in so many. */
function pick({ kinds, identities }: TraceOperations, share: number): Uint32Array {
  const threshold = share * TWO_32;
  const picked = new Uint32Array(kinds.length);
  let count = 0;
  let credit = 0.5;
  for (const [i, kind] of kinds.entries()) {
    if (kind === TraceKind.scan || kind === TraceKind.scanReverse) {
      credit += share;
      if (credit < 1) continue;
      credit--;
    } else if (!isOfRange(kind) && identities[i]! >= threshold) continue;
    picked[count++] = i;
  }
  return picked.slice(0, count);
}

function isOfRange(kind: number): boolean {
  return kind >= TraceKind.rangeDelete && kind <= TraceKind.rangeEnd;
}

/** Keys that are written or looked up, in order. */
interface KeyOrder {
  /** Identity by place. */
  readonly identities: Uint32Array;
  /** Longest sketch by place. */
  readonly sketches: readonly string[];
  readonly places: ReadonlyMap<number, number>;
}

function orderKeys(operations: TraceOperations, picked: Uint32Array): KeyOrder {
  const longest = new Map<number, string>();
  for (const i of picked) {
    const kind = operations.kinds[i]!;
    if (isOfRange(kind) || kind >= TraceKind.scan) continue;
    const identity = operations.identities[i]!;
    const sketch = operations.sketches[i]!;
    const known = longest.get(identity);
    if (known === undefined || sketch.length > known.length) longest.set(identity, sketch);
  }
  const keys = [...longest].toSorted(([a, left], [b, right]) => {
    if (left === right) return a - b;
    return left < right ? -1 : 1;
  });
  return {
    identities: Uint32Array.from(keys, ([identity]) => identity),
    sketches: keys.map(([, sketch]) => sketch),
    places: new Map(keys.map(([identity], place) => [identity, place])),
  };
}

interface Existing {
  readonly keys: Uint32Array;
  readonly keyCount: number;
  /** Place among all keys of the i-th of those that the trace names. */
  readonly placeOf: (identity: number, sketch: string) => number;
}

function liveEntries(runs: readonly { readonly entries: number }[]): number {
  let entries = 0;
  for (const run of runs) entries = Math.max(entries, run.entries);
  return entries;
}

function guessExisting(
  { header, operations }: Trace,
  picked: Uint32Array,
  order: KeyOrder,
  sample: number,
): Existing {
  const { identities, sketches, places } = order;
  const before = Math.round(liveEntries(header.runs) * sample);
  const inTree = before === 0 ? 0 : placeBehind(sketches, header.largestKey);
  const first = firstKinds(operations, picked);
  const found: number[] = [];
  const written: number[] = [];
  for (const [place, identity] of identities.entries()) {
    const kind = first.get(identity)!;
    if (kind === TraceKind.getHit) found.push(place);
    else if (kind !== TraceKind.getMiss && place < inTree) written.push(place);
  }
  const most = Math.max(0, before - found.length);
  const overwritten = evenly(written, Math.min(written.length, most));
  const fillers = Math.max(0, before - found.length - overwritten.length);
  // Fillers stand evenly between the keys that were in the tree.
  const shifted = (place: number): number =>
    place + (place >= inTree ? fillers : Math.floor(((place + 1) * fillers) / (inTree + 1)));
  const existing = [...found, ...overwritten].map(shifted);
  const taken = new Set(sketches.map((_, place) => shifted(place)));
  const keyCount = identities.length + fillers;
  for (let place = 0; place < keyCount; place++) if (!taken.has(place)) existing.push(place);
  return {
    keys: scattered(existing),
    keyCount,
    placeOf: (identity, sketch) => {
      const place = places.get(identity) ?? lowerPlace(sketches, sketch);
      return place < identities.length ? shifted(place) : keyCount;
    },
  };
}

function firstKinds(operations: TraceOperations, picked: Uint32Array): Map<number, number> {
  const first = new Map<number, number>();
  for (const i of picked) {
    const kind = operations.kinds[i]!;
    const identity = operations.identities[i]!;
    if (isOfRange(kind) || kind >= TraceKind.scan || first.has(identity)) continue;
    first.set(identity, kind);
  }
  return first;
}

/** Place of the first key behind the largest of the tree; all of them if that is not known. */
function placeBehind(sketches: readonly string[], largestKey: string | null): number {
  if (largestKey === null) return sketches.length;
  const bytes = (largestKey.match(/../g) ?? []).map((digits) => Number.parseInt(digits, 16));
  const largest = String.fromCharCode(...bytes);
  let low = 0;
  let high = sketches.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    // A sketch may be padded with zeros behind the key's end, so it counts only as far as the largest key goes.
    if (sketches[middle]!.slice(0, largest.length) <= largest) low = middle + 1;
    else high = middle;
  }
  return low;
}

function lowerPlace(sketches: readonly string[], sketch: string): number {
  let low = 0;
  let high = sketches.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sketches[middle]! < sketch) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** So many of a list, at equal distances. */
function evenly(list: readonly number[], count: number): number[] {
  return Array.from({ length: count }, (_, i) => list[Math.floor((i * list.length) / count)]!);
}

/** The same numbers in an order that has nothing to do with theirs, and is always the same. */
function scattered(list: readonly number[]): Uint32Array {
  return Uint32Array.from(list.toSorted((a, b) => scatter(a) - scatter(b) || a - b));
}

function scatter(value: number): number {
  return Math.imul(value + 1, 0x9e3779b1) >>> 0;
}

function columnsOf(
  { operations, header }: Trace,
  picked: Uint32Array,
  placeOf: Existing['placeOf'],
  share: number,
): Pick<ReplayScript, 'kinds' | 'keys' | 'arguments' | 'times'> {
  const kinds: number[] = [];
  const keys: number[] = [];
  const values: number[] = [];
  const times: number[] = [];
  for (const i of picked) {
    const kind = operations.kinds[i]!;
    const key = placeOf(operations.identities[i]!, operations.sketches[i]!);
    // Where keys have no order, nobody knows what a range holds.
    if (isOfRange(kind) && header.sketchBytes === 0) continue;
    if (kind === TraceKind.rangeUpper || kind === TraceKind.rangeEnd) {
      values[values.length - 1] = kind === TraceKind.rangeEnd ? NO_UPPER : key;
      continue;
    }
    kinds.push(kind);
    keys.push(key);
    values.push(Math.max(1, Math.round(operations.sizes[i]! * header.sample * share)));
    times.push(operations.times[i]!);
  }
  // A range delete whose end was cut off with the file.
  if (kinds.at(-1) === TraceKind.rangeDelete && isCutAt(operations, picked)) {
    for (const column of [kinds, keys, values, times]) column.pop();
  }
  return {
    kinds: Uint8Array.from(kinds),
    keys: Uint32Array.from(keys),
    arguments: Uint32Array.from(values),
    times: Float64Array.from(times),
  };
}

function isCutAt({ kinds }: TraceOperations, picked: Uint32Array): boolean {
  return kinds[picked.at(-1)!] === TraceKind.rangeDelete;
}
