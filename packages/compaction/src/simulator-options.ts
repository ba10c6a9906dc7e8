/** What the simulator is given, and what it counts. */
import type { Random } from '@lsm/core';
import type { AdmissionRules } from './admission.ts';
import type { CoverRules } from './covered-tables.ts';
import type { DropRules } from './drop-rules.ts';
import type { ProgressRules } from './progress-guard.ts';

/** Settings of a simulator. */
export interface SimulatorOptions {
  /** Keys are 0 … `keyCount` − 1. */
  readonly keyCount: number;
  /** Entries of a full memtable; default 64. */
  readonly flushEntries?: number;
  /** Size of an entry, bytes; default 1. */
  readonly entryBytes?: number;
  /** Size of a delete, bytes; default `entryBytes`. */
  readonly tombstoneBytes?: number;
  /** What strategies are told of the typical size of a flush, bytes; default `flushEntries` · `entryBytes`. */
  readonly flushBytes?: number;
  /** Target entries of a table; default infinite. */
  readonly tableEntries?: number;
  /** Tasks that may run at once; default 1. */
  readonly maxTasks?: number;
  /** Entries that one task should not exceed; default infinite. */
  readonly maxTaskEntries?: number;
  /** Plans and ends tasks after each flush until the strategy is satisfied; default true. */
  readonly settles?: boolean;
  /** Chooses which task ends, and which by abort; default: the oldest, none. */
  readonly random?: Random;
  /** Share of tasks that end by abort, 0 to 1; default 0; needs `random`. */
  readonly abortShare?: number;
  /** Whether `drop` tasks are allowed; default: if the strategy says that it plans them. */
  readonly lossy?: boolean;
  /** By how much a flush moves the clock, ms; default 1. */
  readonly flushMs?: number;
  /** Size of the disk, bytes; default infinite. */
  readonly diskBytes?: number;
  /** Bytes that tasks may read between two flushes, as a multiple of the tree; default 1000. */
  readonly writeAmplificationCap?: number;
  /** Plans in which urgent work may be passed over before it goes first; default 16. */
  readonly starvedPlansMax?: number;
}

/** What a simulation has cost so far, in bytes unless said otherwise. */
export interface SimulatorStats {
  readonly flushes: number;
  readonly flushedBytes: number;
  /** Flushes and merges. */
  readonly writtenBytes: number;
  /** Bytes of tables that merges and rewrites have read. */
  readonly readBytes: number;
  /** `writtenBytes` / `flushedBytes`. */
  readonly writeAmplification: number;
  /** Bytes of all tables. */
  readonly treeBytes: number;
  /** Most bytes that tables, and outputs of running tasks, have had together. */
  readonly peakBytes: number;
  /** Bytes that the largest merge or rewrite read; moves and drops read nothing. */
  readonly largestTaskBytes: number;
  /** Runs with tables. */
  readonly runs: number;
  readonly tasks: number;
  readonly moves: number;
  readonly aborts: number;
  /** Tables that went unread, since range deletes hid them. */
  readonly coveredTables: number;
  readonly rejections: number;
}

/** Switches for tests only. @internal */
export interface SimulatorRules {
  readonly admission?: Partial<AdmissionRules>;
  readonly drop?: Partial<DropRules>;
  readonly progress?: Partial<ProgressRules>;
  /** D2 and D3 weakened: runs with the target's own tag are not asked. */
  readonly asksOnlyHigherTags?: boolean;
  /**
   * D4 broken: while there is no snapshot, merges make the oldest version of each key look as if written first of
   * all, without asking older runs.
   */
  readonly forgetsSequences?: boolean;
  readonly cover?: Partial<CoverRules>;
  /** D6 broken: of several sealed memtables the newest is flushed first. */
  readonly flushesNewestFirst?: boolean;
}
