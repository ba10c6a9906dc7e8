/**
 * @lsm/compaction-leveled: leveled compaction. The public surface of the package; everything else is private.
 */
export { leveled } from './leveled.ts';
export type { LeveledStateJson } from './leveled-state.ts';
export type { LeveledSettings } from './settings.ts';
