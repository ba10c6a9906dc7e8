/** What the matrix leaves behind: plain data, as in results.json. */
import type { CheckResult } from '../results.ts';
import type { Calibration, MatrixConfig } from './matrix-config.ts';

/** What reads of one kind cost, per read, asked between writes while the workload ran. */
export interface ReadCost {
  readonly reads: number;
  /** Runs that were asked: those with a table whose range holds the key. */
  readonly runs: number;
  /** Blocks looked into, cached or not. */
  readonly blocks: number;
}

/** The tree at one moment, nothing left to do. */
export interface TreeSample {
  /** Operations since the run began. */
  readonly operations: number;
  readonly runs: number;
  readonly bytes: number;
  readonly liveEntries: number;
  readonly levels: readonly {
    readonly level: number;
    readonly runs: number;
    readonly bytes: number;
  }[];
}

/** Figures that the engine and the simulator both give. */
export interface CellFigures {
  /** Bytes of flushes and merges ÷ bytes of keys and values, over the measured phases; `null`: nothing was written. */
  readonly writeAmplification: number | null;
  readonly runsMean: number;
  readonly runsMax: number;
  /** Mean of: bytes of tables ÷ bytes of one compacted copy of the entries that were live then. */
  readonly spaceMean: number;
  readonly spaceMax: number;
  readonly hit: ReadCost;
  readonly miss: ReadCost;
  /** Scans of ten entries. */
  readonly scan: ReadCost;
  /** Bytes that the largest merge read ÷ bytes of one compacted copy. */
  readonly largestTask: number;
  /** Facts behind the figures, over the measured phases. */
  readonly facts: CellFacts;
  /** Not more than about two hundred, evenly over the run. */
  readonly samples: readonly TreeSample[];
}

/** Counted beside the figures; differences are explained by them. */
export interface CellFacts {
  readonly userBytes: number;
  readonly flushes: number;
  readonly flushBytes: number;
  readonly mergeBytes: number;
  readonly merges: number;
  readonly moves: number;
  readonly largestTaskBytes: number;
  /** Entries of flushed tables ÷ writes, 1: no write was hidden by a later one of the same memtable. */
  readonly flushedShare: number;
  /** Of the bytes that merges read, the share that they left out. */
  readonly obsoleteShare: number;
  /** Deletes ÷ writes. */
  readonly deleteShare: number;
  /** Levels that held at least a hundredth of the data, mean. */
  readonly levelsMean: number;
  /** Share of the last level of the tree's bytes, mean. */
  readonly lastLevelShare: number;
}

/** What the strategy's closed forms say. */
export interface CellPrediction {
  readonly writeAmplification: number;
  readonly runs: number;
  readonly spaceAmplification: number;
}

/** What only the engine has. */
export interface EngineExtras {
  /** Log bytes ÷ bytes of keys and values. */
  readonly logAmplification: number | null;
  /** Where the workload goes on at full speed after the figures were taken. */
  readonly fullSpeed: {
    readonly operationsPerSecond: number;
    readonly stalls: number;
    readonly stallMs: number;
    readonly slowdownMs: number;
  } | null;
  /** Operations per second of phases that only read, by name. */
  readonly readRates: readonly { readonly phase: string; readonly perSecond: number }[];
  /** Bytes of one compacted copy of what was live at the end. */
  readonly compactedBytes: number;
  readonly seconds: number;
}

/** Figures that are compared, by name. */
export type FigureName = 'writes' | 'runs' | 'space' | 'hit' | 'miss' | 'scan' | 'task';

/** A figure of the engine that lies more than a quarter from what was foretold, and why. */
export interface Difference {
  readonly figure: FigureName;
  readonly by: 'simulator' | 'predict';
  readonly measured: number;
  readonly foretold: number;
  readonly reasons: readonly string[];
}

/** One strategy × workload × size. */
export interface MatrixCell {
  readonly strategy: string;
  readonly workload: string;
  readonly size: number;
  readonly entries: number;
  readonly engine: CellFigures;
  readonly extras: EngineExtras;
  readonly simulator: CellFigures;
  readonly predicted: CellPrediction | null;
  readonly differences: readonly Difference[];
  readonly checks: readonly CheckResult[];
}

/** A statement about the matrix that has to hold. */
export interface MatrixVerdict {
  readonly claim: string;
  /** `null`: reported, not demanded. */
  readonly holds: boolean | null;
  readonly evidence: string;
}

/** The choice for one workload, in words. */
export interface MatrixChoice {
  readonly workload: string;
  readonly title: string;
  /** The size that it was made from. */
  readonly size: number;
  readonly writes: string;
  readonly reads: string;
  readonly space: string;
  readonly balanced: string;
}

/** Everything of one call. */
export interface MatrixResults {
  readonly format: 1;
  readonly command: string;
  readonly startedAt: string;
  readonly seconds: number;
  readonly config: MatrixConfig;
  readonly calibration: Calibration;
  readonly environment: Readonly<Record<string, string | number | null>>;
  readonly workloads: readonly { readonly name: string; readonly title: string }[];
  readonly cells: readonly MatrixCell[];
  readonly verdicts: readonly MatrixVerdict[];
  readonly choices: readonly MatrixChoice[];
}
