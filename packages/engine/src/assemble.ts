/**
 * Puts the parts of a database together: what reads, what writes, what works behind.
 */
import {
  type Clock,
  type CompactionStrategy,
  type DirectoryLock,
  type FileSystem,
  invalidArgument,
  type Json,
  KeyHasher,
  type LsmError,
  type Random,
} from '@lsm/core';
import type { ManifestState, ManifestStore } from '@lsm/manifest';
import {
  ARENA_BYTES_MAX,
  arenaPool,
  artMemtable,
  hashMemtable,
  memtableArenaBytes,
} from '@lsm/memtable';
import { asLsmError } from './background/flusher.ts';
import { Maintenance } from './background/maintenance.ts';
import { firstState } from './background/strategy-contract.ts';
import { type Counters, newCounters } from './counters.ts';
import { Core } from './database-core.ts';
import { EventHub } from './events.ts';
import type { Executor } from './jobs/executor.ts';
import { InlineExecutor } from './jobs/inline-executor.ts';
import { WorkerExecutor } from './jobs/worker-executor.ts';
import { combinedIndexShare, type ParsedOptions, type Settings } from './options.ts';
import { CombinedIndexBuilder } from './read/combined-index-builder.ts';
import { IteratorRegistry } from './read/range-iterator.ts';
import { ReadPath } from './read/read-path.ts';
import { StagedLookup } from './read/staged-lookup.ts';
import { ValueSlab } from './read/value-slab.ts';
import { highestFileNumber, type Recovered, recoverLog } from './recovery/recovery.ts';
import { SnapshotList } from './snapshot.ts';
import { Removals } from './tree/removals.ts';
import { TableReads } from './tree/table-reads.ts';
import { Tree } from './tree/tree.ts';
import { Committer } from './write/commit.ts';
import { LogFiles } from './write/log-files.ts';
import { MemtableUnit } from './write/memtable-unit.ts';
import { WritePath } from './write/write-path.ts';

/** What a database is assembled from. */
export interface AssemblyParts {
  readonly directory: string;
  readonly parsed: ParsedOptions;
  readonly store: ManifestStore;
  readonly bootId: string;
  readonly strategy: CompactionStrategy;
  readonly lock: DirectoryLock | null;
}

type HashSeed = readonly [low: number, high: number];

interface Files {
  readonly hasher: KeyHasher;
  readonly tableReads: TableReads;
  readonly tree: Tree;
  readonly recovered: Recovered;
  readonly logs: LogFiles;
  readonly removals: Removals;
}

/** Reads manifest state and log, and connects the parts; nothing runs yet, nothing is written. */
export function assemble(parts: AssemblyParts): { core: Core; recovered: Recovered } {
  const { directory, parsed, lock } = parts;
  const { settings, components } = parsed;
  const { fileSystem, clock, random } = components;
  const events = new EventHub();
  const counters = newCounters();
  const snapshots = new SnapshotList();
  const report = (error: unknown): void => events.emit('error', { error: asLsmError(error) });
  const { hasher, tableReads, tree, recovered, logs, removals } = readFiles(parts, report);
  const combinedIndex = new CombinedIndexBuilder({
    mode: settings.combinedIndex,
    bytesMax: combinedIndexShare(settings),
    hasher,
    counters,
    reads: tableReads,
    clock,
  });
  const maintenance = makeMaintenance(parts, {
    tree,
    logs,
    snapshots,
    counters,
    events,
    // What it does is not counted as reads of callers.
    lookup: new ReadPath(hasher, newCounters(), combinedIndex),
  });
  const { hashSeed } = tree;
  const writes = makeWrites(parsed, { logs, maintenance, counters, recovered, hashSeed });
  const committer = new Committer(
    writes,
    {
      unsyncedSegments: () => logs.unsynced,
      segmentsSynced: (segment, offset) => logs.synced(segment, offset, writes.watermark),
      syncDirectory: () => logs.syncDirectory(),
      relog: () => logs.relog(writes.active),
      report,
    },
    clock,
    counters,
  );
  const slab = new ValueSlab();
  const core = new Core({
    directory,
    settings,
    fileSystem,
    clock,
    random,
    counters,
    events,
    snapshots,
    iterators: new IteratorRegistry(),
    slab,
    tree,
    tableReads,
    logs,
    removals,
    reads: new ReadPath(hasher, counters, combinedIndex),
    stagedReads: new StagedLookup(hasher, counters, slab, combinedIndex),
    combinedIndex,
    writes,
    committer,
    maintenance,
    unlock: () => lock?.release(),
    lockKind: lock?.kind ?? 'none',
  });
  return { core, recovered };
}

