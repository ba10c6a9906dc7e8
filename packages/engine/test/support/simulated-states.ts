/** Which of the states that are hard to reach a crash image is in. */
import type { FileSystem } from '@lsm/core';
import { joinPath, readFileBytes } from '@lsm/fs';
import { readManifest } from '@lsm/manifest';
import { readSegment } from '@lsm/wal';
import { DIRECTORY } from './simulated-database.ts';

/** Names of the states that an image is in. */
export function statesOf(image: FileSystem): string[] {
  const states: string[] = [];
  if (image.statSync(DIRECTORY) === null) return ['no directory'];
  const names = image.listSync(DIRECTORY);
  if (!names.includes('CURRENT')) return ['no database yet'];
  const { state, truncated } = readManifest(image, DIRECTORY);
  if (truncated !== null) states.push('torn manifest edit');
  if (names.filter((name) => name.startsWith('MANIFEST-')).length > 1) states.push('two manifests');
  const live = new Set([...state.version.tables()].map(({ id }) => id));
  const tables = names.filter((name) => name.endsWith('.sst')).map((name) => Number.parseInt(name));
  const newest = Math.max(0, ...live);
  const orphans = tables.filter((id) => !live.has(id));
  // Numbers grow: what is newer than the tree was not committed, what is older has left it.
  if (orphans.some((id) => id > newest)) states.push('table before its edit');
  if (orphans.some((id) => id < newest)) states.push('input after its edit');
  if (orphans.some((id) => !isFinished(image, id))) states.push('unfinished table');
  const logs = names.filter((name) => name.endsWith('.log')).map((name) => Number.parseInt(name));
  const needed = logs.filter((number) => number >= state.replayFrom.number);
  if (needed.length > 1) states.push('sealed and active log');
  if (needed.length < logs.length) states.push('log after its flush');
  for (const number of needed) {
    const path = joinPath(DIRECTORY, `${String(number).padStart(6, '0')}.log`);
    const { header, bytes: all, end } = readSegment(image, path, { number });
    if (header?.isRecycled === true && all.length > end) states.push('recycled log, stale frames');
  }
  return states;
}

/** Whether the mark at the end of a table is on the disk (docs/formats: table, footer). */
function isFinished(image: FileSystem, id: number): boolean {
  const bytes = readFileBytes(image, joinPath(DIRECTORY, `${String(id).padStart(6, '0')}.sst`));
  const mark = bytes.length - 12;
  if (mark < 0) return false;
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(mark, true) === TABLE_MARK;
}

const TABLE_MARK = 0x5354424c;
