/**
 * Opens a database: lock, manifest, log, parts.
 *
 * 1. Look at the directory; make it if it may be made.
 * 2. Take the single-writer lock (not for `readOnly`).
 * 3. Read the manifest; log segments' headers vouch for how much of it was durable.
 * 4. Replay the log into memtables. Nothing is written, deleted or cut before everything was read without complaint.
 * 5. Remove orphans, unless something was cut: then they may be needed to understand what happened.
 */
import {
  type CompactionStrategy,
  type DirectoryLock,
  type FileSystem,
  invalidArgument,
  isLsmError,
  type Json,
  LsmError,
} from '@lsm/core';
import { bootId as currentBootId, joinPath } from '@lsm/fs';
import {
  inspectDirectory,
  type ManifestState,
  ManifestStore,
  type StrategyRecord,
} from '@lsm/manifest';
import { type ManifestReference, readSegmentHeader } from '@lsm/wal';
import { assemble, stateAtOpening } from './assemble.ts';
import { firstState } from './background/strategy-contract.ts';
import { Db } from './database.ts';
import type { Core } from './database-core.ts';
import { makeDirectoryDurably } from './make-directory.ts';
import { type OpenOptions, type ParsedOptions, parseOptions, type Settings } from './options.ts';
import { removeOrphans } from './recovery/orphans.ts';
import type { Recovered } from './recovery/recovery.ts';
import { checkLossy, idleStrategy, reopenStrategy, resolveStrategy } from './strategies.ts';
import { segmentNumber } from './write/log-files.ts';

const DEFAULT_STRATEGY = 'hybrid';
/** Settings that are about one opening only. */
const OPENING_SETTINGS: ReadonlySet<string> = new Set([
  'createIfMissing',
  'errorIfExists',
  'readOnly',
]);

/**
 * Opens the database in a directory, making it if there is none.
 *
 * @param path - directory of the database
 * @param options - settings and components; see {@link OpenOptions}
 * @throws (rejects with) LSM_INVALID_ARGUMENT, LSM_MISSING, LSM_EXISTS, LSM_LOCKED, LSM_CORRUPTION,
 *   LSM_UNSUPPORTED_FORMAT, LSM_READ_ONLY, LSM_DISK_FULL, LSM_IO: files stay as they were
 */
export async function open(path: string, options: OpenOptions = {}): Promise<Db> {
  if (typeof path !== 'string' || path === '') {
    throw invalidArgument('open takes the path of a directory.');
  }
  const parsed = parseOptions(options);
  const { fileSystem } = parsed.components;
  const found = inspectDirectory(fileSystem, path);
  const exists = found === 'database';
  checkExistence(path, found, parsed.settings);
  if (!exists) {
    // What is refused makes no directory.
    const strategy = firstStrategy(parsed);
    checkLossy(strategy, parsed.settings.lossy);
    firstState(strategy);
    makeDirectoryDurably(fileSystem, path);
  }
  const lock = parsed.settings.readOnly ? null : await fileSystem.lock(path);
  try {
    return openLocked(path, parsed, lock);
  } catch (error) {
    lock?.release();
    throw error;
  }
}

function checkExistence(path: string, found: string, settings: Settings): void {
  if (found === 'database') {
    if (settings.errorIfExists) {
      throw new LsmError('LSM_EXISTS', 'The database exists and errorIfExists is set.', {
        file: path,
      });
    }
    return;
  }
  if (found === 'foreign') {
    throw invalidArgument(
      `${path} holds files that are not a database's; choose an empty or new directory.`,
    );
  }
  if (!settings.createIfMissing || settings.readOnly) {
    throw new LsmError(
      'LSM_MISSING',
      'There is no database; check the path, or set createIfMissing.',
      {
        file: path,
      },
    );
  }
}

function openLocked(directory: string, parsed: ParsedOptions, lock: DirectoryLock | null): Db {
  const { fileSystem } = parsed.components;
  const bootId = fileSystem.workerName === null ? '' : currentBootId();
  const store = openStore(directory, parsed, bootId);
  try {
    const strategy = chooseStrategy(store, parsed);
    const { core, recovered } = assemble({ directory, parsed, store, bootId, strategy, lock });
    start(core, recovered, store, strategy);
    return new Db(core);
  } catch (error) {
    store.close();
    throw error;
  }
}

/** Begins background work, after everything was read without complaint. */
function start(
  core: Core,
  recovered: Recovered,
  store: ManifestStore,
  strategy: CompactionStrategy,
): void {
  const { maintenance, writes, committer, settings } = core;
  if (settings.readOnly) {
    maintenance.startReadOnly(writes, recovered.units);
    return;
  }
  store.claim();
  recordOpening(core, store.state, strategy);
  const { cut } = recovered.log;
  if (cut === null && store.truncated === null) removeOrphans(core, recovered.log.unused);
  if (cut !== null && recovered.units.length === 0) forgetLog(core);
  maintenance.start(writes, committer, recovered.units);
  // Listeners can only be added after the promise of `open` has resolved.
  if (cut !== null) {
    const { file, offset, bytes } = cut;
    core.clock.defer(() => core.events.emit('truncated', { file, offset, bytes }));
  }
}

