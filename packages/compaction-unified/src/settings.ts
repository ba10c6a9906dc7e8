/** Settings of unified compaction and their defaults. */
import {
  integerSetting,
  invalidArgument,
  numberSetting,
  parseSettings,
  type SettingSpec,
  type SettingSpecs,
} from '@lsm/core';
import { formatScaling, parseScaling } from './scaling.ts';

/** How unified compaction behaves; all settings are plain JSON. */
export interface UnifiedSettings {
  /**
   * One scaling parameter for all levels, or a list from the newest level down whose last entry repeats: `L10` leveled,
   * `N` between, `T4` tiered, or the integer w; default `T4`.
   */
  readonly scaling: string | number | readonly (string | number)[];
  /** Shards that small data is cut into; 1 to 1,024, default 4. */
  readonly baseShards: number;
  /** Whether growing data gets more tables (0) or larger ones (1); 0 to 1, default 0.333. */
  readonly growth: number;
  /** Runs beyond what a level rests with, in thresholds, from which writers are slowed; 1 to 1,000, default 2. */
  readonly slowdownThresholds: number;
  /** The same for where writers wait; above `slowdownThresholds`, default 5. */
  readonly stopThresholds: number;
}

const scalingSetting: SettingSpec<UnifiedSettings['scaling']> = {
  default: 'T4',
  parse(value, name) {
    if (!Array.isArray(value)) return formatScaling(parseScaling(value));
    if (value.length === 0) throw invalidArgument(`${name} has to have an entry.`);
    return Object.freeze(value.map((entry) => formatScaling(parseScaling(entry))));
  },
};

const specs: SettingSpecs<UnifiedSettings> = {
  scaling: scalingSetting,
  baseShards: integerSetting(4, 1, 1024),
  growth: numberSetting(0.333, 0, 1),
  slowdownThresholds: integerSetting(2, 1, 1000),
  stopThresholds: integerSetting(5, 2, 1000),
};

/**
 * Completes and checks settings.
 *
 * @throws LSM_INVALID_ARGUMENT for an unknown name, a bad value or a bad combination
 */
export function parseUnifiedSettings(raw: unknown): UnifiedSettings {
  const settings = parseSettings(specs, raw, 'unified');
  if (settings.stopThresholds <= settings.slowdownThresholds) {
    throw invalidArgument('unified: stopThresholds has to be above slowdownThresholds.');
  }
  return Object.freeze(settings);
}

/** w by level; the last repeats. */
export function scalingOf({ scaling }: UnifiedSettings): readonly number[] {
  return Array.isArray(scaling) ? scaling.map(parseScaling) : [parseScaling(scaling)];
}
