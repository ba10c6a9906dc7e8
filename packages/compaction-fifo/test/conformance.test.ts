import { fifo, timeWindow } from '@lsm/compaction-fifo';
import { compactionStrategyConformance } from '@lsm/testkit';
import { describe, expect, it } from 'vitest';

// The suite's clock moves a second with each flush.
compactionStrategyConformance(() => fifo({ maxAgeMs: 40_000 }), { describe, it, expect });
compactionStrategyConformance(() => timeWindow({ maxAgeMs: 90_000, windowMs: 20_000 }), {
  describe,
  it,
  expect,
});
