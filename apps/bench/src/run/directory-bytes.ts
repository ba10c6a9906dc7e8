/** Bytes of all files below a directory, as `du --apparent-size` counts them. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Sums the sizes of files; one that vanishes meanwhile counts nothing. */
export function directoryBytes(path: string): number {
  let bytes = 0;
  for (const entry of readdirSync(path, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    bytes += statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0;
  }
  return bytes;
}