/**
 * Nothing of a cut log is left to be flushed, which would move the start of replay: without this, what was cut would
 * be cut again, and reported, at every opening.
 */
function forgetLog({ tree }: Core): void {
  try {
    tree.noteReplayFrom({ number: tree.nextNumber, idLow: 0, idHigh: 0 });
  } catch (error) {
    if (isLsmError(error, 'LSM_LOCK_LOST')) throw error;
    // The disk is full or fails; then the next opening does it.
  }
}

function openStore(directory: string, parsed: ParsedOptions, bootId: string): ManifestStore {
  const { fileSystem, random } = parsed.components;
  const { settings } = parsed;
  if (inspectDirectory(fileSystem, directory) === 'database') {
    return ManifestStore.open(fileSystem, directory, {
      random,
      bootId,
      readOnly: settings.readOnly,
      deferClaim: true,
      vouched: manifestVouchers(fileSystem, directory),
    });
  }
  const strategy = firstStrategy(parsed);
  return ManifestStore.create(
    fileSystem,
    directory,
    {
      hashSeed: [random.next() | 0, random.next() | 0],
      // File numbers start at 1; 0 stands for "no segment".
      replayFrom: { number: 1, idLow: 0, idHigh: 0 },
      strategy: strategyRecord(strategy, firstState(strategy)),
      settings: settingsRecord(settings, strategy),
    },
    { random, bootId },
  );
}

function strategyRecord(
  { name, formatVersion, settings }: CompactionStrategy,
  state: Json,
): StrategyRecord {
  return { name, formatVersion, settings, state };
}

/** The settings as the manifest keeps them: without those about the opening; `lossy` says that it was confirmed. */
function settingsRecord(settings: Settings, strategy: CompactionStrategy): Json {
  const kept = Object.entries(settings).filter(([name]) => !OPENING_SETTINGS.has(name));
  return { ...Object.fromEntries(kept), lossy: strategy.lossy === true };
}

/** Records strategy and settings, as far as they are not what the manifest says. */
function recordOpening(
  { tree, settings }: Core,
  before: ManifestState,
  given: CompactionStrategy,
): void {
  const kept = strategyRecord(given, stateAtOpening(before, given));
  const record = settingsRecord(settings, given);
  const news: { strategy?: StrategyRecord; settings?: Json } = {};
  if (!isSameJson(before.strategy as unknown as Json, kept as unknown as Json)) {
    news.strategy = kept;
  }
  if (!isSameJson(before.settings, record)) news.settings = record;
  if (news.strategy === undefined && news.settings === undefined) return;
  try {
    tree.commitOpening(news);
  } catch (error) {
    // A full disk is no reason not to open; settings are recorded for people only.
    if (news.strategy !== undefined || !isLsmError(error, 'LSM_DISK_FULL')) throw error;
  }
}

/** Whether two values have the same JSON text, as the manifest has it. */
function isSameJson(a: Json, b: Json): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function manifestVouchers(fileSystem: FileSystem, directory: string): ManifestReference[] {
  const vouchers: ManifestReference[] = [];
  for (const name of fileSystem.listSync(directory)) {
    if (segmentNumber(name) < 0) continue;
    const header = readSegmentHeader(fileSystem, joinPath(directory, name));
    if (header?.manifest != null) vouchers.push(header.manifest);
  }
  return vouchers;
}

/** The strategy of a new database. */
function firstStrategy({ components }: ParsedOptions): CompactionStrategy {
  return components.compaction ?? resolveStrategy(DEFAULT_STRATEGY);
}

/** The strategy of an existing database: the one that is given, or the one that it had. */
function chooseStrategy({ state }: ManifestStore, parsed: ParsedOptions): CompactionStrategy {
  const { settings, isLossyGiven } = parsed;
  const strategy =
    parsed.components.compaction ?? recordedStrategy(state.strategy, settings.readOnly);
  if (!settings.readOnly) {
    const recorded = state.settings as { readonly lossy?: Json } | null;
    const isKept = recorded?.lossy === true && state.strategy?.name === strategy.name;
    checkLossy(strategy, isLossyGiven ? settings.lossy : isKept);
  }
  return strategy;
}

function recordedStrategy(
  recorded: StrategyRecord | null,
  isReadOnly: boolean,
): CompactionStrategy {
  if (recorded === null) return resolveStrategy(DEFAULT_STRATEGY);
  const strategy = reopenStrategy(recorded.name, recorded.settings);
  if (strategy !== null) return strategy;
  if (isReadOnly) return idleStrategy(recorded);
  throw invalidArgument(
    `The database uses the compaction strategy "${recorded.name}", which is not built in; pass it as an object in the option compaction, or name a built-in one.`,
  );
}
