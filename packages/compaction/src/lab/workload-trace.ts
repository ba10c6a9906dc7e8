/** A trace of a workload that is only described: for advice before there is a database. */
import { invalidArgument, type Json, seededRandom } from '@lsm/core';
import { type Trace, TraceKind } from './trace.ts';
import { isCount } from './trace-reader.ts';

/** A workload in numbers. Shares are weights; they need not sum to 1. */
export interface WorkloadDescription {
  /** Live entries when it begins. */
  readonly entries: number;
  /** Bytes of key and value. */
  readonly entryBytes: number;
  /** Shares of operations. */
  readonly puts?: number;
  readonly deletes?: number;
  readonly hits?: number;
  readonly misses?: number;
  readonly scans?: number;
  /** Entries of a scan; default 50. */
  readonly scanEntries?: number;
  /** Share of puts that write a key that is new; default 0: all overwrite. */
  readonly inserts?: number;
  /** New keys come in key order, behind all others; default false: anywhere. */
  readonly inOrder?: boolean;
  /** Which existing keys are touched; default `'uniform'`. `'skewed'`: four fifths go to one fifth, and so on within. */
  readonly keys?: 'uniform' | 'skewed';
  /** Times that the data is written anew; default 4. */
  readonly turnover?: number;
  /** Writes in a second; default 10,000. */
  readonly writesPerSecond?: number;
  /** As the database has them; defaults 32 MiB, 16 MiB, 384 MiB, 2. */
  readonly memtableBytes?: number;
  readonly tableBytes?: number;
  readonly maxTaskBytes?: number;
  readonly maxTasks?: number;
  /** The strategy in use; default none. */
  readonly strategy?: { readonly name: string; readonly settings: Json };
  /** Default 1. */
  readonly seed?: number;
}

/** Keys of the sample, at most. */
const SAMPLE_KEYS = 30_000;
/** Operations of the sample, at most. */
const SAMPLE_OPERATIONS = 300_000;
const MEBIBYTE = 2 ** 20;
/** Bytes of a key. */
const KEY_BYTES = 6;
const TWO_32 = 2 ** 32;

const DEFAULTS = {
  puts: 0,
  deletes: 0,
  hits: 0,
  misses: 0,
  scans: 0,
  scanEntries: 50,
  inserts: 0,
  inOrder: false,
  keys: 'uniform' as 'uniform' | 'skewed',
  turnover: 4,
  writesPerSecond: 10_000,
  memtableBytes: 32 * MEBIBYTE,
  tableBytes: 16 * MEBIBYTE,
  maxTaskBytes: 384 * MEBIBYTE,
  maxTasks: 2,
  strategy: { name: 'none', settings: {} as Json },
  seed: 1,
};

type CompleteWorkload = WorkloadDescription & typeof DEFAULTS;

/**
 * Makes a trace of a description, sampled so that it is small.
 *
 * @throws LSM_INVALID_ARGUMENT if sizes are not above 0, or no operation has a share
 */
export function workloadTrace(description: WorkloadDescription): Trace {
  const workload: CompleteWorkload = { ...DEFAULTS, ...description };
  const { entries, entryBytes, puts, deletes, hits, misses, scans } = workload;
  const shares = [puts, deletes, hits, misses, scans];
  const all = shares.reduce((sum, share) => sum + share, 0);
  checkWorkload(workload, shares);
  // One write in a thousand operations at least, or nothing would ever be merged.
  const writeShare = Math.max((puts + deletes) / all, 1e-3);
  const wanted = (entries * workload.turnover) / writeShare;
  const sample = Math.min(1, SAMPLE_KEYS / entries, SAMPLE_OPERATIONS / wanted);
  const operations = drawOperations(workload, Math.ceil(wanted * sample), sample);
  const stepMs = (1000 * writeShare) / (workload.writesPerSecond * sample);
  return {
    header: {
      sample,
      sketchBytes: KEY_BYTES,
      startedAt: 0,
      flushBytes: workload.memtableBytes,
      tableBytes: workload.tableBytes,
      maxTaskBytes: workload.maxTaskBytes,
      maxTasks: workload.maxTasks,
      strategy: workload.strategy,
      runs: [{ level: 1, entries, bytes: entries * entryBytes }],
      largestKey: hexOf(textOf(KEY_MAX)),
    },
    operations: {
      ...operations,
      times: Float64Array.from(operations.kinds, (_, i) => i * stepMs),
    },
    totals: null,
  };
}

