/** Settings of leveled compaction and their defaults. */
import { TABLE_PICKERS, type TablePicker } from '@lsm/compaction';
import {
  choiceSetting,
  integerSetting,
  invalidArgument,
  numberSetting,
  parseSettings,
  type SettingSpecs,
} from '@lsm/core';

/** How leveled compaction behaves; all settings are plain JSON. */
export interface LeveledSettings {
  /** Size ratio of neighbouring levels; 2 to 100, default 10. Lower: less rewriting, more levels to read. */
  readonly ratio: number;
  /** Runs of L0 that start a merge; 1 to 1,000, default 4. */
  readonly level0Runs: number;
  /** Size that suits the base level, bytes; default 0: `level0Runs` flushes. */
  readonly baseBytes: number;
  /** Number of the last level; 1 to 32, default 6. */
  readonly lastLevel: number;
  /** Which table goes down next; default `min-overlap`. */
  readonly picker: TablePicker;
  /** Runs of L0 from which writers are slowed; default 12. */
  readonly slowdownRuns: number;
  /** Runs of L0 at which writers wait; above `slowdownRuns`, default 24. */
  readonly stopRuns: number;
}

const specs: SettingSpecs<LeveledSettings> = {
  ratio: numberSetting(10, 2, 100),
  level0Runs: integerSetting(4, 1, 1000),
  baseBytes: integerSetting(0, 0, Number.MAX_SAFE_INTEGER),
  lastLevel: integerSetting(6, 1, 32),
  picker: choiceSetting('min-overlap', TABLE_PICKERS),
  slowdownRuns: integerSetting(12, 1, 10_000),
  stopRuns: integerSetting(24, 2, 10_000),
};

/**
 * Completes and checks settings.
 *
 * @throws LSM_INVALID_ARGUMENT for an unknown name, a bad value or a bad combination
 */
export function parseLeveledSettings(raw: unknown): LeveledSettings {
  const settings = parseSettings(specs, raw, 'leveled');
  if (settings.stopRuns <= Math.max(settings.slowdownRuns, settings.level0Runs)) {
    throw invalidArgument('leveled: stopRuns has to be above slowdownRuns and level0Runs.');
  }
  return settings;
}
