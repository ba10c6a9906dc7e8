/**
 * The words between a compaction strategy and the engine: frozen snapshots of the tree in, tasks out. Plain data.
 *
 * The tree is an ordered list of sorted runs, newest first; a level is only a tag on a run. A strategy never touches
 * files, clocks or randomness. The engine checks every task (admission rules A1–A8) and alone decides what a merge
 * may drop (drop rules D1–D7); see `@lsm/compaction`.
 */
import type { Json } from './json.ts';

/** Number of a table; also its file's name. */
export type TableId = number;
/** Number of a run. */
export type RunId = number;
/** Number of a running task. */
export type TaskId = number;

/** One table, as a strategy sees it. */
export interface TableInfo {
  readonly id: TableId;
  /** Size of the file, bytes. */
  readonly bytes: number;
  /** Point entries, all versions and tombstones included. */
  readonly entries: number;
  /** Smallest user key, range tombstones included. */
  readonly minKey: Uint8Array;
  /** Largest user key, inclusive; `null` if a range tombstone without upper end is in the table. */
  readonly maxKey: Uint8Array | null;
  readonly minSequence: number;
  readonly maxSequence: number;
  readonly pointTombstones: number;
  readonly rangeTombstones: number;
  /** Estimate of bytes elsewhere that its tombstones would free. */
  readonly reclaimableBytes: number;
  /** Engine clock, ms; `null` if the table holds no tombstone. */
  readonly oldestTombstoneAt: number | null;
  /** Engine clock, ms, of the oldest and newest write in it. */
  readonly oldestWriteAt: number;
  readonly newestWriteAt: number;
  /** Engine clock, ms, when the file was made. */
  readonly createdAt: number;
  readonly filterBitsPerKey: number;
  /** Reads that looked into the table in vain since it was opened; left out if nobody counts. */
  readonly wastedReads?: number;
  /** The task that has it as input, or `null`. */
  readonly busyBy: TaskId | null;
}

/** A sorted run: tables in key order with disjoint ranges. */
export interface RunInfo {
  readonly id: RunId;
  readonly level: number;
  readonly tables: readonly TableInfo[];
  readonly bytes: number;
  readonly entries: number;
}

/** Where the outputs of a task go. `before` = directly newer than that run; `null` = as the oldest run. */
export type Placement =
  | { readonly into: RunId }
  | { readonly newRun: { readonly level: number; readonly before: RunId | null } };

/** How a merge cuts its outputs into tables. */
export interface OutputShape {
  /** Target size of a table, bytes. */
  readonly tableBytes: number;
  /** Prefer to cut where a table of this run ends. */
  readonly cutNear?: RunId;
  /** Cut when the output overlaps more than this many bytes of `cutNear`. */
  readonly maxOverlapBytes?: number;
  /** Cut before each of these keys, whatever the size; ascending. */
  readonly cutKeys?: readonly Uint8Array[];
}

/** What a strategy asks for. `reason` is free text for events; a higher `score` goes first. */
export type CompactionTask =
  | {
      readonly kind: 'merge';
      readonly inputs: readonly TableId[];
      readonly to: Placement;
      readonly shape: OutputShape;
      readonly reason: string;
      readonly score: number;
    }
  | {
      /** Relinks tables into another run without reading them. */
      readonly kind: 'move';
      readonly inputs: readonly TableId[];
      readonly to: Placement;
      readonly reason: string;
      readonly score: number;
    }
  | {
      /** Forgets tables, data and all; only in a tree that allows loss. */
      readonly kind: 'drop';
      readonly inputs: readonly TableId[];
      readonly reason: string;
      readonly score: number;
    }
  | {
      /** Writes tables anew where they are: elides, refilters, recompresses. */
      readonly kind: 'rewrite';
      readonly inputs: readonly TableId[];
      readonly shape: OutputShape;
      readonly reason: string;
      readonly score: number;
    };

/** A task that was admitted and has not ended. */
export interface TaskInfo {
  readonly id: TaskId;
  readonly kind: CompactionTask['kind'];
  readonly inputs: readonly TableId[];
  /** The run that its outputs join (reserved at admission). */
  readonly target: RunId;
  readonly inputBytes: number;
}

