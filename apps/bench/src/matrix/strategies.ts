/** Strategies of the matrix as objects, so that the engine, the simulator and `predict` are given the same one. */
import { fifo, timeWindow } from '@lsm/compaction-fifo';
import { FLUID_PRESETS, type FluidPreset, fluidPreset, hybrid } from '@lsm/compaction-hybrid';
import { leveled } from '@lsm/compaction-leveled';
import { tiered } from '@lsm/compaction-tiered';
import { fanOutOf, parseScaling, unified } from '@lsm/compaction-unified';
import { type CompactionStrategy, type Json, nearestName } from '@lsm/core';
import { parseStrategy } from '../config.ts';
import { UsageError } from '../usage-error.ts';

type Make = (settings: Readonly<Record<string, unknown>>) => CompactionStrategy;

/** One strategy of the matrix. */
export interface MatrixStrategy {
  /** As it was given. */
  readonly name: string;
  /** Drops data by age, and is run only on workloads that allow it. */
  readonly isLossy: boolean;
  /** Makes it for data that is kept for so many ms; for others the time does not matter. */
  make(retentionMs: number): CompactionStrategy;
}

/** In windows of this share of the retention. */
const WINDOWS = 10;

const LOSSLESS: Readonly<Record<string, Make>> = {
  leveled,
  tiered,
  hybrid: (settings) => hybrid(withoutPreset(settings)),
  unified,
};

/**
 * A strategy by its text.
 *
 * @throws UsageError naming the nearest word
 */
export function matrixStrategy(text: string): MatrixStrategy {
  if (text === 'fifo') {
    return { name: text, isLossy: true, make: (maxAgeMs) => fifo({ maxAgeMs }) };
  }
  if (text === 'time-window') {
    const make = (maxAgeMs: number): CompactionStrategy =>
      timeWindow({ maxAgeMs, windowMs: Math.max(1, Math.floor(maxAgeMs / WINDOWS)) });
    return { name: text, isLossy: true, make };
  }
  const name = text.split(':')[0]!;
  const known = [...Object.keys(LOSSLESS), 'time-window', 'fifo'];
  if (!Object.hasOwn(LOSSLESS, name)) {
    const nearest = nearestName(name, known);
    throw new UsageError(`No strategy is named "${name}"; did you mean "${nearest}"?`);
  }
  const parsed = parseStrategy(text);
  const { strategy: _, ...settings } =
    typeof parsed === 'string' ? { strategy: parsed } : (parsed as { strategy: string });
  const make = LOSSLESS[name]!;
  make(settings);
  return { name: text, isLossy: false, make: () => make(settings) };
}

/** How much larger each level is than the one above; `null` for strategies without levels. */
export function levelRatio(given: MatrixStrategy): number | null {
  const strategy = given.make(1);
  const settings = strategy.settings as { readonly [name: string]: Json };
  if (strategy.name === 'unified') {
    const { scaling } = settings;
    const first = Array.isArray(scaling) ? scaling[0] : scaling;
    return fanOutOf(parseScaling(first as string));
  }
  const { ratio } = settings;
  const first = Array.isArray(ratio) ? ratio[0] : ratio;
  return typeof first === 'number' ? first : null;
}

function withoutPreset({
  preset,
  ...settings
}: Readonly<Record<string, unknown>>): Record<string, unknown> {
  if (preset === undefined) return settings;
  if (!FLUID_PRESETS.includes(preset as FluidPreset)) {
    throw new UsageError(`No preset is named "${String(preset)}": ${FLUID_PRESETS.join(', ')}.`);
  }
  const { ratio = 4 } = settings;
  return { ...fluidPreset(preset as FluidPreset, Number(ratio)), ...settings };
}
