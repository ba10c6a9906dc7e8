/**
 * A compaction strategy and a filter allocator as somebody else would write them: compiled by packs.mjs against the
 * published types of `@lsm/core` alone, outside of this repository, and then run under the published engine.
 */
import type {
  CompactionPlan,
  CompactionStrategy,
  FilterAllocator,
  FilterChoice,
  FilterContext,
  Health,
  TreeSnapshot,
} from '@lsm/core';

/** Merges all runs into one whenever there are more than `maxRuns`. */
export function oneRun(maxRuns: number): CompactionStrategy {
  const plan = ({ runs, inProgress, limits }: TreeSnapshot): CompactionPlan => {
    if (runs.length <= maxRuns || inProgress.length > 0) return { tasks: [] };
    return {
      tasks: [
        {
          kind: 'merge',
          inputs: runs.flatMap((run) => run.tables.map((table) => table.id)),
          to: { newRun: { level: 1, before: null } },
          shape: { tableBytes: limits.tableBytes },
          reason: 'third party',
          score: 1,
        },
      ],
    };
  };
  const assess = ({ runs, inProgress }: TreeSnapshot): Health => ({
    debtBytes: 0,
    pressure: runs.length / maxRuns,
    delay: 'none',
    quiescent: runs.length <= maxRuns && inProgress.length === 0,
  });
  return { name: 'one-run', formatVersion: 1, settings: { maxRuns }, plan, assess };
}

/** Classic Bloom filters for fresh tables, nothing for merged ones. */
export const freshOnly: FilterAllocator = {
  name: 'fresh-only',
  choose: ({ output }: FilterContext): FilterChoice =>
    output.level === 0 ? { kind: 'bloom', bitsPerKey: 12 } : { kind: 'none', bitsPerKey: 0 },
};