function readFiles(parts: AssemblyParts, report: (error: unknown) => void): Files {
  const { directory, parsed, store, bootId } = parts;
  const { settings, components } = parsed;
  const { fileSystem, clock, random } = components;
  const hasher = new KeyHasher(store.state.hashSeed ?? [0, 0]);
  const blockBytes = cacheBlockBytes(store, settings);
  const tableReads = new TableReads(fileSystem, settings, hasher, blockBytes);
  const nextNumber = highestFileNumber(fileSystem.listSync(directory)) + 1;
  const removals = new Removals(fileSystem, report);
  const tree = new Tree({ directory, store, reads: tableReads, nextNumber, removals });
  const recovered = recoverLog({
    fileSystem,
    directory,
    bootId,
    clock,
    tree,
    newUnit: (bytes, records, before) =>
      replayUnit(settings, tree.hashSeed, bytes, records, before),
  });
  const host = {
    fileSystem,
    directory,
    random,
    tree,
    removals,
    bootId,
    spareBytesMax: 2 * settings.memtableBytes,
  };
  const logs = new LogFiles(host, recovered.log.segments);
  return { hasher, tableReads, tree, recovered, logs, removals };
}

interface Shared {
  readonly tree: Tree;
  readonly logs: LogFiles;
  readonly snapshots: SnapshotList;
  readonly counters: Counters;
  readonly events: EventHub;
  readonly lookup: ReadPath;
}

function makeMaintenance(
  { directory, parsed, store, strategy }: AssemblyParts,
  shared: Shared,
): Maintenance {
  const { settings, components } = parsed;
  const { fileSystem, clock, random, filter } = components;
  const executors = makeExecutors(settings, fileSystem, clock, random, () => {
    maintenance.workerLost();
  });
  const maintenance: Maintenance = new Maintenance(
    {
      ...shared,
      ...executors,
      settings,
      filter,
      clock,
      freeDiskBytes: () => fileSystem.freeBytesSync(directory),
    },
    strategy,
    stateAtOpening(store.state, strategy),
  );
  return maintenance;
}

/** The state that a strategy begins with: what the manifest kept of it, if it is in its present form. */
export function stateAtOpening(
  { strategy: kept }: ManifestState,
  strategy: CompactionStrategy,
): Json {
  const isKept = kept?.name === strategy.name && kept.formatVersion === strategy.formatVersion;
  return isKept ? kept.state : firstState(strategy);
}

function makeWrites(
  { settings, components }: ParsedOptions,
  parts: {
    readonly logs: LogFiles;
    readonly maintenance: Maintenance;
    readonly counters: Counters;
    readonly recovered: Recovered;
    readonly hashSeed: HashSeed;
  },
): WritePath {
  const { logs, maintenance, counters, recovered, hashSeed } = parts;
  const { memtableBytes } = settings;
  const writes = new WritePath(
    {
      newUnit: (frameBytes, records, before) => {
        const arenaBytes = memtableArenaBytes(settings.memtable, frameBytes, records);
        if (arenaBytes > ARENA_BYTES_MAX) throw tooLarge(frameBytes, records);
        return newUnit(settings, hashSeed, Math.max(arenaBytes, memtableBytes), before);
      },
      openSegment: (unit) => logs.open(unit),
      replaceSegment: (unit) => logs.replace(unit),
      sealed: (unit) => maintenance.sealed(unit),
      replaced: (active) => maintenance.activeReplaced(active),
      now: () => components.clock.now(),
    },
    counters,
    memtableBytes,
    recovered.lastSequence,
  );
  writes.active.segmentPaths.push(...recovered.ownerless);
  return writes;
}

/** The largest block that the cache has to hold: that of the options, or of a table written with others. */
function cacheBlockBytes(store: ManifestStore, settings: Settings): number {
  let bytes = settings.blockBytes;
  for (const table of store.state.version.tables()) bytes = Math.max(bytes, table.blockBytesMax);
  return bytes;
}

function newUnit(
  settings: Settings,
  hashSeed: HashSeed,
  bytes: number,
  sequenceBefore: number,
): MemtableUnit {
  const arena = arenaPool.acquire(bytes);
  const memtable =
    settings.memtable === 'art'
      ? artMemtable(arena, sequenceBefore + 1)
      : hashMemtable(arena, sequenceBefore + 1, hashSeed);
  return new MemtableUnit(memtable, sequenceBefore, (released) => arenaPool.release(released));
}

function tooLarge(frameBytes: number, records: number): LsmError {
  return invalidArgument(
    `The write takes ${frameBytes} bytes in ${records} records; with its index, it has to fit 960 MiB.`,
  );
}

/**
 * A unit with room for frames that were logged before, and the index over them. The largest arena may not hold the
 * most that such an index could take; but it held what this one took, and recovery looks at each record.
 */
function replayUnit(
  settings: Settings,
  hashSeed: HashSeed,
  frameBytes: number,
  records: number,
  sequenceBefore: number,
): MemtableUnit {
  const needed = memtableArenaBytes(settings.memtable, frameBytes, records);
  return newUnit(settings, hashSeed, Math.min(needed, ARENA_BYTES_MAX), sequenceBefore);
}

function makeExecutors(
  settings: Settings,
  fileSystem: FileSystem,
  clock: Clock,
  random: Random,
  onLoss: () => void,
): { newExecutor: () => Executor; newFallback: () => Executor } {
  const newFallback = (): Executor => new InlineExecutor({ fileSystem, clock, random }, clock);
  const { workerName } = fileSystem;
  if (settings.executor === 'inline' || workerName === null) {
    return { newExecutor: newFallback, newFallback };
  }
  return { newExecutor: () => new WorkerExecutor(workerName, onLoss), newFallback };
}
