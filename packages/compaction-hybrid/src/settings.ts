/** Settings of hybrid compaction and their defaults. */
import {
  integerSetting,
  invalidArgument,
  numberSetting,
  parseSettings,
  type SettingSpec,
  type SettingSpecs,
} from '@lsm/core';

/** How hybrid compaction behaves; all settings are plain JSON. The defaults are lazy leveling with T = 4. */
export interface HybridSettings {
  /**
   * T: size ratio of neighbouring levels, 2 to 100, default 4; one number for all, or a list from the base level down
   * whose last entry repeats.
   */
  readonly ratio: number | readonly number[];
  /**
   * K: runs that an upper level may have at rest, 1 to 100; one number for all, or a list from the base level down
   * whose last entry repeats. Default 0: T − 1.
   */
  readonly upperRuns: number | readonly number[];
  /** Z: runs that the last level may have at rest; 1 to 100, default 1. */
  readonly lastRuns: number;
  /** Runs of L0 that start a merge; 1 to 1,000, default 4. */
  readonly level0Runs: number;
  /** Number of the last level; 2 to 32, default 8. */
  readonly lastLevel: number;
  /** Runs of L0 from which writers are slowed; default 12. */
  readonly slowdownRuns: number;
  /** Runs of L0 at which writers wait; above `slowdownRuns`, default 24. */
  readonly stopRuns: number;
}

const runsSetting: SettingSpec<number | readonly number[]> = {
  default: 0,
  parse(value, name) {
    if (!Array.isArray(value)) return integerSetting(0, 0, 100).parse(value, name);
    if (value.length === 0) throw invalidArgument(`${name} has to have an entry.`);
    return Object.freeze(value.map((entry) => integerSetting(1, 1, 100).parse(entry, name)));
  },
};

const ratioSetting: SettingSpec<number | readonly number[]> = {
  default: 4,
  parse(value, name) {
    if (!Array.isArray(value)) return numberSetting(4, 2, 100).parse(value, name);
    if (value.length === 0) throw invalidArgument(`${name} has to have an entry.`);
    return Object.freeze(value.map((entry) => numberSetting(4, 2, 100).parse(entry, name)));
  },
};

const specs: SettingSpecs<HybridSettings> = {
  ratio: ratioSetting,
  upperRuns: runsSetting,
  lastRuns: integerSetting(1, 1, 100),
  level0Runs: integerSetting(4, 1, 1000),
  lastLevel: integerSetting(8, 2, 32),
  slowdownRuns: integerSetting(12, 1, 10_000),
  stopRuns: integerSetting(24, 2, 10_000),
};

/**
 * Completes and checks settings.
 *
 * @throws LSM_INVALID_ARGUMENT for an unknown name, a bad value or a bad combination
 */
export function parseHybridSettings(raw: unknown): HybridSettings {
  const settings = parseSettings(specs, raw, 'hybrid');
  if (settings.stopRuns <= Math.max(settings.slowdownRuns, settings.level0Runs)) {
    throw invalidArgument('hybrid: stopRuns has to be above slowdownRuns and level0Runs.');
  }
  const upperRuns = settings.upperRuns || tieringRuns(settings.ratio);
  return Object.freeze({ ...settings, upperRuns });
}

/** T − 1 runs a level. */
function tieringRuns(ratio: number | readonly number[]): number | readonly number[] {
  if (typeof ratio !== 'number') return Object.freeze(ratio.map((of) => tieringRuns(of) as number));
  return Math.max(1, Math.round(ratio) - 1);
}
