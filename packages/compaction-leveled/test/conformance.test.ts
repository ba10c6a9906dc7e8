import { leveled } from '@lsm/compaction-leveled';
import { compactionStrategyConformance } from '@lsm/testkit';
import { describe, expect, it } from 'vitest';

compactionStrategyConformance(
  () => leveled(),
  { describe, it, expect },
  {
    ratio: { make: (ratio) => leveled({ ratio }), writes: 'rise' },
    outlivesSnapshots: true,
  },
);
