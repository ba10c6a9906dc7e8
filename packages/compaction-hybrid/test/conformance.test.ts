import { FLUID_PRESETS, fluidPreset, hybrid } from '@lsm/compaction-hybrid';
import { compactionStrategyConformance } from '@lsm/testkit';
import { describe, expect, it } from 'vitest';

const tools = { describe, it, expect };
compactionStrategyConformance(() => hybrid(), tools, { outlivesSnapshots: true });

/** What a higher ratio does to the writes; nothing is expected of those between leveling and tiering. */
const WRITES: Readonly<Record<string, 'rise' | 'fall'>> = { leveling: 'rise', tiering: 'fall' };

for (const preset of FLUID_PRESETS) {
  const writes = WRITES[preset];
  const make = (ratio: number): ReturnType<typeof hybrid> => hybrid(fluidPreset(preset, ratio));
  compactionStrategyConformance(() => hybrid(fluidPreset(preset)), tools, {
    name: `hybrid, ${preset}`,
    outlivesSnapshots: true,
    ...(writes === undefined ? { effort: 0.3 } : { ratio: { make, writes } }),
  });
}
