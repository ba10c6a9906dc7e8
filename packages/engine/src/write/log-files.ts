/**
 * The segments of the log: which unit writes to which, what is not known durable yet, what can go.
 *
 * 1. A unit gets its segment at its first write; the segment names its predecessor and where that one ended.
 * 2. The manifest names the segment that replay begins with only once that segment is known durable: then its loss
 *    would be noticed. Before that, a loss of power may take it, and the manifest says "any from this number on".
 * 3. Segments are synced in their order, so that no frame is durable before all earlier ones (I3 of write-path.ts).
 *    What was replayed after a crash of the process may not be durable either and comes first.
 * 4. The file of a flushed unit's segment is overwritten by a later one: its fdatasync is 2.7 times cheaper, because no
 *    size or block list changes (measured, 2026-11). Stale frames in it never pass for new ones (I2 of log-format.ts).
 * 5. When a sync fails, the frames of the active unit that are not known durable go to a new segment, which starts
 *    to count only once it is durable itself. A segment of which nothing is known durable can't be its predecessor:
 *    then the new one continues what the failed one continued. Frames of sealed units can't be saved that way: their
 *    sync stays failed until their flush makes them durable in a table. Frames that were not handed over yet are no
 *    part of that: a new segment that was given up may be found by recovery, and must not hold what was refused.
 */
import { type FileSystem, isLsmError, LsmError, type Random } from '@lsm/core';
import { joinPath } from '@lsm/fs';
import {
  SEGMENT_HEADER_BYTES,
  type SegmentContents,
  type SegmentEnd,
  type SegmentIdentity,
  SegmentWriter,
  sealFrame,
  type Watermark,
} from '@lsm/wal';
import type { Removals } from '../tree/removals.ts';
import type { Tree } from '../tree/tree.ts';
import type { MemtableUnit } from './memtable-unit.ts';

const NO_BYTES = new Uint8Array(0);
const NO_WORDS = new Int32Array(0);

/** Files of retired segments that are kept for reuse. */
const SPARES_MAX = 1;

/** What the log needs of the database. */
export interface LogHost {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  readonly random: Random;
  readonly tree: Tree;
  readonly removals: Removals;
  readonly bootId: string;
  /** Largest file that is kept for reuse, bytes. */
  readonly spareBytesMax: number;
}

/** File name of a segment. */
export function segmentFileName(number: number): string {
  return `${String(number).padStart(6, '0')}.log`;
}

/** Number of a segment by its file name; −1 for other files. */
export function segmentNumber(name: string): number {
  const match = /^(\d{6,15})\.log$/.exec(name);
  return match === null ? -1 : Number(match[1]);
}

/** The log's files. */
export class LogFiles {
  readonly #host: LogHost;
  readonly #writers = new Map<string, SegmentWriter>();
  /** Segments that were replayed, were not opened since and wait for their unit's flush, by path. */
  readonly #replayed = new Map<string, { readonly size: number; readonly end: SegmentEnd }>();
  /** Replayed segments that may not be durable, oldest first; opened when they are to be synced. */
  #unopened: SegmentContents[] = [];
  /** Numbers of segments whose header and name are known durable. */
  readonly #established = new Set<number>();
  /** What each segment continues. */
  readonly #previousOf = new Map<SegmentWriter, SegmentEnd | null>();
  /** Files of retired segments that the next ones will overwrite, with their sizes. */
  readonly #spares = new Map<string, number>();
  #unsynced: SegmentWriter[] = [];
  /** Opening the manifest made the names of replayed segments durable. */
  #entriesDurable = true;
  readonly #last: SegmentEnd | null;
  #newest: SegmentWriter | null = null;
  #closed = false;

  /** @param replayed - the segments that were replayed, oldest first; the next segment continues the last of them */
  constructor(host: LogHost, replayed: readonly SegmentContents[]) {
    this.#host = host;
    const { logEnd } = host.tree;
    let last: SegmentEnd | null = null;
    for (const contents of replayed) {
      const { header, end, path } = contents;
      if (header === null) continue;
      last = { number: header.number, idLow: header.idLow, idHigh: header.idHigh, end };
      this.#replayed.set(path, { size: contents.bytes.length, end: last });
      if (logEnd !== null && header.number <= logEnd.number) this.#established.add(header.number);
      else this.#unopened.push({ ...contents, frames: [], bytes: NO_BYTES, words: NO_WORDS });
    }
    this.#last = last;
  }

