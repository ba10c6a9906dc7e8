/**
 * Jobs: what an executor is asked to do and what it answers. Plain data (a memtable's shared memory apart), so that a
 * worker, this thread or another process can run them.
 */
import type { PointIndexKindName } from '@lsm/core';
import type { TableMetadata } from '@lsm/manifest';
import type { MemtableDescription } from '@lsm/memtable';
import type { Compression } from '../options.ts';

/** How and where output tables are written. */
export interface OutputSpec {
  readonly directory: string;
  /** Tables are numbered from here; `idCount` numbers are reserved. */
  readonly firstId: number;
  readonly idCount: number;
  /** Target size of a table, bytes. */
  readonly tableBytes: number;
  readonly blockBytes: number;
  readonly compression: Compression;
  readonly pointIndex: PointIndexKindName;
  readonly bitsPerKey: number;
  readonly hashSeed: readonly [number, number];
  /** Engine clock, ms. */
  readonly createdAt: number;
}

/** Key range of a table; `max` `null`: no upper end. */
interface TableRange {
  readonly minKey: Uint8Array;
  readonly maxKey: Uint8Array | null;
}

/** What both kinds of job share. */
interface JobBase {
  readonly output: OutputSpec;
  /** Sequence numbers of live snapshots, ascending, read when the task started (D1). */
  readonly snapshots: readonly number[];
  /** Tables older than the target run that are no inputs, one list in key order for each run (D2). */
  readonly olderRuns: readonly (readonly TableRange[])[];
  /** Keys before which an output ends, ascending. */
  readonly cutKeys: readonly Uint8Array[];
}

/** Writes a sealed memtable to a run of level 0. */
export interface FlushJob extends JobBase {
  readonly kind: 'flush';
  readonly memtable: MemtableDescription;
  /** Memory of its arena. */
  readonly handle: unknown;
  readonly oldestWriteAt: number;
  readonly newestWriteAt: number;
}

/** Merges tables into new ones. */
export interface MergeJob extends JobBase {
  readonly kind: 'merge';
  /** Inputs by run, newest run first, tables in key order. */
  readonly inputs: readonly (readonly TableMetadata[])[];
  /** Tables of the run that cuts align to, in key order; empty: none. */
  readonly cutNear: readonly { readonly maxKey: Uint8Array | null; readonly bytes: number }[];
  /** Cut when an output overlaps more than this many bytes of `cutNear`; 0: never. */
  readonly maxOverlapBytes: number;
}

/** Any job. */
export type Job = FlushJob | MergeJob;

/** The ranges of some tables: all that a job has to know of tables that it does not read. */
export function rangesOf(tables: readonly TableMetadata[]): TableRange[] {
  return tables.map(({ minKey, maxKey }) => ({ minKey, maxKey }));
}

/** What a job achieved. */
export interface JobResult {
  /** New tables in key order. */
  readonly outputs: readonly TableMetadata[];
  readonly entriesIn: number;
  readonly entriesOut: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
}

/** File name of a table. */
export function tableFileName(id: number): string {
  return `${String(id).padStart(6, '0')}.sst`;
}
