import { tiered } from '@lsm/compaction-tiered';
import { compactionStrategyConformance } from '@lsm/testkit';
import { describe, expect, it } from 'vitest';

compactionStrategyConformance(
  () => tiered(),
  { describe, it, expect },
  {
    ratio: { make: (ratio) => tiered({ ratio, maxSpaceAmplification: 100 }), writes: 'fall' },
    outlivesSnapshots: true,
  },
);
