/**
 * `db.checkpoint(directory)`: a copy of the present state that is a database of its own.
 *
 * 1. Flush, and pin the version that the flush made: the state at the call, whatever is written meanwhile.
 * 2. In a directory beside the target: link every table (copy where links are not possible), then write a manifest.
 * 3. Sync, rename to the target. A checkpoint that was cut short never has the target's name.
 */
import { isLsmError, LsmError } from '@lsm/core';
import { copyFile, joinPath, parentPath } from '@lsm/fs';
import { ManifestStore, stateToEdit } from '@lsm/manifest';
import type { Core } from './database-core.ts';
import { tableFileName } from './jobs.ts';

/** Writes a checkpoint. */
export async function writeCheckpoint(core: Core, target: string): Promise<void> {
  const { fileSystem, tree, maintenance } = core;
  if (fileSystem.statSync(target) !== null) {
    throw new LsmError('LSM_EXISTS', 'The target of a checkpoint must not exist; choose another.', {
      file: target,
    });
  }
  const sequence = core.lastSequence;
  await maintenance.flush();
  const view = tree.view.retain();
  const temporary = `${target}.partial`;
  try {
    removeDirectory(core, temporary);
    fileSystem.makeDirectorySync(temporary);
    for (const run of view.runs) {
      for (const { path, metadata } of run.files) {
        linkOrCopy(core, path, joinPath(temporary, tableFileName(metadata.id)));
      }
    }
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
    fileSystem.syncDirectorySync(temporary);
    fileSystem.renameSync(temporary, target);
    fileSystem.syncDirectorySync(parentPath(target));
  } catch (error) {
    removeDirectory(core, temporary);
    throw error;
  } finally {
    view.release();
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

/** Empties what an earlier attempt left; the directory itself is reused. */
function removeDirectory({ fileSystem }: Core, directory: string): void {
  if (fileSystem.statSync(directory) === null) return;
  for (const name of fileSystem.listSync(directory))
    fileSystem.unlinkSync(joinPath(directory, name));
}
