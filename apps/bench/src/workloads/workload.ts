/** What a workload is: phases over one database, each a number of operations that are timed one by one. */
import type { DataSet } from '../data/data-set.ts';
import type { Model } from '../model.ts';
import type { SeededDraws } from '../random.ts';
import type { Store } from '../stores/store.ts';

/** Kinds of operations; latencies are kept apart by kind. */
export type OperationKind = 'put' | 'batch' | 'get' | 'miss' | 'scan' | 'delete' | 'modify';

/**
 * What the phase has to have touched for its figures to count. `mixed`: tables too, among writes whose own entries
 * memory may answer.
 */
type Touches = 'tables' | 'filters' | 'mixed';

/** A timed part of a run. */
export interface Phase {
  readonly name: string;
  /** How many times `step` is called. */
  readonly operations: number;
  /** The calls that it makes, for the reader of the report. */
  readonly calls: string;
  /** Most steps under way at once, for steps that return promises; default 1. */
  readonly inFlight?: number;
  readonly touches?: Touches;
  /** After it, memory is flushed and background work awaited, timed as a part of its own. */
  readonly settle?: boolean;
  /** Does one operation and says of which kind it was. */
  step(index: number): OperationKind | Promise<OperationKind>;
  /** Whether an operation handles several entries, so that entries are reported beside operations. */
  readonly countsEntries?: boolean;
  /** Makes ready what the others measure; its writes are not among those that the matrix reports. */
  readonly prepares?: boolean;
  /** `step` may be called beyond `operations`, with more of the same. */
  readonly goesOn?: boolean;
  /** Runs beside the steps until the returned function is called. */
  background?: () => () => Promise<void>;
}

/** What the phases of one run work on. */
export interface WorkloadContext {
  readonly store: Store;
  readonly data: DataSet;
  readonly model: Model;
  /** Seeded by run and workload. */
  readonly draws: SeededDraws;
  readonly sizes: WorkloadSizes;
  /** Counted by scans and batches; set to 0 before each phase. */
  readonly tally: { entries: number };
}

/** Sizes that a user may choose. */
export interface WorkloadSizes {
  /** Point operations of a phase; default as many as entries. */
  readonly operations: number;
  /** Writes under way at once where nothing else is said. */
  readonly inFlight: number;
}

/** A named sequence of phases. */
export interface Workload {
  readonly name: string;
  readonly title: string;
  phases(context: WorkloadContext): readonly Phase[];
}
