/**
 * Brings back what the log holds: each segment becomes a sealed memtable again, its frames standing in an arena as
 * they did before the crash, so that nothing is encoded a second time. They are flushed in the background.
 *
 * 1. `readLog` (in `@lsm/wal`) finds the chain of segments, judges tails, throws on corruption.
 * 2. Frames are copied to an arena in one piece and their records linked; void frames only count sequence numbers.
 * 3. Sequence numbers go on after the highest of manifest and log, so that none is ever used twice.
 */
import {
  type Clock,
  corruption,
  EntryKind,
  type FileSystem,
  isLsmError,
  LsmError,
  RECORD_HEADER_BYTES,
  recordBytes,
  recordKeyLength,
  recordKeyspace,
  recordKind,
  recordValueLength,
} from '@lsm/core';
import { joinPath } from '@lsm/fs';
import {
  FrameKind,
  type LogCandidate,
  type LogContents,
  readLog,
  type SegmentContents,
} from '@lsm/wal';
import type { Tree } from '../tree/tree.ts';
import { segmentFileName, segmentNumber } from '../write/log-files.ts';
import type { MemtableUnit } from '../write/memtable-unit.ts';

/** What recovery needs. */
export interface RecoveryHost {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  readonly bootId: string;
  readonly clock: Clock;
  readonly tree: Tree;
  /** A fresh unit with room for `bytes` of frames and the index over `records` records. */
  newUnit(frameBytes: number, records: number, sequenceBefore: number): MemtableUnit;
}

/** What recovery found. */
export interface Recovered {
  /** One for each segment with records, oldest first. */
  readonly units: MemtableUnit[];
  readonly lastSequence: number;
  readonly log: LogContents;
  /** Segments without records beside which there is no unit; the next one continues them. */
  readonly ownerless: readonly string[];
}

/**
 * Replays the log into memtables.
 *
 * @throws LSM_CORRUPTION, LSM_UNSUPPORTED_FORMAT, LSM_IO
 */
export function recoverLog(host: RecoveryHost): Recovered {
  const { fileSystem, directory, tree } = host;
  const candidates = fileSystem
    .listSync(directory)
    .map((name) => ({ path: joinPath(directory, name), number: segmentNumber(name) }))
    .filter(({ number }) => number >= 0);
  const log = readSegments(host, candidates);
  const units: MemtableUnit[] = [];
  let lastSequence = tree.lastSequence;
  const emptyPaths: string[] = [];
  for (const contents of log.segments) {
    if (contents.header === null) continue;
    const unit = replaySegment(host, contents, lastSequence);
    if (unit === null) {
      emptyPaths.push(contents.path);
      continue;
    }
    lastSequence = Math.max(lastSequence, unit.lastSequence);
    units.push(unit);
  }
  // A segment without records goes when the unit beside it does.
  units[0]?.segmentPaths.push(...emptyPaths);
  return { units, lastSequence, log, ownerless: units.length === 0 ? emptyPaths : [] };
}

/** Reads the log; an error about a file that is not there names the file that should be. */
function readSegments(
  { fileSystem, directory, tree, bootId }: RecoveryHost,
  candidates: readonly LogCandidate[],
): LogContents {
  const { replayFrom } = tree;
  try {
    return readLog(fileSystem, candidates, { from: replayFrom, end: tree.logEnd, bootId });
  } catch (error) {
    if (!isLsmError(error, 'LSM_CORRUPTION') || error.file !== undefined) throw error;
    throw corruption(error.message, joinPath(directory, segmentFileName(replayFrom.number)), 0);
  }
}

/** The highest number among files that carry one; fresh numbers start above it. */
export function highestFileNumber(names: readonly string[]): number {
  let highest = 0;
  for (const name of names) {
    const match = /(\d{6,15})/.exec(name);
    if (match !== null) highest = Math.max(highest, Number(match[1]));
  }
  return highest;
}

function replaySegment(
  host: RecoveryHost,
  contents: SegmentContents,
  sequenceBefore: number,
): MemtableUnit | null {
  const { frames, header, path } = contents;
  const first = frames[0];
  const last = frames.at(-1);
  if (first === undefined || last === undefined || header === null) return null;
  const records = frames.reduce((sum, frame) => sum + frame.count, 0);
  const unit = host.newUnit(
    last.end - first.offset,
    records,
    Math.max(sequenceBefore, first.firstSequence - 1),
  );
  const { arena } = unit;
  arena.bytes.set(contents.bytes.subarray(first.offset, last.end), 0);
  arena.dataEnd = last.end - first.offset;
  unit.pendingStart = arena.dataEnd;
  unit.segmentPaths.push(path);
  unit.segmentIdentities.push(header);
  unit.oldestWriteAt = host.clock.now();
  unit.newestWriteAt = unit.oldestWriteAt;
  for (const frame of frames) {
    if (frame.kind !== FrameKind.records) {
      throw corruption('A frame of the log holds no records', path, frame.offset);
    }
    unit.lastSequence = frame.firstSequence + frame.count - 1;
    if (!frame.isVoid) linkFrame(unit, frame.payloadOffset - first.offset, frame, path);
  }
  return unit;
}

function linkFrame(
  unit: MemtableUnit,
  start: number,
  frame: SegmentContents['frames'][number],
  path: string,
): void {
  const { words } = unit.arena;
  const end = start + frame.payloadLength;
  let offset = start;
  for (let i = 0; i < frame.count; i++) {
    const fits = offset + RECORD_HEADER_BYTES <= end;
    const length = fits
      ? recordBytes(recordKeyLength(words, offset), recordValueLength(words, offset))
      : 0;
    if (!fits || offset + length > end) {
      throw corruption('A record leaves its frame', path, frame.payloadOffset + (offset - start));
    }
    if (recordKind(words, offset) > EntryKind.rangeDelete || recordKeyspace(words, offset) !== 0) {
      throw new LsmError(
        'LSM_UNSUPPORTED_FORMAT',
        'The log holds a kind of record that this version does not know; use a newer one',
        { file: path, offset: frame.payloadOffset + (offset - start) },
      );
    }
    if (unit.arena.free() < unit.memtable.indexBytesMax(1)) throw noRoom(path);
    unit.memtable.add(offset, frame.firstSequence + i);
    offset += length;
  }
}

function noRoom(path: string): LsmError {
  return new LsmError(
    'LSM_INVALID_ARGUMENT',
    'The index over this segment does not fit 1 GiB of memory; open with the kind of memtable that it was written with',
    { file: path },
  );
}
