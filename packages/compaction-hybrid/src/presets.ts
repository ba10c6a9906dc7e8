/**
 * The fluid family by its members' names.
 *
 * | preset | K, upper levels | Z, last level | |
 * |---|---|---|---|
 * | `leveling` | 1 | 1 | fewest runs, most writing |
 * | `1-leveling` | T − 1 in the first, then 1 | 1 | a buffer above leveling |
 * | `seed-hybrid` | T − 1 in the first two, then 1 | 1 | tiered above, leveled below |
 * | `lazy-leveling` | T − 1 | 1 | the default |
 * | `tiering` | T − 1 | T − 1 | least writing, most runs and space |
 *
 * Names after Dayan & Idreos (Dostoevsky, 2018) and Sarkar et al. (2021).
 */
import type { HybridSettings } from './settings.ts';

/** Names of the members. */
export const FLUID_PRESETS = [
  'leveling',
  '1-leveling',
  'seed-hybrid',
  'lazy-leveling',
  'tiering',
] as const;

/** A member of the fluid family. */
export type FluidPreset = (typeof FLUID_PRESETS)[number];

/**
 * Settings of a member, for {@link hybrid}.
 *
 * @param preset - its name
 * @param ratio - T, an integer, 2 to 100, default 4
 */
export function fluidPreset(
  preset: FluidPreset,
  ratio = 4,
): Pick<HybridSettings, 'ratio' | 'upperRuns' | 'lastRuns'> {
  const many = Math.max(1, Math.round(ratio) - 1);
  switch (preset) {
    case 'leveling':
      return { ratio, upperRuns: 1, lastRuns: 1 };
    case '1-leveling':
      return { ratio, upperRuns: [many, 1], lastRuns: 1 };
    case 'seed-hybrid':
      return { ratio, upperRuns: [many, many, 1], lastRuns: 1 };
    case 'lazy-leveling':
      return { ratio, upperRuns: many, lastRuns: 1 };
    case 'tiering':
      return { ratio, upperRuns: many, lastRuns: many };
  }
}
