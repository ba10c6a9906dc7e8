/**
 * Removes files of ours that nothing refers to: outputs of jobs that were cut short, inputs whose removal was, segments
 * that were flushed or never begun, manifests that are not in force. Only names that this engine makes are touched; strangers' files stay.
 */
import { joinPath } from '@lsm/fs';
import { manifestNumber } from '@lsm/manifest';
import type { Core } from '../database-core.ts';

const TABLE_NAME = /^(\d{6,15})\.sst$/;
const TEMPORARY_NAMES = ['CURRENT.tmp'];

/** Removes orphans; what can't be removed is left for the next open. */
export function removeOrphans(
  { fileSystem, directory, tree }: Core,
  unusedLogs: readonly string[],
): void {
  const live = new Set<number>();
  for (const table of tree.version.tables()) live.add(table.id);
  const paths = [...unusedLogs];
  for (const name of fileSystem.listSync(directory)) {
    const match = TABLE_NAME.exec(name);
    const isOrphan =
      match !== null
        ? !live.has(Number(match[1]))
        : manifestNumber(name) >= 0 && manifestNumber(name) !== tree.manifestReference.number;
    if (isOrphan || TEMPORARY_NAMES.includes(name)) paths.push(joinPath(directory, name));
  }
  if (paths.length === 0) return;
  tree.syncManifest();
  for (const path of paths) {
    try {
      fileSystem.unlinkSync(path);
    } catch {
      // It is as harmless as before.
    }
  }
}
