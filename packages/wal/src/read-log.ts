/**
 * Reads the chain of segments that recovery needs, and checks that nothing durable is missing.
 *
 * 1. Read every candidate that is numbered at or above the start.
 * 2. The head is the segment that the manifest names, or, if none was durable yet, the newest one without a
 *    predecessor among the candidates. Each next one names its predecessor by number and id, and the offset at which that log
 *    ends; of several, the one with the highest number counts (it replaces what could not be synced).
 * 3. Durable is what a clean close recorded, and everything before the watermark of any valid frame of the chain;
 *    a watermark in segment n vouches for all of every earlier segment.
 * 4. Judge each segment with that knowledge. Corruption is thrown. A segment that is torn before its expected end cuts
 *    the log there, and later segments with it.
 * 5. A segment newer than the chain whose predecessor is not to be found means that one was lost: corruption, if no
 *    power was lost or a frame in it vouches for the lost one.
 *
 * So a segment counts only if its predecessor ended exactly where it says (reliability: LevelDB issues 193 and 1081).
 */
import { corruption, type FileSystem } from '@lsm/core';
import type { SegmentIdentity } from './log-format.ts';
import { readSegment, type SegmentExpectation } from './read-segment.ts';
import type { SegmentContents } from './segment-contents.ts';
import {
  hashBootId,
  SEGMENT_HEADER_BYTES,
  type SegmentEnd,
  type SegmentHeader,
} from './segment-header.ts';

/** A file that may be part of the log. */
export interface LogCandidate {
  readonly path: string;
  /** Number by its name. */
  readonly number: number;
}

/** What the manifest says about the log. */
export interface LogOptions {
  /** First segment to replay; with an id of 0: none existed, any later one may be the first. */
  readonly from: SegmentIdentity;
  /** Where the log ended at a clean close, or `null`. */
  readonly end: SegmentEnd | null;
  /** The present boot of the machine; '' = unknown. */
  readonly bootId: string;
}

/** What was cut off the log. */
export interface LogCut {
  readonly file: string;
  readonly offset: number;
  readonly bytes: number;
  readonly reason: string;
  /** Paths of later segments that went with it. */
  readonly discarded: readonly string[];
}

/** The log to replay. */
export interface LogContents {
  /** Oldest first; each with the frames that count. */
  readonly segments: readonly SegmentContents[];
  /** `null`: nothing was cut. */
  readonly cut: LogCut | null;
  /** Candidates that are no part of the log: spares, replaced and never begun segments. */
  readonly unused: readonly string[];
}

/** A candidate whose header holds. */
interface Member {
  readonly number: number;
  readonly header: SegmentHeader;
  /** As read without knowledge of the rest of the log. */
  readonly contents: SegmentContents;
}

/** What is known durable: by segment, and of everything before a segment. */
interface Durable {
  readonly offsets: Map<number, number>;
  /** All segments with a lower number are durable to their end; −1: nothing is known. */
  before: number;
}

/**
 * Reads the log.
 *
 * @param candidates - all files of the directory that have a segment's name, in no order
 * @throws LSM_CORRUPTION with file and offset if durable data is damaged or missing; LSM_UNSUPPORTED_FORMAT; LSM_IO
 */
export function readLog(
  fs: FileSystem,
  candidates: readonly LogCandidate[],
  options: LogOptions,
): LogContents {
  const { from, end, bootId } = options;
  const { members, damaged } = readMembers(fs, candidates, options);
  const chain = findChain(members, from);
  const last = chain.at(-1)?.number ?? from.number - 1;
  const orphans = members.filter((member) => member.number > last);
  const durable = collectDurable([...chain, ...orphans], end);
  requireComplete(chain, damaged, last, durable, options);
  const segments: SegmentContents[] = [];
  let cut: LogCut | null = null;
  for (let i = 0; i < chain.length && cut === null; i++) {
    const contents = judge(fs, chain, i, durable, options);
    segments.push(contents);
    if (contents.tail.state === 'corrupt') {
      throw corruption(contents.tail.reason, contents.path, contents.tail.offset);
    }
    if (contents.tail.state === 'torn') cut = cutAt(contents, [...chain.slice(i + 1), ...orphans]);
  }
  if (cut === null) cut = cutOrphans(orphans, bootId);
  const used = new Set([...segments.map(({ path }) => path), ...(cut?.discarded ?? [])]);
  const unused = candidates.map(({ path }) => path).filter((path) => !used.has(path));
  return { segments, cut, unused };
}

function readMembers(
  fs: FileSystem,
  candidates: readonly LogCandidate[],
  { from, bootId }: LogOptions,
): { members: Member[]; damaged: Map<number, string> } {
  const members: Member[] = [];
  const damaged = new Map<number, string>();
  const eligible = candidates.filter(({ number }) => number >= from.number);
  for (const { path, number } of eligible.toSorted((a, b) => a.number - b.number)) {
    const contents = readSegment(fs, path, { number, bootId });
    const { header, tail } = contents;
    if (header !== null) members.push({ number, header, contents });
    else if (tail.state === 'corrupt') damaged.set(number, path);
  }
  return { members, damaged };
}