/** The tree at one moment. Deeply frozen. */
export interface TreeSnapshot {
  /** Grows with every change of the tree. */
  readonly version: number;
  /** Engine clock, ms; a strategy reads no other. */
  readonly now: number;
  /** Newest first. A reserved target run without tables may be among them. */
  readonly runs: readonly RunInfo[];
  readonly inProgress: readonly TaskInfo[];
  /** The oldest sequence number that a live snapshot needs; SEQUENCE_MAX if there is none. */
  readonly oldestReaderSequence: number;
  /** Typical bytes of one flush. */
  readonly flushBytes: number;
  readonly limits: {
    /** Tasks that may run at once. */
    readonly maxTasks: number;
    /** Bytes of input that one task has at most; planners aim lower, since tables can't be cut apart. */
    readonly maxTaskBytes: number;
    /** Target size of a table, bytes. */
    readonly tableBytes: number;
    /** Free disk space, bytes; infinite if unknown. */
    readonly freeDiskBytes: number;
  };
}

/** How a strategy judges the tree. */
export interface Health {
  /** Bytes that have to be rewritten to satisfy it. */
  readonly debtBytes: number;
  /** 0 = satisfied, 1 = at its trigger, more = behind. */
  readonly pressure: number;
  /** What writers should feel. */
  readonly delay: 'none' | 'slow' | 'stop';
  /** True exactly when `plan` returns no task and none runs. */
  readonly quiescent: boolean;
  /**
   * Engine clock, ms, at which `plan` should be asked again though nothing has changed, because something will have
   * grown too old by then; left out: time alone changes nothing.
   */
  readonly replanAt?: number;
}

/** What `plan` returns; `state` (if given) is kept in the manifest edit that commits the tasks. */
export interface CompactionPlan<S extends Json = Json> {
  readonly tasks: readonly CompactionTask[];
  readonly state?: S;
}

/** What a strategy promises for a tree of `dataBytes` with flushes of `flushBytes`; checked by the conformance kit. */
export interface StrategyBounds {
  readonly maxRuns: number;
  readonly maxSpaceAmplification: number;
  /** Bytes of inputs that no task exceeds, as a multiple of `limits.maxTaskBytes`; left out if there is no limit. */
  readonly maxTaskShare?: number;
}

/** Cost per operation, predicted from closed forms. */
export interface CostVector {
  readonly writeAmplification: number;
  readonly runs: number;
  readonly spaceAmplification: number;
}

/** Size of a workload for {@link CompactionStrategy.predict}. */
export interface WorkloadModel {
  readonly dataBytes: number;
  readonly flushBytes: number;
}

/**
 * A compaction strategy: a pure, synchronous, deterministic, total function from a tree to tasks.
 *
 * It must not do I/O, read a clock, draw randomness, keep references or throw, whatever legal tree it is given,
 * including one that another strategy left. If it breaks this, the engine quarantines it and no data is harmed.
 */
export interface CompactionStrategy<S extends Json = Json> {
  /** Kept in the manifest with `formatVersion` and `settings`. */
  readonly name: string;
  readonly formatVersion: number;
  readonly settings: Json;
  /** Whether it may plan `drop` tasks; such a strategy has to be chosen with `lossy` confirmed. */
  readonly lossy?: boolean;
  /** State for a tree that has none yet. */
  initialState?(): S;
  /** The tasks to run now, best first; mutually disjoint. */
  plan(snapshot: TreeSnapshot, state: S): CompactionPlan<S>;
  assess(snapshot: TreeSnapshot): Health;
  predict?(workload: WorkloadModel): CostVector;
  bounds?(workload: WorkloadModel): StrategyBounds;
  /**
   * Where the next flush should cut its tables: before each of these keys, ascending. A hint; an executor may ignore
   * it and write one table.
   */
  flush?(snapshot: TreeSnapshot): { readonly splitKeys?: readonly Uint8Array[] };
  /**
   * The same strategy with some settings changed; this one stays as it is.
   *
   * @throws LSM_INVALID_ARGUMENT for an unknown setting or a bad value
   */
  withSettings?(changes: { readonly [setting: string]: Json }): CompactionStrategy<S>;
}
