/**
 * Paths as the seam uses them: `/` between names, no knowledge of a platform. Node accepts `/` on Windows as well, so
 * a user's own `C:\data` may stand in front.
 */

/** The path of `name` in `directory`; no slash is doubled, an empty directory gives the bare name. */
export function joinPath(directory: string, name: string): string {
  if (directory === '') return name;
  return directory.endsWith('/') ? directory + name : `${directory}/${name}`;
}

/** The directory that holds `path`: `.` for a bare name, `/` for a name in the root. */
export function parentPath(path: string): string {
  const end = trimSlashes(path);
  const slash = end.lastIndexOf('/');
  if (slash < 0) return '.';
  return slash === 0 ? '/' : trimSlashes(end.slice(0, slash));
}

/** The last name in `path`. */
export function baseName(path: string): string {
  const end = trimSlashes(path);
  return end.slice(end.lastIndexOf('/') + 1);
}

/**
 * One spelling for each path: without empty names, `.` and resolved `..`; for file systems that look paths up in a map.
 */
export function normalizePath(path: string): string {
  const names: string[] = [];
  for (const name of path.split('/')) {
    if (name === '' || name === '.') continue;
    if (name === '..' && names.length > 0 && names.at(-1) !== '..') names.pop();
    else names.push(name);
  }
  return (path.startsWith('/') ? '/' : '') + names.join('/');
}

function trimSlashes(path: string): string {
  let end = path.length;
  while (end > 1 && path.charCodeAt(end - 1) === 47) end--;
  return path.slice(0, end);
}
