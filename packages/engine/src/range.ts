/** Ranges of keys as users write them, turned into one half-open interval. */
import {
  type Bytes,
  compareBytes,
  copyBytes,
  EMPTY_BYTES,
  invalidArgument,
  keySuccessor,
  prefixSuccessor,
  rejectUnknownNames,
  toBytes,
} from '@lsm/core';
import type { Snapshot } from './snapshot.ts';

/** Bounds of a range of keys; without any, all keys. Giving both `gt` and `gte` takes the narrower. */
export interface RangeBounds {
  readonly gt?: Bytes | undefined;
  readonly gte?: Bytes | undefined;
  readonly lt?: Bytes | undefined;
  readonly lte?: Bytes | undefined;
  /** Only keys that start with this. */
  readonly prefix?: Bytes | undefined;
}

/** A range to read. */
export interface RangeOptions extends RangeBounds {
  /** From the last key to the first. Default false. */
  readonly reverse?: boolean | undefined;
  /** Most entries; −1 or Infinity for no limit, the default. */
  readonly limit?: number | undefined;
  /** Read as of this snapshot; default: the state at the call. */
  readonly snapshot?: Snapshot | undefined;
  /** Ends the iteration with LSM_ABORTED. */
  readonly signal?: AbortSignal | undefined;
}

/** Keys from `lower`, inclusive, up to `upper`, exclusive (`null`: no upper end). */
export interface Interval {
  readonly lower: Uint8Array;
  readonly upper: Uint8Array | null;
  /** True if no key can be in it. */
  readonly empty: boolean;
}

const boundNames = ['gt', 'gte', 'lt', 'lte', 'prefix'];
const rangeNames = [...boundNames, 'reverse', 'limit', 'snapshot', 'signal'];

/** Checks the names of a range's options. */
export function checkRangeNames(range: object, what: string): void {
  if (typeof range !== 'object' || range === null) {
    throw invalidArgument(`${what} takes an object: {gte, lt, reverse, …}.`);
  }
  rejectUnknownNames(Object.keys(range), rangeNames, what);
}

/** Checks the names of bounds. */
export function checkBoundNames(range: object, what: string, more: readonly string[] = []): void {
  rejectUnknownNames(Object.keys(range), [...boundNames, ...more], what);
}

/** The interval that bounds describe; bytes are copied. */
export function intervalOf(range: RangeBounds): Interval {
  if (typeof range !== 'object' || range === null) {
    throw invalidArgument('A range is an object with bounds: {gte, lt, …}.');
  }
  let lower: Uint8Array = EMPTY_BYTES;
  let upper: Uint8Array | null = null;
  let empty = false;
  const raise = (to: Uint8Array | null): void => {
    if (to === null) empty = true;
    else if (compareBytes(to, lower) > 0) lower = to;
  };
  const cut = (to: Uint8Array | null): void => {
    if (to !== null && (upper === null || compareBytes(to, upper) < 0)) upper = to;
  };
  if (range.prefix !== undefined) {
    const prefix = toBytes(range.prefix, 'prefix');
    raise(copyBytes(prefix, 0, prefix.length));
    cut(prefixSuccessor(prefix));
  }
  if (range.gte !== undefined) raise(ownBytes(range.gte, 'bound gte'));
  if (range.gt !== undefined) raise(keySuccessor(toBytes(range.gt, 'bound gt')));
  if (range.lt !== undefined) cut(ownBytes(range.lt, 'bound lt'));
  if (range.lte !== undefined) cut(keySuccessor(toBytes(range.lte, 'bound lte')));
  if (upper !== null && compareBytes(lower, upper) >= 0) empty = true;
  return { lower, upper, empty };
}

/** A copy of a key or value that the caller can't change; `slice()` would not be one for a Buffer. */
export function ownBytes(source: Bytes, what: string): Uint8Array {
  const bytes = toBytes(source, what);
  return typeof source === 'string' ? bytes : copyBytes(bytes, 0, bytes.length);
}

/** A limit as a count; no limit is Infinity. */
export function parseLimit(limit: unknown): number {
  if (limit === undefined || limit === -1 || limit === Number.POSITIVE_INFINITY) {
    return Number.POSITIVE_INFINITY;
  }
  if (typeof limit === 'number' && Number.isInteger(limit) && limit >= 0) return limit;
  throw invalidArgument('limit has to be an integer from 0, or −1 or Infinity for none.');
}
