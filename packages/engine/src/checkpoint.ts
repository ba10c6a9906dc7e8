/**
 * `db.checkpoint(directory)`: a copy of the present state that is a database of its own.
 *
 * 1. Flush, and pin the version that the flush made: the state at the call, whatever is written meanwhile.
 * 2. In a directory beside the target: write a manifest, link every table (copy where links are not possible).
 * 3. Sync, rename to the target. A checkpoint that was cut short never has the target's name.
 */
import { isLsmError, LsmError } from '@lsm/core';
import { copyFile, joinPath, parentPath } from '@lsm/fs';
import { ManifestStore, stateToEdit } from '@lsm/manifest';
import type { Core } from './database-core.ts';
import { tableFileName } from './jobs/jobs.ts';
import { makeDirectoryDurably } from './make-directory.ts';

/** Names that a checkpoint under way has. */
const OWN_NAME = /^(\d{6,15}\.sst|MANIFEST-\d+|CURRENT(\.tmp)?)$/;

/** Writes a checkpoint. */
export async function writeCheckpoint(core: Core, target: string): Promise<void> {
  const { fileSystem, tree, maintenance } = core;
  if (fileSystem.statSync(target) !== null) {
    throw new LsmError('LSM_EXISTS', 'The target of a checkpoint must not exist; choose another.', {
      file: target,
    });
  }
  const sequence = core.lastSequence;
  const view = await maintenance.flushAndTake(() => tree.view.retain());
  const temporary = `${target}.partial`;
  try {
    core.checkOpen();
    emptyDirectory(core, temporary);
    makeDirectoryDurably(fileSystem, temporary);
    const { state } = tree;
    const tables = [...view.version.tables()];
    const edit = stateToEdit({
      ...state,
      version: view.version,
      lastSequence: tables.reduce((max, table) => Math.max(max, table.maxSequence), sequence),
      replayFrom: { number: state.nextNumber, idLow: 0, idHigh: 0 },
      logEnd: null,
    });
    ManifestStore.create(fileSystem, temporary, edit, { random: core.random }).close();
    for (const run of view.runs) {
      for (const { path, metadata } of run.files) {
        linkOrCopy(core, path, joinPath(temporary, tableFileName(metadata.id)));
      }
    }
    fileSystem.syncDirectorySync(temporary);
    publish(core, temporary, target);
  } catch (error) {
    if (!isLsmError(error, 'LSM_EXISTS')) emptyQuietly(core, temporary);
    throw error;
  } finally {
    view.release();
  }
}

/** Gives the copy its name, durably; or takes it back, so that the same target can be tried again. */
function publish({ fileSystem }: Core, temporary: string, target: string): void {
  fileSystem.renameSync(temporary, target);
  try {
    fileSystem.syncDirectorySync(parentPath(target));
  } catch (error) {
    fileSystem.renameSync(target, temporary);
    throw error;
  }
}

function emptyQuietly(core: Core, directory: string): void {
  try {
    emptyDirectory(core, directory);
  } catch {
    // The failure before is the one to report; the next attempt empties it.
  }
}

function linkOrCopy({ fileSystem }: Core, from: string, to: string): void {
  try {
    fileSystem.linkSync(from, to);
  } catch (error) {
    if (isLsmError(error, 'LSM_DISK_FULL')) throw error;
    copyFile(fileSystem, from, to);
  }
}

/** Empties what an earlier attempt left; the directory itself is reused. Strangers' files stay. */
function emptyDirectory({ fileSystem }: Core, directory: string): void {
  const stat = fileSystem.statSync(directory);
  if (stat === null) return;
  const names = stat.directory ? fileSystem.listSync(directory) : [];
  if (!stat.directory || !names.every((name) => OWN_NAME.test(name))) {
    throw new LsmError(
      'LSM_EXISTS',
      'A checkpoint is prepared under this name, which holds something else; choose another target',
      { file: directory },
    );
  }
  for (const name of names) fileSystem.unlinkSync(joinPath(directory, name));
}
