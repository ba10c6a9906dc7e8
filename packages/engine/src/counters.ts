/** Plain counters of one database: counted where things happen, read by `stats()`. */

/** Everything that is counted. Bytes and operations since open. */
export interface Counters {
  puts: number;
  deletes: number;
  rangeDeletes: number;
  batches: number;
  gets: number;
  getHits: number;
  memtableHits: number;
  runsProbed: number;
  /** Runs that the combined index spared lookups. */
  runsSkipped: number;
  scans: number;
  /** Bytes of keys and values that callers wrote. */
  userBytes: number;
  logBytes: number;
  logWrites: number;
  logSyncs: number;
  flushes: number;
  flushBytes: number;
  flushEntries: number;
  compactions: number;
  compactionReadBytes: number;
  compactionWriteBytes: number;
  /** Time in which at least one merge was under way, ms. */
  compactionMs: number;
  moves: number;
  /** Tables that left the tree unread: range deletes hide them, or the strategy lets them expire. */
  droppedTables: number;
  /** How often compaction came to a halt because the disk has no room for a merge. */
  diskShortages: number;
  slowdowns: number;
  slowdownMs: number;
  stalls: number;
  stallMs: number;
  workerRestarts: number;
}

/** All zero. */
export function newCounters(): Counters {
  return {
    puts: 0,
    deletes: 0,
    rangeDeletes: 0,
    batches: 0,
    gets: 0,
    getHits: 0,
    memtableHits: 0,
    runsProbed: 0,
    runsSkipped: 0,
    scans: 0,
    userBytes: 0,
    logBytes: 0,
    logWrites: 0,
    logSyncs: 0,
    flushes: 0,
    flushBytes: 0,
    flushEntries: 0,
    compactions: 0,
    compactionReadBytes: 0,
    compactionWriteBytes: 0,
    compactionMs: 0,
    moves: 0,
    droppedTables: 0,
    diskShortages: 0,
    slowdowns: 0,
    slowdownMs: 0,
    stalls: 0,
    stallMs: 0,
    workerRestarts: 0,
  };
}
