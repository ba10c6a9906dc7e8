/**
 * Operation lists: what a random user does to a database, as plain data that prints, shrinks and replays.
 *
 * Keys are written in hexadecimal, values as (fill, length). Snapshots and cursors stand in numbered slots; opening
 * into a full slot closes what was there, using an empty slot means the present state. So every sublist of a list is a
 * list as well, which is what shrinking needs.
 */
import * as fc from 'fast-check';

/** How an operation is called. */
export type CallForm = 'sync' | 'async';

/** A value of `length` bytes that start with `fill`. */
export interface ValueSpec {
  readonly fill: number;
  readonly length: number;
}

/** Bounds of a range, keys in hexadecimal. */
export interface RangeSpec {
  readonly gte?: string;
  readonly gt?: string;
  readonly lt?: string;
  readonly lte?: string;
}

/** A write. */
export type WriteOperation =
  | { readonly op: 'put'; readonly key: string; readonly value: ValueSpec }
  | { readonly op: 'del'; readonly key: string }
  | { readonly op: 'delRange'; readonly range: RangeSpec };

/** An operation of a list. */
export type DatabaseOperation =
  | (WriteOperation & { readonly form: CallForm; readonly durable?: boolean })
  | {
      readonly op: 'batch';
      readonly writes: readonly WriteOperation[];
      readonly form: CallForm;
      readonly durable?: boolean;
    }
  | {
      readonly op: 'get';
      readonly key: string;
      readonly snapshot: number | null;
      readonly form: CallForm;
    }
  | {
      readonly op: 'getMany';
      readonly keys: readonly string[];
      readonly snapshot: number | null;
      readonly form: CallForm;
    }
  | {
      readonly op: 'scan';
      readonly range: RangeSpec;
      readonly reverse: boolean;
      readonly limit: number;
      readonly snapshot: number | null;
      readonly form: CallForm;
    }
  | {
      readonly op: 'cursorOpen';
      readonly slot: number;
      readonly range: RangeSpec;
      readonly reverse: boolean;
      readonly snapshot: number | null;
    }
  | {
      readonly op: 'cursorNext';
      readonly slot: number;
      readonly count: number;
      readonly form: CallForm;
    }
  | { readonly op: 'cursorSeek'; readonly slot: number; readonly key: string }
  | { readonly op: 'cursorClose'; readonly slot: number }
  | { readonly op: 'snapshotOpen'; readonly slot: number }
  | { readonly op: 'snapshotClose'; readonly slot: number }
  | { readonly op: 'flush' }
  | { readonly op: 'sync' }
  | { readonly op: 'settle' }
  | { readonly op: 'compact'; readonly range: RangeSpec }
  | { readonly op: 'swap'; readonly strategy: number }
  | { readonly op: 'reopen' }
  | { readonly op: 'crash'; readonly variant: number; readonly seed: number };

/** What lists are made of. */
export interface OperationsOptions {
  /** Most operations of a list; default 60. */
  readonly maxLength?: number;
  /** Bytes that keys consist of; default 00 01 7f 80 fe ff. */
  readonly alphabet?: readonly number[];
  /** Longest key; default 3. */
  readonly keyBytesMax?: number;
  /** Longest value; default 40. One value in sixteen is up to 64 times longer. */
  readonly valueBytesMax?: number;
  /** Strategies to swap between; default 0: no swaps. */
  readonly strategies?: number;
  /** Whether lists contain crashes; default true. */
  readonly crashes?: boolean;
}

/** Slots for snapshots and for cursors. */
export const SLOTS = 3;

/** An arbitrary of operation lists, for `fc.property` and `fc.sample`. */
export function arbitraryOperations(
  options: OperationsOptions = {},
): fc.Arbitrary<DatabaseOperation[]> {
  const key = arbitraryKey(options);
  const weighted: fc.WeightedArbitrary<DatabaseOperation>[] = [
    ...writes(key, options),
    ...reads(key),
    ...cursors(key),
    ...maintenance(key, options),
  ];
  return fc.array(fc.oneof(...weighted), { maxLength: options.maxLength ?? 60, size: 'max' });
}

function arbitraryKey({
  alphabet = [0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff],
  keyBytesMax = 3,
}: OperationsOptions): fc.Arbitrary<string> {
  return fc
    .array(fc.constantFrom(...alphabet), { maxLength: keyBytesMax, size: 'max' })
    .map((bytes) => bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(''));
}

const form: fc.Arbitrary<CallForm> = fc.constantFrom('sync', 'async');
const durable: fc.Arbitrary<boolean> = fc.integer({ min: 0, max: 7 }).map((n) => n === 0);
const slot: fc.Arbitrary<number> = fc.nat(SLOTS - 1);
const snapshot: fc.Arbitrary<number | null> = fc.option(slot, { freq: 2 });

