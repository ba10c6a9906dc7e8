/**
 * Who calls a sync: the call site, read from the stack, and the list of all sites in the sources.
 *
 * A site is the chain of source lines from the call of the file system out to the first one that is not a mere forward.
 * It is the same for each call from there, whatever leads to it. What is synced at the close of the database, and the
 * files of recycled segments, count as sites of their own.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SimulatedFileSystem } from '@lsm/testkit';

/** Where syncs are passed on: the caller is the one that wants it. */
const FORWARDS = [
  /wal\/src\/segment-writer\.ts/,
  /fs\/src\/files\.ts/,
  /engine\/src\/assemble\.ts/,
  /engine\/src\/make-directory\.ts/,
  /LogFiles\.syncDirectory/,
];

/** A call in the sources: function, file below `packages`, line. */
const FRAME =
  /^\s*at (?:async )?(?:(\S+) .*\()?.*packages\/(\w[\w-]*\/src\/[\w/-]+\.ts)(?:\?[^:]*)?:(\d+):\d+\)?$/;

/** A call of the seam that syncs, or of what passes it on. */
const CALL = /(?:\.|\?\.)(?:syncSync|syncDirectorySync)\(|[hH]andle\.sync\(|segment\.sync\(/;

/** Lines with a call that no script reaches, and why that is right. */
const EXEMPT: readonly (readonly [file: string, text: RegExp])[] = [
  // Public calls that lead to the committer's own sites.
  ['engine/src/database.ts', /committer\.syncSync/],
  ['engine/src/write/commit.ts', /durability === 'fsync'\) this\.syncSync/],
  // Every 16 MiB of a table, so that its last sync never has much to do; that one covers all of it.
  ['sstable/src/table-file-writer.ts', /^ {8}this\.#handle\.syncSync/],
];

/** The site of the present call, innermost line first. */
export function syncSite(path: string, fs: SimulatedFileSystem): string {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 40;
  const { stack = '' } = new Error('site');
  Error.stackTraceLimit = limit;
  const chain: string[] = [];
  for (const line of stack.split('\n')) {
    const match = FRAME.exec(line);
    if (match === null || match[2]!.startsWith('testkit/')) continue;
    chain.push(`${match[1] ?? ''} ${match[2]}:${match[3]}`.trim());
    if (!FORWARDS.some((forward) => forward.test(line))) break;
  }
  const site = chain.join(' < ');
  if (stack.includes('engine/src/database-core.ts')) return `${site}, at the close`;
  return path.endsWith('.log') && isRecycled(fs.bytesOf(path)) ? `${site}, recycled file` : site;
}

/** Whether the header of a segment says that its file had another one before (docs/formats: log). */
function isRecycled(header: Uint8Array): boolean {
  return (header[FLAGS_OFFSET]! & RECYCLED_FLAG) !== 0;
}

const FLAGS_OFFSET = 7;
const RECYCLED_FLAG = 4;

/** All lines of the sources that sync, as sites name them: `wal/src/segment-writer.ts:239`. */
export function syncLines(): string[] {
  const packages = join(import.meta.dirname, '../../..');
  const lines: string[] = [];
  for (const name of ['engine', 'wal', 'manifest', 'sstable', 'fs', 'compaction', 'cache']) {
    const files = readdirSync(join(packages, name, 'src'), { recursive: true, encoding: 'utf8' });
    for (const file of files) {
      const path = `${name}/src/${file}`;
      // The implementations of the seam are what is called, not who calls.
      if (!path.endsWith('.ts') || /\/(?:node|memory)-[\w-]+\.ts$/.test(path)) continue;
      const text = readFileSync(join(packages, path), 'utf8').split('\n');
      text.forEach((line, index) => {
        if (!CALL.test(line) || /^\s*(?:\/\/|\*|\/\*)/.test(line)) return;
        if (EXEMPT.some(([exempt, what]) => exempt === path && what.test(line))) return;
        lines.push(`${path}:${index + 1}`);
      });
    }
  }
  return lines;
}
