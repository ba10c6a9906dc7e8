/**
 * @lsm/compaction-hybrid: hybrid compaction. The public surface of the package; everything else is private.
 */
export { hybrid } from './hybrid.ts';
export { FLUID_PRESETS, type FluidPreset, fluidPreset } from './presets.ts';
export type { HybridSettings } from './settings.ts';
