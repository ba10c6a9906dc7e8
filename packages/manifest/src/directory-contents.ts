/** Tells what a directory holds, before a database is opened or made in it. */
import { corruption, type FileSystem, invalidArgument } from '@lsm/core';
import { joinPath } from '@lsm/fs';
import { CURRENT_NAME, manifestNumber } from './current-file.ts';

/**
 * What was found.
 *
 * - `missing`: no such directory. `empty`: nothing in it, locks aside. `foreign`: only files that are not a database's.
 * - `unfinished`: a database whose making was interrupted before it could hold anything.
 * - `database`: there is a `CURRENT` file.
 */
export type DirectoryContents = 'missing' | 'empty' | 'foreign' | 'unfinished' | 'database';

const TABLE_OR_LOG = /^\d{6,}\.(sst|log)$/;
const PASSING = /^(LOCK.*|CURRENT\.tmp)$/;

/**
 * Looks at the names in a directory.
 *
 * @throws LSM_CORRUPTION if there are tables, logs or manifests of a database, but not its `CURRENT` file;
 *   LSM_INVALID_ARGUMENT if `directory` is a file
 */
export function inspectDirectory(fs: FileSystem, directory: string): DirectoryContents {
  const stat = fs.statSync(directory);
  if (stat === null) return 'missing';
  if (!stat.directory) throw invalidArgument(`${directory} is a file; give a directory.`);
  const names = fs.listSync(directory).filter((name) => !PASSING.test(name));
  if (names.includes(CURRENT_NAME)) return 'database';
  if (names.some((name) => TABLE_OR_LOG.test(name))) {
    throw corruption(
      'There are tables or logs, but no pointer to a manifest; restore it, or choose another directory',
      joinPath(directory, CURRENT_NAME),
      0,
    );
  }
  if (names.some((name) => manifestNumber(name) >= 0)) return 'unfinished';
  return names.length === 0 ? 'empty' : 'foreign';
}