function writes(
  key: fc.Arbitrary<string>,
  options: OperationsOptions,
): fc.WeightedArbitrary<DatabaseOperation>[] {
  const write = arbitraryWrite(key, options);
  return [
    {
      weight: 16,
      arbitrary: fc
        .tuple(write, form, durable)
        .map(([one, how, sure]) => ({ ...one, form: how, durable: sure })),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        op: fc.constant('batch'),
        writes: fc.array(write, { maxLength: 6 }),
        form,
        durable,
      }),
    },
  ];
}

function arbitraryWrite(
  key: fc.Arbitrary<string>,
  { valueBytesMax = 40 }: OperationsOptions,
): fc.Arbitrary<WriteOperation> {
  const length = fc.oneof(
    { weight: 15, arbitrary: fc.nat(valueBytesMax) },
    { weight: 1, arbitrary: fc.nat(valueBytesMax * 64) },
  );
  const value = fc.record({ fill: fc.nat(255), length });
  return fc.oneof(
    { weight: 10, arbitrary: fc.record({ op: fc.constant('put'), key, value }) },
    { weight: 5, arbitrary: fc.record({ op: fc.constant('del'), key }) },
    {
      weight: 2,
      arbitrary: fc.record({ op: fc.constant('delRange'), range: arbitraryRange(key) }),
    },
  );
}

function arbitraryRange(key: fc.Arbitrary<string>): fc.Arbitrary<RangeSpec> {
  return fc.oneof(
    fc.record({ gte: key, lt: key }),
    fc.record({ gt: key, lte: key }),
    fc.record({ gte: key }),
    fc.record({ lt: key }),
    fc.record({ gt: key, lt: key }),
    fc.constant({}),
  );
}

function reads(key: fc.Arbitrary<string>): fc.WeightedArbitrary<DatabaseOperation>[] {
  return [
    { weight: 6, arbitrary: fc.record({ op: fc.constant('get'), key, snapshot, form }) },
    {
      weight: 3,
      arbitrary: fc.record({
        op: fc.constant('getMany'),
        keys: fc.array(key, { maxLength: 5 }),
        snapshot,
        form,
      }),
    },
    {
      weight: 5,
      arbitrary: fc.record({
        op: fc.constant('scan'),
        range: arbitraryRange(key),
        reverse: fc.boolean(),
        limit: fc.constantFrom(-1, 0, 1, 3),
        snapshot,
        form,
      }),
    },
  ];
}

function cursors(key: fc.Arbitrary<string>): fc.WeightedArbitrary<DatabaseOperation>[] {
  return [
    {
      weight: 3,
      arbitrary: fc.record({
        op: fc.constant('cursorOpen'),
        slot,
        range: arbitraryRange(key),
        reverse: fc.boolean(),
        snapshot,
      }),
    },
    {
      weight: 6,
      arbitrary: fc.record({
        op: fc.constant('cursorNext'),
        slot,
        count: fc.integer({ min: 1, max: 4 }),
        form,
      }),
    },
    { weight: 3, arbitrary: fc.record({ op: fc.constant('cursorSeek'), slot, key }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('cursorClose'), slot }) },
  ];
}

function maintenance(
  key: fc.Arbitrary<string>,
  { strategies = 0, crashes = true }: OperationsOptions,
): fc.WeightedArbitrary<DatabaseOperation>[] {
  const weighted: fc.WeightedArbitrary<DatabaseOperation>[] = [
    { weight: 2, arbitrary: fc.record({ op: fc.constant('snapshotOpen'), slot }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('snapshotClose'), slot }) },
    { weight: 3, arbitrary: fc.constant({ op: 'flush' }) },
    { weight: 1, arbitrary: fc.constant({ op: 'sync' }) },
    { weight: 1, arbitrary: fc.constant({ op: 'settle' }) },
    {
      weight: 2,
      arbitrary: fc.record({ op: fc.constant('compact'), range: arbitraryRange(key) }),
    },
    { weight: 1, arbitrary: fc.constant({ op: 'reopen' }) },
  ];
  if (strategies > 0) {
    const strategy = fc.nat(strategies - 1);
    weighted.push({ weight: 1, arbitrary: fc.record({ op: fc.constant('swap'), strategy }) });
  }
  if (crashes) {
    const crash = fc.record({ op: fc.constant('crash'), variant: fc.nat(255), seed: fc.nat(255) });
    weighted.push({ weight: 1, arbitrary: crash });
  }
  return weighted;
}

/** The bytes of a key in hexadecimal. */
export function keyBytes(key: string): Uint8Array {
  const bytes = new Uint8Array(key.length >> 1);
  for (let i = 0; i < bytes.length; i++)
    bytes[i] = Number.parseInt(key.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

/** The bytes of a value: each differs from its neighbours, so that a shifted copy is noticed. */
export function valueBytes({ fill, length }: ValueSpec): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = fill + i * 7 + (i >> 8);
  return bytes;
}
