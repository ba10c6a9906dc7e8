import { fifo, timeWindow } from '@lsm/compaction-fifo';
import { compactionStrategyConformance } from '@lsm/testkit';
import { describe, expect, it } from 'vitest';

const tools = { describe, it, expect };
// The suite's clock moves a second with each flush.
compactionStrategyConformance(() => fifo({ maxAgeMs: 40_000 }), tools, { outlivesSnapshots: true });
compactionStrategyConformance(() => fifo({ maxBytes: 40_000 }), tools, {
  name: 'fifo, by size',
  outlivesSnapshots: true,
});
compactionStrategyConformance(() => timeWindow({ maxAgeMs: 90_000, windowMs: 20_000 }), tools, {
  outlivesSnapshots: true,
});
