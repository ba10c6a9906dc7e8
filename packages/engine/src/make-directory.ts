/** Makes directories whose names last. */
import type { FileSystem } from '@lsm/core';
import { parentPath } from '@lsm/fs';

/** Makes a directory with its parents; what is synced in it later is not lost with one of their names. */
export function makeDirectoryDurably(fileSystem: FileSystem, path: string): void {
  const parents: string[] = [];
  let parent = path;
  do {
    parent = parentPath(parent);
    parents.push(parent);
  } while (parent !== '.' && parent !== '/' && fileSystem.statSync(parent) === null);
  fileSystem.makeDirectorySync(path);
  for (const changed of parents) fileSystem.syncDirectorySync(changed);
}
