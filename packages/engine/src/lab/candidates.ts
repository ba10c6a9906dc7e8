/** Strategies for the laboratory, as `setCompaction` takes them. */
import type { Candidate } from '@lsm/compaction';
import { invalidArgument, isJson, type Json } from '@lsm/core';
import { resolveStrategy, type StrategySetting } from '../strategies.ts';

/**
 * What is compared if nobody says what: each lossless strategy with its defaults, and the ends of what it can be. A new
 * list at each call.
 */
export function defaultCandidates(): StrategySetting[] {
  return [
    'leveled',
    { strategy: 'leveled', ratio: 4 },
    'tiered',
    { strategy: 'tiered', ratio: 8 },
    'hybrid',
    { strategy: 'hybrid', ratio: 8 },
    { strategy: 'hybrid', preset: '1-leveling' },
    { strategy: 'unified', scaling: 'T4' },
    { strategy: 'unified', scaling: 'L10' },
  ];
}

/**
 * Candidates from settings.
 *
 * @throws LSM_INVALID_ARGUMENT for what is no list, and for an unknown strategy or setting
 */
export function candidatesOf(settings: readonly StrategySetting[]): readonly Candidate[] {
  if (!Array.isArray(settings)) throw invalidArgument('Strategies have to be given as a list.');
  return settings.map(candidateOf);
}

/**
 * A candidate from a setting.
 *
 * @throws LSM_INVALID_ARGUMENT for an unknown strategy or setting
 */
export function candidateOf(setting: StrategySetting): Candidate {
  const strategy = resolveStrategy(setting);
  if (typeof setting === 'string') return { name: setting, strategy, setting };
  if (!('strategy' in setting))
    return { name: nameOf(strategy.name, strategy.settings), strategy, setting: null };
  const { strategy: name, ...settings } = setting;
  const isPlain = isJson(setting);
  return {
    name: nameOf(name, isPlain ? (settings as Json) : {}),
    strategy,
    setting: isPlain ? setting : null,
  };
}

/** `hybrid ratio=8 preset=tiering`: what is set, and nothing else. */
function nameOf(name: string, settings: Json): string {
  if (typeof settings !== 'object' || settings === null || Array.isArray(settings)) return name;
  const words = Object.entries(settings).map(([key, value]) =>
    typeof value === 'object' ? `${key}=${JSON.stringify(value)}` : `${key}=${value}`,
  );
  return [name, ...words].join(' ');
}
