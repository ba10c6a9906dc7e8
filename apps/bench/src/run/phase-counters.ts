/** Differences of the engine's counters between two moments. */
import type { PhaseCounters } from '../results.ts';
import type { StoreStats } from '../stores/store.ts';

/** What was counted between two looks at the statistics. */
export function countersBetween(before: StoreStats, after: StoreStats): PhaseCounters {
  const a = before.counters;
  const b = after.counters;
  return {
    userBytes: b.userBytes - a.userBytes,
    logBytes: b.logBytes - a.logBytes,
    flushBytes: b.flushBytes - a.flushBytes,
    compactionReadBytes: b.compactionReadBytes - a.compactionReadBytes,
    compactionWriteBytes: b.compactionWriteBytes - a.compactionWriteBytes,
    flushes: b.flushes - a.flushes,
    compactions: b.compactions - a.compactions,
    moves: b.moves - a.moves,
    gets: b.gets - a.gets,
    memtableHits: b.memtableHits - a.memtableHits,
    runsProbed: b.runsProbed - a.runsProbed,
    blockReads: after.blocks.reads - before.blocks.reads,
    blockReadBytes: after.blocks.readBytes - before.blocks.readBytes,
    cacheHits: after.cache.hits - before.cache.hits,
    cacheMisses: after.cache.misses - before.cache.misses,
    filterNegatives: after.filters.negatives - before.filters.negatives,
    filterPositives: after.filters.positives - before.filters.positives,
    filterFalsePositives: after.filters.falsePositives - before.filters.falsePositives,
    slowdowns: b.slowdowns - a.slowdowns,
    slowdownMs: b.slowdownMs - a.slowdownMs,
    stalls: b.stalls - a.stalls,
    stallMs: b.stallMs - a.stallMs,
  };
}
