/** The suite over the wrappers of `@lsm/compaction`, around every kind of strategy and around each other. */
import { withDeadline, withMaxTaskBytes, withPicker, withReadTriggers } from '@lsm/compaction';
import { fifo } from '@lsm/compaction-fifo';
import { hybrid } from '@lsm/compaction-hybrid';
import { leveled } from '@lsm/compaction-leveled';
import { tiered } from '@lsm/compaction-tiered';
import { unified } from '@lsm/compaction-unified';
import type { CompactionStrategy } from '@lsm/core';
import { compactionStrategyConformance } from '@lsm/testkit';
import { describe, expect, it } from 'vitest';

const tools = { describe, it, expect };
const inner: readonly (() => CompactionStrategy)[] = [
  () => leveled(),
  () => tiered(),
  () => hybrid(),
  () => unified(),
  () => fifo({ maxAgeMs: 40_000 }),
];

function run(make: () => CompactionStrategy): void {
  compactionStrategyConformance(make, tools, { effort: 0.15, outlivesSnapshots: true });
}

// The suite's clock moves a second with each flush, that of its simulator a millisecond. Its flushes have 4,000 bytes;
// with tasks of fewer than nine of them, one for each flush, no strategy keeps up.
for (const make of inner) {
  run(() => withDeadline(make(), 20_000));
  run(() => withMaxTaskBytes(make(), 36_000));
}
run(() => withReadTriggers(leveled()));
run(() => withDeadline(withMaxTaskBytes(hybrid(), 36_000), 30_000));
run(() => withMaxTaskBytes(withDeadline(withPicker(leveled(), 'oldest'), 15_000), 36_000));
run(() => withPicker(leveled(), 'round-robin'));
