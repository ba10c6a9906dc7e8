/**
 * `@lsm/testkit`: a simulated file system and clock, crash and fault sweeps, a model database with operation
 * generators, and conformance suites for the seams of `@lsm`.
 */

export {
  compactionStrategyConformance,
  type MakeStrategy,
  type StrategyExpectations,
} from './conformance/compaction-strategy-conformance.ts';
export {
  type CursorSubject,
  cursorConformance,
  type TestEntry,
} from './conformance/cursor-conformance.ts';
export {
  type FileSystemSubject,
  fileSystemConformance,
} from './conformance/file-system-conformance.ts';
export {
  type FilterAllocatorExpectations,
  filterAllocatorConformance,
} from './conformance/filter-allocator-conformance.ts';
export {
  type MemtableSubject,
  type MemtableUnderTest,
  memtableConformance,
} from './conformance/memtable-conformance.ts';
export { pointIndexConformance } from './conformance/point-index-conformance.ts';
export {
  ENTRY_BYTES,
  makeForeignTree,
  StrategyTree,
  type TreeEntry,
  type TreeSizes,
} from './conformance/strategy-tree.ts';
export type { Expectation, TestTools } from './conformance/test-tools.ts';
export * from './crash-options.ts';
export { CrashPoint, type DiskImage, hashImage } from './crash-point.ts';
export * from './crash-sweep.ts';
export * from './database-under-test.ts';
export * from './fault-sweep.ts';
export * from './faults.ts';
export { ModelCursor } from './model-cursor.ts';
export * from './model-database.ts';
export * from './operations.ts';
export { formatEntries, type RunOptions, type RunReport, runOperations } from './run-operations.ts';
export { SimulatedClock } from './simulated-clock.ts';
export {
  type ContentHash,
  type FrozenContent,
  SimulatedContent,
  UNIT_BYTES,
} from './simulated-content.ts';
export type { FailedSyncContent } from './simulated-file.ts';
export {
  captureEach,
  SimulatedFileSystem,
  type SimulatedFileSystemOptions,
} from './simulated-file-system.ts';
export type { NameChange, NameMap, SimulatedNode } from './simulated-names.ts';
export {
  type DataSurvival,
  type NameSurvival,
  SURVIVAL_VARIANTS,
  type SurvivalVariant,
} from './survival.ts';
export * from './sync-control.ts';
export * from './written-tree.ts';
