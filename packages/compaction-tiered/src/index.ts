/**
 * @lsm/compaction-tiered: tiered compaction. The public surface of the package; everything else is private.
 */
export type { TieredSettings } from './settings.ts';
export { tiered } from './tiered.ts';
