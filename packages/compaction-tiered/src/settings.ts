/** Settings of tiered compaction and their defaults. */
import {
  integerSetting,
  invalidArgument,
  numberSetting,
  parseSettings,
  type SettingSpecs,
} from '@lsm/core';

/** How tiered compaction behaves; all settings are plain JSON. */
export interface TieredSettings {
  /** Size ratio of neighbouring tiers; 2 to 100, default 4. Higher: less rewriting, more runs to read. */
  readonly ratio: number;
  /** Runs of one tier that start a merge; 2 to 1,000, default 0: `ratio`, rounded. */
  readonly minMergeWidth: number;
  /** Most runs in one merge; at least `minMergeWidth`, default 32. */
  readonly maxMergeWidth: number;
  /** Runs that the tree may have at rest; 2 to 10,000, default 32. */
  readonly maxRuns: number;
  /** All bytes per byte of the oldest run that are tolerated; above 1 to 100, default 4. */
  readonly maxSpaceAmplification: number;
}

const specs: SettingSpecs<TieredSettings> = {
  ratio: numberSetting(4, 2, 100),
  minMergeWidth: integerSetting(0, 0, 1000),
  maxMergeWidth: integerSetting(32, 2, 10_000),
  maxRuns: integerSetting(32, 2, 10_000),
  maxSpaceAmplification: numberSetting(4, 1.01, 100),
};

/**
 * Completes and checks settings.
 *
 * @throws LSM_INVALID_ARGUMENT for an unknown name, a bad value or a bad combination
 */
export function parseTieredSettings(raw: unknown): TieredSettings {
  const settings = parseSettings(specs, raw, 'tiered');
  const minMergeWidth = settings.minMergeWidth || Math.round(settings.ratio);
  if (minMergeWidth < 2) throw invalidArgument('tiered: minMergeWidth has to be at least 2.');
  if (settings.maxMergeWidth < minMergeWidth) {
    throw invalidArgument('tiered: maxMergeWidth has to be at least minMergeWidth.');
  }
  return Object.freeze({ ...settings, minMergeWidth });
}
