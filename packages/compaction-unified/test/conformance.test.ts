import { unified } from '@lsm/compaction-unified';
import { compactionStrategyConformance } from '@lsm/testkit';
import { describe, expect, it } from 'vitest';

const tools = { describe, it, expect };
compactionStrategyConformance(() => unified(), tools, {
  ratio: { make: (ratio) => unified({ scaling: `T${ratio}` }), writes: 'fall' },
  outlivesSnapshots: true,
});
compactionStrategyConformance(() => unified({ scaling: 'L4' }), tools, {
  name: 'unified, L4',
  ratio: { make: (ratio) => unified({ scaling: `L${ratio}` }), writes: 'rise' },
  outlivesSnapshots: true,
});
compactionStrategyConformance(() => unified({ scaling: ['T4', 'N', 'L10'] }), tools, {
  name: 'unified, T4 N L10',
  outlivesSnapshots: true,
  effort: 0.3,
});
