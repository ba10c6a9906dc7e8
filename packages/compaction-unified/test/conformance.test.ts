import { unified } from '@lsm/compaction-unified';
import { compactionStrategyConformance } from '@lsm/testkit';
import { describe, expect, it } from 'vitest';

compactionStrategyConformance(() => unified(), { describe, it, expect });
compactionStrategyConformance(() => unified({ scaling: 'L4' }), { describe, it, expect });
compactionStrategyConformance(() => unified({ scaling: ['T4', 'N', 'L10'] }), {
  describe,
  it,
  expect,
});
