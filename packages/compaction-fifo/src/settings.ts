/** Settings of FIFO and time-window compaction and their defaults. */
import { integerSetting, invalidArgument, parseSettings, type SettingSpecs } from '@lsm/core';

/** How FIFO compaction behaves; all settings are plain JSON. */
export interface FifoSettings {
  /** Tables whose newest write is older are dropped, ms; 0 to 2^53 − 1, default 0: none. */
  readonly maxAgeMs: number;
  /**
   * The oldest tables, with windows the oldest windows, are dropped while all together take more, bytes; 0 to 2^53 − 1,
   * default 0: no limit.
   */
  readonly maxBytes: number;
  /** Length of a time window, ms; 0 to 2^53 − 1, default 0: no windows, and nothing is ever merged. */
  readonly windowMs: number;
  /** Runs of similar size in the current window that start a merge; 2 to 1,000, default 4. */
  readonly mergeRuns: number;
  /** Runs from which writers are slowed; 1 to 1,000,000, default 1,000. */
  readonly slowdownRuns: number;
  /** Runs at which writers wait; above `slowdownRuns`, default 4,000. */
  readonly stopRuns: number;
}

const specs: SettingSpecs<FifoSettings> = {
  maxAgeMs: integerSetting(0, 0, Number.MAX_SAFE_INTEGER),
  maxBytes: integerSetting(0, 0, Number.MAX_SAFE_INTEGER),
  windowMs: integerSetting(0, 0, Number.MAX_SAFE_INTEGER),
  mergeRuns: integerSetting(4, 2, 1000),
  slowdownRuns: integerSetting(1000, 1, 1_000_000),
  stopRuns: integerSetting(4000, 2, 1_000_000),
};

/**
 * Completes and checks settings.
 *
 * @param name - of the strategy, for messages
 * @throws LSM_INVALID_ARGUMENT for an unknown name, a bad value or a bad combination
 */
export function parseFifoSettings(raw: unknown, name: string): FifoSettings {
  const settings = parseSettings(specs, raw, name);
  if (settings.stopRuns <= settings.slowdownRuns) {
    throw invalidArgument(`${name}: stopRuns has to be above slowdownRuns.`);
  }
  return Object.freeze(settings);
}
