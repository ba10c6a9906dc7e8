/**
 * @lsm/compaction: the strategy kit. The public surface of the package; everything else is private.
 */
export {
  type AdmissionContext,
  type AdmissionRule,
  admit,
  type Rejection,
  type RunningTask,
  type RunView,
  type TableView,
} from './admission.ts';
export { aimedTaskBytes, groupBytes } from './aimed-task-bytes.ts';
export {
  type CompactionCounts,
  type CompactionInput,
  compactEntries,
  type TableSink,
} from './compact-entries.ts';
export * from './cost-model.ts';
export {
  type CoverableTable,
  type CoverContext,
  coveredTables,
} from './covered-tables.ts';
export type { ExpectedWrites } from './expected-writes.ts';
export * from './forecast.ts';
export * from './key-range.ts';
export * from './lab/advise.ts';
export { type FilterModel, filterRates } from './lab/filter-rates.ts';
export type { ReplayOptions, ReplayResult } from './lab/replay.ts';
export { type ReplayScript, replayScript, type ScriptOptions } from './lab/replay-script.ts';
export { type ShadowCandidate, type ShadowRow, Shadows } from './lab/shadow.ts';
export type { ShadowCosts } from './lab/shadow-tree.ts';
export * from './lab/trace.ts';
export { decodeTrace } from './lab/trace-reader.ts';
export { TraceWriter, type TraceWriterOptions } from './lab/trace-writer.ts';
export {
  type Candidate,
  type WhatIfOptions,
  type WhatIfRow,
  whatIf,
  whatIfSteps,
} from './lab/what-if.ts';
export * from './lab/workload-trace.ts';
export * from './level-targets.ts';
export * from './merge-cursor.ts';
export * from './merge-description.ts';
export type { CutBorder, CutShape } from './output-cutter.ts';
export * from './overlap-groups.ts';
export * from './overlap-sets.ts';
export * from './partitions.ts';
export * from './pick-tables.ts';
export * from './pieces.ts';
export * from './piecewise-compaction.ts';
export * from './plan-draft.ts';
export * from './reclaimable.ts';
export { runsWithin } from './runs-within.ts';
export type { SimulatedLookup, SimulatedScan } from './simulated-probe.ts';
export { Simulator } from './simulator.ts';
export type { SimulatorOptions, SimulatorStats } from './simulator-options.ts';
export * from './strategy-wrappers.ts';
export * from './task-ledger.ts';
export * from './tombstone-elision.ts';
export { cutOfWide, keysAfter } from './wide-tables.ts';
