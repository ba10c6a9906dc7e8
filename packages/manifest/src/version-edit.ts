/** The version edit: one atomic change of a database's state, as plain data. Its encoding: edit-codec.ts. */
import type { Json, RunId, TableId } from '@lsm/core';
import type { SegmentEnd, SegmentIdentity } from '@lsm/wal';
import type { TableMetadata } from './table-metadata.ts';

/** Version of the database's formats that this software writes. */
export const FORMAT_VERSION = 1;

/** A table that joins a run. */
export interface AddedTable {
  readonly run: RunId;
  readonly table: TableMetadata;
}

/** A run's place in the full list. */
export interface RunPlace {
  readonly id: RunId;
  readonly level: number;
}

/** The strategy in use, as a reopened database finds it. */
export interface StrategyRecord {
  readonly name: string;
  readonly formatVersion: number;
  readonly settings: Json;
  readonly state: Json;
}

/** Who opened the database for writing last. */
export interface OwnerRecord {
  /** Grows by one with every open. */
  readonly epoch: number;
  readonly nonceLow: number;
  readonly nonceHigh: number;
}

/** One change of the state; what is absent stays as it is. Plain data. */
export interface VersionEdit {
  /** Set by the store in the first edit of a manifest, and only there. */
  readonly formatVersion?: number;
  /** Bits of features that a reader has to know; none are defined. */
  readonly requiredFeatures?: number;
  readonly optionalFeatures?: number;
  /** Seed of the key hash, two 32-bit words. */
  readonly hashSeed?: readonly [low: number, high: number];
  readonly owner?: OwnerRecord;
  /** Keyspace of `runs`, `removedTables`, `addedTables`; absent = 0, the only one in use. */
  readonly keyspace?: number;
  /** All runs, newest first; needed when a run comes or goes. */
  readonly runs?: readonly RunPlace[];
  readonly removedTables?: readonly TableId[];
  /** A table that changes its run is in both lists. */
  readonly addedTables?: readonly AddedTable[];
  /** Largest sequence number in use; never goes down. */
  readonly lastSequence?: number;
  /** Smallest number that no file has had; never goes down. */
  readonly nextNumber?: number;
  /** Smallest number that no run has had; never goes down. */
  readonly nextRunId?: number;
  /** First log segment to replay; id 0: none existed, any later one may be the first. */
  readonly replayFrom?: SegmentIdentity;
  /** Where the log was cleanly closed; `null`: it was not, or goes on. */
  readonly logEnd?: SegmentEnd | null;
  readonly strategy?: StrategyRecord;
  /** Effective settings of the database. */
  readonly settings?: Json;
}

/** The part of an edit that changes the tree. */
export type TreeEdit = Pick<VersionEdit, 'runs' | 'removedTables' | 'addedTables'>;
