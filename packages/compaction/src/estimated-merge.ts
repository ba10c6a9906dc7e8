/**
 * What a merge would make, guessed from metadata alone: for forecasts, where no table is read.
 *
 * 1. The keys are divided into segments at the lower ends of all inputs and at the borders that outputs align to. Each
 *    table's bytes are spread evenly over its segments.
 * 2. Runs are taken for independent samples of the live keys of a segment: of u live bytes, runs of b₁, b₂, … bytes
 *    cover u · (1 − Π (1 − bᵢ / u)). That is what is left when versions behind newer ones go.
 * 3. Outputs end where they would by the rules of the cutter: at the target size, at borders of `cutNear` when half
 *    full, at the ends of its groups, before `cutKeys`. A segment larger than a table is cut at keys in between.
 */
import { compareBytes, keySuccessor, type TableInfo } from '@lsm/core';
import { compareUpper, hullOf, isWithinUpper, type KeyRange, overlapping } from './key-range.ts';
import type { CutShape } from './output-cutter.ts';
import { overlapGroups } from './overlap-groups.ts';

/** What is known of a merge. */
export interface EstimatedMerge {
  /** Inputs by run, newest first. */
  readonly sources: readonly (readonly TableInfo[])[];
  readonly shape: CutShape;
  /** Tables of the run that stands for the live data, in key order. */
  readonly live: readonly TableInfo[];
}

/** A piece of the output. */
export interface EstimatedTable extends KeyRange {
  readonly bytes: number;
}

interface Segment {
  readonly start: Uint8Array;
  /** Bytes that are left of it. */
  bytes: number;
  /** 0: cut anywhere; 1: prefer to cut before it; 2: always. */
  readonly border: 0 | 1 | 2;
}

/** Bytes of key that are interpolated between two keys. */
const DIGITS = 6;

/** Guesses the outputs of a merge, in key order. */
export function estimateMerge({ sources, shape, live }: EstimatedMerge): readonly EstimatedTable[] {
  const inputs = sources.flat();
  const hull = hullOf(inputs);
  const segments = segmentsOf(inputs, hull, shape);
  const starts = segments.map((segment) => segment.start);
  const liveBytes = spread(starts, overlapping(live, hull), hull);
  const byRun = sources.map((tables) => spread(starts, tables, hull));
  for (let i = 0; i < segments.length; i++) {
    const shares = byRun.map((bytes) => bytes[i]!);
    segments[i]!.bytes = unionOf(shares, Math.max(liveBytes[i]!, ...shares));
  }
  return cut(segments, hull.maxKey, shape.tableBytes);
}

/** Bytes of live data that samples of it cover. */
function unionOf(shares: readonly number[], live: number): number {
  if (live <= 0) return 0;
  let missed = 1;
  for (const bytes of shares) missed *= 1 - bytes / live;
  return live * (1 - missed);
}

function segmentsOf(inputs: readonly TableInfo[], hull: KeyRange, shape: CutShape): Segment[] {
  const borders = new Map<string, Segment>();
  const add = (start: Uint8Array, border: 0 | 1 | 2): void => {
    const isInside = compareBytes(start, hull.minKey) >= 0 && isWithinUpper(start, hull.maxKey);
    const name = start.join();
    if (isInside && (borders.get(name)?.border ?? -1) < border) {
      borders.set(name, { start, bytes: 0, border });
    }
  };
  for (const { minKey } of inputs) add(minKey, 0);
  const near = shape.cutNear ?? [];
  const groups = overlapGroups(near, shape.maxOverlapBytes || Number.POSITIVE_INFINITY);
  const ends = new Set(groups.slice(0, -1).map((group) => group.at(-1)));
  for (const key of shape.cutKeys ?? []) add(key, 2);
  for (const table of near) {
    const next = table.maxKey === null ? null : keySuccessor(table.maxKey);
    if (next !== null) add(next, ends.has(table) ? 2 : 1);
  }
  return [...borders.values()].toSorted((a, b) => compareBytes(a.start, b.start));
}