  /** Bytes of all segment files. */
  get bytes(): number {
    let bytes = 0;
    for (const writer of this.#writers.values()) bytes += writer.fileBytes;
    for (const { size } of this.#replayed.values()) bytes += size;
    for (const size of this.#spares.values()) bytes += size;
    return bytes;
  }

  /** Where each segment ends that recovery would read now, by path. */
  get ends(): ReadonlyMap<string, SegmentEnd> {
    const ends = new Map<string, SegmentEnd>();
    for (const [path, { end }] of this.#replayed) ends.set(path, end);
    for (const [path, writer] of this.#writers) ends.set(path, writer.endAt());
    return ends;
  }

  /** Segments whose content is not known durable, oldest first. */
  get unsynced(): readonly SegmentWriter[] {
    this.#openReplayed();
    return this.#unsynced.filter((writer) => writer.durable < writer.position);
  }

  /** Gives a unit its segment. */
  open(unit: MemtableUnit): void {
    this.#adopt(unit, this.#create(this.#previous(), false));
  }

  /** Makes the directory entries of new segments durable. */
  syncDirectory(): void {
    if (this.#entriesDurable) return;
    this.#host.fileSystem.syncDirectorySync(this.#host.directory);
    this.#entriesDurable = true;
  }

  /** Notes that a segment is durable up to an offset, and so is its name. */
  synced(segment: SegmentWriter, offset: number, watermark: Watermark): void {
    this.#unsynced = this.#unsynced.filter(
      (other) => other === segment || other.identity.number > segment.identity.number,
    );
    const { number } = segment.identity;
    if (number > watermark.segment || (number === watermark.segment && offset > watermark.offset)) {
      watermark.segment = number;
      watermark.offset = offset;
    }
    if (!this.#writers.has(segment.path)) return;
    this.#established.add(number);
    this.#recordStart(segment);
  }

  /** Makes everything durable after a failed sync: the active unit's frames in a new segment. */
  relog(unit: MemtableUnit): void {
    const others = this.unsynced.filter((writer) => writer !== unit.segment);
    if (others.length > 0) this.syncDirectory();
    for (const writer of others) writer.syncSync();
    this.replace(unit);
  }

  /**
   * Moves a unit's frames that are not known durable to a new segment, and makes them so. Those that wait to be handed
   * over are made ready for it.
   */
  replace(unit: MemtableUnit): void {
    const failed = unit.segment;
    if (failed === null) return;
    const keep = Math.max(failed.durable, SEGMENT_HEADER_BYTES);
    const { arena } = unit;
    const start = unit.pendingStart - (failed.position - keep);
    const writer = this.#create(this.#continued(failed, keep), true);
    try {
      let position = writer.position;
      for (let offset = start; offset < arena.dataEnd; ) {
        const { end } = sealFrame(arena.kernels, offset, writer.identity, position);
        position += end - offset;
        offset = end;
      }
      writer.writeSync(arena.bytes, start, unit.pendingStart - start);
      writer.syncSync();
      writer.publish();
      writer.syncSync();
      this.#host.fileSystem.syncDirectorySync(this.#host.directory);
    } catch (error) {
      writer.close();
      this.#host.removals.removeNow(writer.path);
      throw error;
    }
    this.#entriesDurable = true;
    this.#unsynced = this.#unsynced.filter((other) => other !== failed);
    this.#adopt(unit, writer);
    this.#established.add(writer.identity.number);
  }

  /** Removes the segments of a flushed unit. */
  retire(unit: MemtableUnit): void {
    for (const path of unit.segmentPaths) {
      const writer = this.#writers.get(path);
      writer?.close();
      if (writer !== undefined) {
        this.#established.delete(writer.identity.number);
      }
      this.#writers.delete(path);
      this.#replayed.delete(path);
      this.#unopened = this.#unopened.filter((contents) => contents.path !== path);
      this.#unsynced = this.#unsynced.filter((other) => other !== writer);
      if (!this.#keepAsSpare(path, writer)) this.#host.removals.remove(path, () => {});
      if (writer !== undefined) this.#previousOf.delete(writer);
    }
  }

  /** Where logs start to be needed once everything before `next` is flushed. */
  replayFrom(next: MemtableUnit | undefined): SegmentIdentity {
    const first = next?.segmentIdentities[0];
    if (first === undefined) return anyFrom(this.#host.tree.nextNumber);
    return this.#established.has(first.number) ? first : anyFrom(first.number);
  }

  /**
   * Gives back what a database at rest doesn't need: a large spare, and what stands behind the frames of the active
   * unit since an earlier life of its file. Nothing has to be durable first: no frame that counts is in either.
   *
   * @param keptBytes - what a spare, or the rest of the active segment, may have
   */
  shrink({ segment }: MemtableUnit, keptBytes: number): void {
    for (const [path, bytes] of this.#spares) {
      if (bytes <= keptBytes) continue;
      this.#spares.delete(path);
      this.#host.removals.remove(path, () => {});
    }
    if (segment !== null && segment.fileBytes > segment.position + keptBytes) segment.trim();
  }

  /** Records where the log ends; after this every bad byte before it is corruption. All of it was synced. */
  recordEnd(): void {
    const end = this.#previous();
    if (end !== null) this.#host.tree.commitLogEnd(end);
  }

  /** Closes all files and removes spares; no segment is made from here on. */
  close(): void {
    this.#closed = true;
    for (const writer of this.#writers.values()) writer.close();
    this.#writers.clear();
    for (const path of this.#spares.keys()) this.#host.removals.remove(path, () => {});
    this.#spares.clear();
  }

  /** Keeps the file of a retired segment for the next one: its pages are there already. */
  #keepAsSpare(path: string, writer: SegmentWriter | undefined): boolean {
    if (writer === undefined || this.#spares.size >= SPARES_MAX) return false;
    // An earlier owner whose lock was deleted may still write to a file that this one did not make.
    if (!this.#previousOf.has(writer)) return false;
    if (writer.fileBytes > this.#host.spareBytesMax) return false;
    this.#spares.set(path, writer.fileBytes);
    return true;
  }

  #takeSpare(): string | undefined {
    for (const path of this.#spares.keys()) {
      this.#spares.delete(path);
      return path;
    }
    return undefined;
  }

  #previous(): SegmentEnd | null {
    return this.#newest === null ? this.#last : this.#newest.endAt();
  }

  /** What a segment that replaces `failed` from offset `keep` on continues. */
  #continued(failed: SegmentWriter, keep: number): SegmentEnd | null {
    if (failed.durable >= SEGMENT_HEADER_BYTES) return failed.endAt(keep);
    return this.#previousOf.get(failed) ?? null;
  }

  /** Opens what was replayed and may not be durable, so that it can be synced. */
  #openReplayed(): void {
    if (this.#unopened.length === 0) return;
    const opened: SegmentWriter[] = [];
    for (const contents of this.#unopened) {
      const writer = SegmentWriter.reopen(this.#host.fileSystem, contents);
      this.#writers.set(writer.path, writer);
      this.#replayed.delete(writer.path);
      opened.push(writer);
    }
    this.#unopened = [];
    this.#unsynced = [...opened, ...this.#unsynced];
  }

  /** Records in the manifest that replay begins with `segment`, if it does and nothing is recorded yet. */
  #recordStart({ identity }: SegmentWriter): void {
    const { tree } = this.#host;
    const { replayFrom } = tree;
    if (replayFrom.idLow !== 0 || replayFrom.idHigh !== 0) return;
    if (identity.number < replayFrom.number) return;
    for (const { identity: other } of this.#writers.values()) {
      if (other.number < identity.number) return;
    }
    if (this.#replayed.size > 0) return;
    try {
      tree.noteReplayFrom(identity);
    } catch (error) {
      // The segment is durable, with or without the note; the next sync or flush records it.
      if (isLsmError(error, 'LSM_LOCK_LOST')) throw error;
    }
  }

  #create(previous: SegmentEnd | null, headerLast: boolean): SegmentWriter {
    const { fileSystem, directory, random, tree, bootId } = this.#host;
    // A sync that failed at the end of the database may ask for one when the directory is somebody else's already.
    if (this.#closed) throw new LsmError('LSM_CLOSED', 'The database was closed meanwhile.');
    // The file of a segment may replace another one's name, which has to be this owner's.
    tree.checkOwner();
    const number = tree.reserveNumbers(1);
    // A segment that starts to count only when it is complete has to stand in a fresh file.
    const recycle = headerLast ? undefined : this.#takeSpare();
    const writer = SegmentWriter.create(fileSystem, joinPath(directory, segmentFileName(number)), {
      number,
      random,
      previous,
      manifest: tree.manifestReference,
      bootId,
      ...(recycle === undefined ? { headerLast } : { recycle }),
    });
    this.#entriesDurable = false;
    this.#previousOf.set(writer, previous);
    return writer;
  }

  #adopt(unit: MemtableUnit, writer: SegmentWriter): void {
    this.#writers.set(writer.path, writer);
    this.#unsynced.push(writer);
    unit.segment = writer;
    unit.segmentPaths.push(writer.path);
    unit.segmentIdentities.push(writer.identity);
    this.#newest = writer;
  }
}

/** A start of the log that names no segment. */
function anyFrom(number: number): SegmentIdentity {
  return { number, idLow: 0, idHigh: 0 };
}
