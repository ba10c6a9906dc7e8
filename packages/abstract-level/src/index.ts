/**
 * `@lsm/abstract-level`: the engine as an abstract-level database. The public surface of the package; everything else
 * is private.
 */
export { LevelError, type LevelErrorCode } from './level-error.ts';
export type { LsmChainedBatch, LsmChainedBatchWriteOptions } from './lsm-chained-batch.ts';
export {
  type LsmBatchOptions,
  type LsmClearOptions,
  type LsmDelOptions,
  LsmLevel,
  type LsmLevelOptions,
  type LsmOpenOptions,
  type LsmPutOptions,
  type LsmRangeEncoding,
} from './lsm-level.ts';
export type { LsmSnapshot } from './lsm-snapshot.ts';
export type { DurabilityOptions } from './write-durability.ts';