/** The segments from the head on, each the predecessor of the next. */
function findChain(members: readonly Member[], from: SegmentIdentity): Member[] {
  let next = isNone(from)
    ? members.findLast(
        ({ header: { previous } }) => previous === null || previous.number < from.number,
      )
    : members.find(({ header }) => isSame(header, from));
  const chain: Member[] = [];
  while (next !== undefined) {
    const member: Member = next;
    chain.push(member);
    next = members.findLast(
      ({ number, header: { previous } }) =>
        number > member.number && previous !== null && isSame(previous, member.header),
    );
  }
  return chain;
}

function collectDurable(members: readonly Member[], end: SegmentEnd | null): Durable {
  const durable: Durable = { offsets: new Map(), before: -1 };
  if (end !== null) {
    durable.offsets.set(end.number, end.end);
    durable.before = end.number;
  }
  for (const { contents } of members) {
    for (const [segment, offset] of contents.claims) {
      durable.offsets.set(segment, Math.max(offset, durable.offsets.get(segment) ?? 0));
      durable.before = Math.max(durable.before, segment);
    }
  }
  return durable;
}

/** Throws if a segment that has to exist does not. */
function requireComplete(
  chain: readonly Member[],
  damaged: ReadonlyMap<number, string>,
  last: number,
  durable: Durable,
  { from }: LogOptions,
): void {
  if (chain.length === 0 && !isNone(from)) {
    const path = damaged.get(from.number);
    throw corruption(
      `The log begins with segment ${from.number}, which is missing or not the one that was written`,
      path,
      path === undefined ? undefined : 0,
    );
  }
  for (const [number, path] of damaged) {
    if (number > last) throw corruption("The segment's header is damaged", path, 0);
  }
  if (durable.before > last && durable.before >= from.number) {
    throw corruption(
      `Segment ${durable.before} of the log was durable and is missing`,
      chain.at(-1)?.contents.path,
      chain.at(-1)?.contents.end,
    );
  }
}

/** The segment `chain[i]`, judged with what is known of the others. */
function judge(
  fs: FileSystem,
  chain: readonly Member[],
  i: number,
  durable: Durable,
  { end, bootId }: LogOptions,
): SegmentContents {
  const { number, header, contents } = chain[i]!;
  const successorSays = chain[i + 1]?.header.previous?.end;
  const closeSays = end !== null && isSame(end, header) ? end.end : undefined;
  const limit = successorSays ?? closeSays;
  const isDurable = number < durable.before && limit !== undefined;
  const known = isDurable ? limit : (durable.offsets.get(number) ?? 0);
  if (limit === undefined) {
    if (contents.end >= known) return contents;
  } else if (endsAt(contents, limit)) {
    const frames = contents.frames.filter((frame) => frame.end <= limit);
    const tail = { state: 'clean', offset: limit, bytes: 0, reason: 'As expected' } as const;
    return { ...contents, frames, end: limit, tail };
  }
  // What is durable of a log that was continued elsewhere is at most what counts of it.
  const reached = limit === undefined ? known : Math.min(known, limit);
  const expect: SegmentExpectation = { number, id: header, durable: reached, bootId };
  return readSegment(fs, contents.path, limit === undefined ? expect : { ...expect, end: limit });
}

/** Whether an accepted frame, or the header, ends at `offset`. */
function endsAt(contents: SegmentContents, offset: number): boolean {
  if (offset === SEGMENT_HEADER_BYTES) return true;
  return contents.frames.some((frame) => frame.end === offset);
}

function cutAt({ path, tail }: SegmentContents, later: readonly Member[]): LogCut {
  const discarded = later.map(({ contents }) => contents.path);
  return { file: path, offset: tail.offset, bytes: tail.bytes, reason: tail.reason, discarded };
}

/** Segments that are newer than the log and not linked to it: lost with their predecessor, if power was. */
function cutOrphans(orphans: readonly Member[], bootId: string): LogCut | null {
  const first = orphans.find(({ contents }) => contents.frames.length > 0);
  if (first === undefined) return null;
  const { path, end } = first.contents;
  const [bootLow, bootHigh] = hashBootId(bootId);
  const { header } = first;
  if (bootId !== '' && header.bootLow === bootLow && header.bootHigh === bootHigh) {
    throw corruption('The segment before this one is missing, and no power was lost', path, 0);
  }
  return {
    file: path,
    offset: SEGMENT_HEADER_BYTES,
    bytes: end - SEGMENT_HEADER_BYTES,
    reason: 'The segment before this one never became durable',
    discarded: orphans.map(({ contents }) => contents.path),
  };
}

function isNone(identity: SegmentIdentity): boolean {
  return identity.idLow === 0 && identity.idHigh === 0;
}

function isSame(a: SegmentIdentity, b: SegmentIdentity): boolean {
  return a.number === b.number && a.idLow === b.idLow && a.idHigh === b.idHigh;
}
