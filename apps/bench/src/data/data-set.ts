/** What workloads run over: a finite set of keys, each with a value for every version of it. */

/** Keys that share a prefix, for prefix scans and range deletes. */
export interface PrefixGroup {
  readonly prefix: Uint8Array;
  /** Indexes of the keys with this prefix. */
  readonly members: Uint32Array;
}

/** A set of entries, by index 0 … capacity − 1. The first `count` are loaded; the rest is for inserts. */
export interface DataSet {
  /** Shown in the report. */
  readonly name: string;
  readonly description: string;
  /** How many entries are loaded. */
  readonly count: number;
  /** How many entries there can be, inserts of the workload included. */
  readonly capacity: number;
  /** The key of an index; borrowed until the next call. */
  key(index: number): Uint8Array;
  /** A key that never exists, but lies among those that do; borrowed until the next call. */
  missingKey(index: number): Uint8Array;
  /** The value of an index in a version, from 1; borrowed until the next call. */
  value(index: number, version: number): Uint8Array;
  /** Whether bytes are the value of an index in a version; looks at the length and a few bytes only. */
  matches(index: number, version: number, bytes: Uint8Array): boolean;
  /** Bytes of key and value. */
  entryBytes(index: number, version: number): number;
  /** All indexes in the order of their keys. */
  sorted(): Uint32Array;
  /** Groups of keys by prefix, at least one. */
  groups(): readonly PrefixGroup[];
}