function checkWorkload(workload: CompleteWorkload, shares: readonly number[]): void {
  const { entries, entryBytes, memtableBytes, scanEntries, inserts } = workload;
  const { turnover, writesPerSecond, tableBytes, maxTaskBytes, maxTasks } = workload;
  const some = [entryBytes, turnover, writesPerSecond, tableBytes, maxTaskBytes];
  const counts = [...shares, ...some, entries, memtableBytes, scanEntries, inserts, maxTasks];
  const isWorkload = shares.some((share) => share > 0) && some.every((value) => value > 0);
  if (!(counts.every(isCount) && isWorkload && entries >= 1 && maxTasks >= 1)) {
    throw invalidArgument(
      'A workload has entries ≥ 1, entryBytes > 0, and a share of at least one operation; all sizes are finite and above 0.',
    );
  }
  if (entryBytes > memtableBytes) {
    throw invalidArgument('The entries of a workload have to fit into its memtables.');
  }
}

/** Largest number of an existing key; new ones in order come behind it. */
const KEY_MAX = 2 ** 40;

function drawOperations(
  workload: CompleteWorkload,
  count: number,
  sample: number,
): Omit<Trace['operations'], 'times'> {
  const { puts, deletes, hits, misses, scans, entryBytes } = workload;
  const random = seededRandom(workload.seed);
  const draw = (): number => random.next() / TWO_32;
  const keys = Array.from({ length: Math.max(1, Math.round(workload.entries * sample)) }, () =>
    Math.floor(draw() * KEY_MAX),
  );
  const kindOf = chooser([
    [TraceKind.put, puts],
    [TraceKind.delete, deletes],
    [TraceKind.getHit, hits],
    [TraceKind.getMiss, misses],
    [TraceKind.scan, scans],
  ]);
  const sizeOf: Record<number, number> = {
    [TraceKind.put]: entryBytes,
    [TraceKind.delete]: Math.min(entryBytes, 16),
    [TraceKind.scan]: workload.scanEntries,
  };
  const kinds = new Uint8Array(count);
  const identities = new Uint32Array(count);
  const sizes = new Float64Array(count);
  const sketches: string[] = [];
  for (let i = 0; i < count; i++) {
    const kind = kindOf(draw());
    let key = keys[Math.floor(keys.length * placeIn(workload.keys, draw))]!;
    if (kind === TraceKind.getMiss) key = Math.floor(draw() * KEY_MAX);
    if (kind === TraceKind.put && draw() < workload.inserts) {
      key = workload.inOrder ? KEY_MAX + i + 1 : Math.floor(draw() * KEY_MAX);
      keys.push(key);
    }
    kinds[i] = kind;
    identities[i] = identityOf(key);
    sizes[i] = sizeOf[kind] ?? 0;
    sketches.push(textOf(key));
  }
  return { kinds, identities, sizes, sketches };
}

/** Turns a number from 0 to 1 into one of some choices, by their weights. */
function chooser(
  choices: readonly (readonly [choice: number, weight: number])[],
): (at: number) => number {
  const all = choices.reduce((sum, [, weight]) => sum + weight, 0);
  return (at) => {
    let rest = at * all;
    for (const [choice, weight] of choices) if ((rest -= weight) < 0) return choice;
    return choices.findLast(([, weight]) => weight > 0)![0];
  };
}

/** A place among the keys, 0 to 1. */
function placeIn(keys: 'uniform' | 'skewed', draw: () => number): number {
  // P(place < x) = x^0.139, so that a fifth of the keys gets four fifths of the draws.
  return keys === 'skewed' ? draw() ** (Math.log(0.2) / Math.log(0.8)) : draw();
}

function identityOf(key: number): number {
  const low =
    Math.imul(key % TWO_32, 0x9e3779b1) ^ Math.imul(Math.floor(key / TWO_32) + 1, 0x85ebca6b);
  return Math.imul(low ^ (low >>> 15), 0x2c1b3c6d) >>> 0;
}

/** A key as six bytes, big-endian, a character each. */
function textOf(key: number): string {
  let text = '';
  for (let digit = 0, rest = key; digit < KEY_BYTES; digit++, rest = Math.floor(rest / 256)) {
    text = String.fromCharCode(rest % 256) + text;
  }
  return text;
}

function hexOf(text: string): string {
  let digits = '';
  for (let i = 0; i < text.length; i++) digits += text.charCodeAt(i).toString(16).padStart(2, '0');
  return digits;
}