/** How many of a run's bytes fall into each segment. */
function spread(
  starts: readonly Uint8Array[],
  tables: readonly TableInfo[],
  hull: KeyRange,
): Float64Array {
  const bytes = new Float64Array(starts.length);
  for (const table of tables) {
    const last = lastAtOrBelow(starts, table.maxKey);
    const first = Math.max(0, Math.min(last, lastAtOrBelow(starts, table.minKey)));
    // Of a table that reaches beyond the hull only a part counts; half is as good a guess as any.
    const isPart =
      compareBytes(table.minKey, hull.minKey) < 0 || compareUpper(table.maxKey, hull.maxKey) > 0;
    const share = (isPart ? 0.5 : 1) * (table.bytes / (last - first + 1));
    for (let i = first; i <= last; i++) bytes[i] = bytes[i]! + share;
  }
  return bytes;
}

function lastAtOrBelow(starts: readonly Uint8Array[], key: Uint8Array | null): number {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isWithinUpper(starts[middle]!, key)) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}

function cut(
  segments: readonly Segment[],
  maxKey: Uint8Array | null,
  tableBytes: number,
): readonly EstimatedTable[] {
  const tables: { minKey: Uint8Array; bytes: number }[] = [];
  for (const [i, segment] of segments.entries()) {
    const open = tables.at(-1);
    const isCut =
      open === undefined ||
      open.bytes >= tableBytes ||
      segment.border === 2 ||
      (segment.border === 1 && open.bytes >= tableBytes / 2);
    const pieces = Math.max(1, Math.round(segment.bytes / tableBytes));
    const end = segments[i + 1]?.start ?? maxKey;
    for (let piece = 0; piece < pieces; piece++) {
      const bytes = segment.bytes / pieces;
      if (piece === 0 && !isCut) {
        open.bytes += bytes;
        continue;
      }
      const minKey = piece === 0 ? segment.start : between(segment.start, end, piece / pieces);
      tables.push({ minKey, bytes });
    }
  }
  return joinEqual(tables).map(({ minKey, bytes }, i, all) => {
    const next = all[i + 1];
    return { minKey, maxKey: next === undefined ? maxKey : below(next.minKey, minKey), bytes };
  });
}

/** Tables whose lower ends could not be told apart are one. */
function joinEqual(
  tables: readonly { readonly minKey: Uint8Array; readonly bytes: number }[],
): { readonly minKey: Uint8Array; bytes: number }[] {
  const joined: { minKey: Uint8Array; bytes: number }[] = [];
  for (const { minKey, bytes } of tables) {
    const last = joined.at(-1);
    if (last !== undefined && compareBytes(last.minKey, minKey) >= 0) last.bytes += bytes;
    else joined.push({ minKey, bytes });
  }
  return joined;
}

/** A key at a fraction of the way from one key to another. */
function between(lower: Uint8Array, upper: Uint8Array | null, fraction: number): Uint8Array {
  let shared = 0;
  const length = Math.min(lower.length, upper?.length ?? 0);
  while (shared < length && lower[shared] === upper![shared]) shared++;
  const from = digitsOf(lower, shared);
  const to = upper === null ? 256 ** DIGITS - 1 : digitsOf(upper, shared);
  const key = new Uint8Array(shared + DIGITS);
  key.set(lower.subarray(0, shared));
  let value = Math.floor(from + (to - from) * fraction);
  for (let i = DIGITS - 1; i >= 0; i--) {
    key[shared + i] = value % 256;
    value = Math.floor(value / 256);
  }
  return key;
}

function digitsOf(key: Uint8Array, from: number): number {
  let value = 0;
  for (let i = 0; i < DIGITS; i++) value = value * 256 + (key[from + i] ?? 0);
  return value;
}

/** A key directly below `key`, or near enough, and not below `least`. */
function below(key: Uint8Array, least: Uint8Array): Uint8Array {
  const last = key.length - 1;
  if (last >= 0 && key[last] === 0) return key.slice(0, last);
  const lower = new Uint8Array(key.length + 2).fill(255);
  lower.set(key);
  if (last >= 0) lower[last] = key[last]! - 1;
  return compareBytes(lower, least) < 0 ? least : lower;
}
