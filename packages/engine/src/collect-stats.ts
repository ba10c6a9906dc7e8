/** Gathers the figures of `db.stats()` from where they are counted. */
import type { Core } from './database-core.ts';
import type { LevelStats, Stats } from './stats.ts';

/** The figures now. */
export function collectStats(core: Core): Stats {
  const { counters, tree, tableReads, maintenance, writes, logs } = core;
  const { version } = tree;
  const reads = tableReads.counters;
  const cache = tableReads.cacheStats;
  const tableBytes = version.bytes;
  const oldest = version.runs.at(-1)?.bytes ?? 0;
  const written = counters.logBytes + counters.flushBytes + counters.compactionWriteBytes;
  let indexBytes = 0;
  for (const file of tree.files) indexBytes += file.opened?.memoryBytes ?? 0;
  let memtableBytes = 0;
  for (const unit of maintenance.units) memtableBytes += unit.arena.capacity;
  return {
    counters: { ...counters },
    writeAmplification: counters.userBytes === 0 ? 0 : written / counters.userBytes,
    readAmplification: counters.gets === 0 ? 0 : reads.blockReads / counters.gets,
    spaceAmplification: oldest === 0 ? 1 : tableBytes / oldest,
    levels: levelStats(core),
    runs: version.runs.length,
    tables: version.tableCount,
    tableBytes,
    obsoleteTableBytes: tree.obsoleteBytes,
    logBytes: logs.bytes,
    manifestBytes: tree.manifestBytes,
    memory: {
      memtableBytes,
      pinnedBytes: maintenance.pinnedBytes,
      cacheBytes: tableReads.cacheBytes,
      indexBytes,
      combinedIndexBytes: core.combinedIndex.memoryBytes,
    },
    cache: { hits: cache.hits, misses: cache.misses, evictions: cache.evictions },
    filters: {
      negatives: reads.filterNegatives,
      positives: reads.filterPositives,
      falsePositives: reads.filterFalsePositives,
      bitsPerKey: filterBits(core),
    },
    blocks: { reads: reads.blockReads, readBytes: reads.blockReadBytes },
    disk: {
      freeBytes: core.fileSystem.freeBytesSync(core.directory),
      isShort: maintenance.compactor.isDiskShort,
    },
    unflushedMemtables: maintenance.flusher.waiting.length,
    sequence: writes.lastSequence,
    snapshots: core.snapshots.count,
    iterators: core.iterators.live.size,
    strategy: maintenance.strategy.name,
    executor: maintenance.executorKind,
    lock: core.lockKind,
  };
}

function levelStats({ tree }: Core): LevelStats[] {
  const levels = new Map<number, LevelStats>();
  for (const run of tree.version.runs) {
    const before = levels.get(run.level);
    levels.set(run.level, {
      level: run.level,
      runs: (before?.runs ?? 0) + 1,
      tables: (before?.tables ?? 0) + run.tables.length,
      bytes: (before?.bytes ?? 0) + run.bytes,
      entries: (before?.entries ?? 0) + run.entries,
      tombstones: run.tables.reduce(
        (sum, table) => sum + table.pointTombstones + table.rangeTombstones,
        before?.tombstones ?? 0,
      ),
    });
  }
  return [...levels.values()];
}

function filterBits({ tree }: Core): { level: number; bits: number }[] {
  const levels = new Map<number, { entries: number; bits: number }>();
  for (const run of tree.version.runs) {
    const sums = levels.get(run.level) ?? { entries: 0, bits: 0 };
    for (const table of run.tables) {
      sums.entries += table.entries;
      sums.bits += table.pointIndexBytes * 8;
    }
    levels.set(run.level, sums);
  }
  return [...levels].map(([level, { entries, bits }]) => ({
    level,
    bits: entries === 0 ? 0 : bits / entries,
  }));
}
