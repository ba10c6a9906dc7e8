/**
 * `@lsm/engine`: an embedded, ordered key-value store. `open(path)` gives a {@link Db}.
 */
export {
  type Advice,
  decodeTrace,
  type ShadowCosts,
  type ShadowRow,
  type Trace,
  type WhatIfOptions,
  type WhatIfRow,
  type WorkloadDescription,
  workloadTrace,
} from '@lsm/compaction';
export type {
  Bytes,
  Clock,
  CompactionStrategy,
  FileSystem,
  FilterAllocator,
  LsmErrorCode,
  Random,
} from '@lsm/core';
export { isLsmError, LsmError } from '@lsm/core';
export type { CompactionControl, PlanOptions, SwitchPlan } from './compaction-control.ts';
export type { Counters } from './counters.ts';
export { Db, type ReadOptions, type WriteOptions } from './database.ts';
export type { CompactionEvent, DatabaseEvents, Listener, StallCause } from './events.ts';
export {
  type AdviseOptions,
  advise,
  type DatabaseAdviseOptions,
  whatIf,
} from './lab/advisor.ts';
export { defaultCandidates } from './lab/candidates.ts';
export type { Recording, RecordingSummary, RecordOptions } from './lab/recording.ts';
export type { ShadowReport, StrategyShadow } from './lab/strategy-shadow.ts';
export { open } from './open.ts';
export type {
  CombinedIndexMode,
  Compression,
  Durability,
  ExecutorSetting,
  FilterSetting,
  OpenOptions,
  ReadMode,
  Settings,
} from './options.ts';
export type { RangeBounds, RangeOptions } from './range.ts';
export type { RangeIterator, Selection } from './read/range-iterator.ts';
export type { Snapshot } from './snapshot.ts';
export type { LevelStats, Stats } from './stats.ts';
export type { StrategyName, StrategySetting, SwitchOptions } from './strategies.ts';
export type { VerifyReport } from './verify.ts';
export { type BatchOperation, WriteBatch } from './write-batch.ts';
