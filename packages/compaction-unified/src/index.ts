/**
 * @lsm/compaction-unified: unified compaction. The public surface of the package; everything else is private.
 */
export {
  fanOutOf,
  formatScaling,
  levelOf,
  parseScaling,
  type Sharding,
  shardCount,
  thresholdOf,
} from './scaling.ts';
export type { UnifiedSettings } from './settings.ts';
export { unified } from './unified.ts';
