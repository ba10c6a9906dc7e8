/**
 * Opens a database: lock, manifest, log, parts.
 *
 * 1. Look at the directory; make it if it may be made.
 * 2. Take the single-writer lock (not for `readOnly`).
 * 3. Read the manifest; log segments' headers vouch for how much of it was durable.
 * 4. Replay the log into memtables. Nothing is written, deleted or cut before everything was read without complaint.
 * 5. Remove orphans, unless something was cut: then they may be needed to understand what happened.
 */
import { type DirectoryLock, type FileSystem, invalidArgument, LsmError } from '@lsm/core';
import { bootId as currentBootId, joinPath } from '@lsm/fs';
import { inspectDirectory, ManifestStore } from '@lsm/manifest';
import { type ManifestReference, readSegmentHeader } from '@lsm/wal';
import { assemble } from './assemble.ts';
import { Db } from './database.ts';
import type { Core } from './database-core.ts';
import { makeDirectoryDurably } from './make-directory.ts';
import { type OpenOptions, type ParsedOptions, parseOptions, type Settings } from './options.ts';
import { removeOrphans } from './recovery/orphans.ts';
import type { Recovered } from './recovery/recovery.ts';
import { reopenStrategy, resolveStrategy } from './strategies.ts';
import { segmentNumber } from './write/log-files.ts';

const DEFAULT_STRATEGY = 'hybrid';

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
  if (!exists) makeDirectoryDurably(fileSystem, path);
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
    start(core, recovered, store, strategy.name);
    return new Db(core);
  } catch (error) {
    store.close();
    throw error;
  }
}

/** Begins background work, after everything was read without complaint. */
function start(core: Core, recovered: Recovered, store: ManifestStore, strategy: string): void {
  const { maintenance, writes, committer, settings } = core;
  if (settings.readOnly) {
    maintenance.startReadOnly(writes, recovered.units);
    return;
  }
  store.claim();
  if (store.state.strategy?.name !== strategy) {
    core.tree.commitStrategy(maintenance.strategy, maintenance.strategy.initialState?.() ?? null);
  }
  const { cut } = recovered.log;
  if (cut === null && store.truncated === null) removeOrphans(core, recovered.log.unused);
  maintenance.start(writes, committer, recovered.units);
  // Listeners can only be added after the promise of `open` has resolved.
  if (cut !== null) {
    const { file, offset, bytes } = cut;
    core.clock.defer(() => core.events.emit('truncated', { file, offset, bytes }));
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
  const strategy = parsed.components.compaction ?? resolveStrategy(DEFAULT_STRATEGY);
  const { name, formatVersion } = strategy;
  return ManifestStore.create(
    fileSystem,
    directory,
    {
      hashSeed: [random.next() | 0, random.next() | 0],
      // File numbers start at 1; 0 stands for "no segment".
      replayFrom: { number: 1, idLow: 0, idHigh: 0 },
      strategy: {
        name,
        formatVersion,
        settings: strategy.settings,
        state: strategy.initialState?.() ?? null,
      },
      settings: { ...settings },
    },
    { random, bootId },
  );
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

function chooseStrategy(
  store: ManifestStore,
  { components }: ParsedOptions,
): ReturnType<typeof resolveStrategy> {
  if (components.compaction !== null) return components.compaction;
  const recorded = store.state.strategy;
  if (recorded === null) return resolveStrategy(DEFAULT_STRATEGY);
  const strategy = reopenStrategy(recorded.name, recorded.settings);
  if (strategy !== null) return strategy;
  throw invalidArgument(
    `The database uses the compaction strategy "${recorded.name}", which is not built in; pass it as an object in the option compaction, or name a built-in one.`,
  );
}
