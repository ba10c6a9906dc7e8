import { fluidPreset, hybrid } from '@lsm/compaction-hybrid';
import { compactionStrategyConformance } from '@lsm/testkit';
import { describe, expect, it } from 'vitest';

const tools = { describe, it, expect };
compactionStrategyConformance(() => hybrid(), tools);
compactionStrategyConformance(() => hybrid(fluidPreset('leveling')), tools, {
  ratio: { make: (ratio) => hybrid(fluidPreset('leveling', ratio)), writes: 'rise' },
});
compactionStrategyConformance(() => hybrid(fluidPreset('tiering')), tools, {
  ratio: { make: (ratio) => hybrid(fluidPreset('tiering', ratio)), writes: 'fall' },
});
