/**
 * The segments of the log: which unit writes to which, what is not known durable yet, what can go.
 *
 * 1. A unit gets its segment at its first write; the segment names its predecessor and where that one ended.
 * 2. The first segment after "none" is recorded in the manifest, so that its loss would be noticed.
 * 3. Segments are synced in their order, so that no frame is durable before all earlier ones (I3 of write-path.ts).
 * 4. When a sync fails, the frames of the active unit that are not known durable go to a new segment, which starts
 *    to count only once it is durable itself. Frames of sealed units can't be saved that way: their sync stays failed
 *    until their flush makes them durable in a table.
 */
import type { FileSystem, Random } from '@lsm/core';
import { joinPath } from '@lsm/fs';
import {
  SEGMENT_HEADER_BYTES,
  type SegmentEnd,
  type SegmentIdentity,
  SegmentWriter,
  sealFrame,
  type Watermark,
} from '@lsm/wal';
import type { MemtableUnit } from './memtable-unit.ts';
import type { Tree } from './tree.ts';

/** What the log needs of the database. */
export interface LogHost {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  readonly random: Random;
  readonly tree: Tree;
  readonly bootId: string;
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
  /** Sizes of segments that were replayed and wait for their unit's flush. */
  readonly #replayed: Map<string, number>;
  #unsynced: SegmentWriter[] = [];
  #entriesDurable = true;
  readonly #last: SegmentEnd | null;
  #newest: SegmentWriter | null = null;

  /**
   * @param last - end of the log that was replayed; the next segment continues it
   * @param replayed - paths and sizes of the segments that were replayed
   */
  constructor(host: LogHost, last: SegmentEnd | null, replayed: Map<string, number>) {
    this.#host = host;
    this.#last = last;
    this.#replayed = replayed;
  }

  /** Bytes of all segment files. */
  get bytes(): number {
    let bytes = 0;
    for (const writer of this.#writers.values()) bytes += writer.fileBytes;
    for (const size of this.#replayed.values()) bytes += size;
    return bytes;
  }

  /** Segments whose content is not known durable, oldest first. */
  get unsynced(): readonly SegmentWriter[] {
    return this.#unsynced.filter((writer) => writer.durable < writer.position);
  }

  /** Gives a unit its segment. */
  open(unit: MemtableUnit): void {
    const writer = this.#create(this.#previous(), false);
    this.#adopt(unit, writer);
    const { replayFrom } = this.#host.tree;
    if (replayFrom.idLow === 0 && replayFrom.idHigh === 0) {
      this.#host.tree.commitReplayFrom(writer.identity);
    }
  }

  /** Makes the directory entries of new segments durable. */
  syncDirectory(): void {
    if (this.#entriesDurable) return;
    this.#host.fileSystem.syncDirectorySync(this.#host.directory);
    this.#entriesDurable = true;
  }

  /** Notes that a segment is durable up to an offset. */
  synced(segment: SegmentWriter, offset: number, watermark: Watermark): void {
    this.#unsynced = this.#unsynced.filter(
      (other) => other === segment || other.identity.number > segment.identity.number,
    );
    const { number } = segment.identity;
    if (number > watermark.segment || offset > watermark.offset) {
      watermark.segment = number;
      watermark.offset = offset;
    }
  }

  /** Moves the active unit's frames that are not known durable to a new segment, and makes them so. */
  relog(unit: MemtableUnit): void {
    const failed = unit.segment;
    const others = this.unsynced.filter((writer) => writer !== failed);
    for (const writer of others) writer.syncSync();
    if (failed === null) return;
    const keep = Math.max(failed.durable, SEGMENT_HEADER_BYTES);
    const { arena } = unit;
    const start = unit.pendingStart - (failed.position - keep);
    const writer = this.#create(failed.endAt(keep), true);
    let position = writer.position;
    for (let offset = start; offset < arena.dataEnd; ) {
      const { end } = sealFrame(arena.kernels, offset, writer.identity, position);
      position += end - offset;
      offset = end;
    }
    writer.writeSync(arena.bytes, start, arena.dataEnd - start);
    writer.syncSync();
    writer.publish();
    writer.syncSync();
    this.#host.fileSystem.syncDirectorySync(this.#host.directory);
    this.#unsynced = [];
    this.#adopt(unit, writer);
    unit.pendingStart = arena.dataEnd;
  }

  /** Removes the segments of a flushed unit. */
  retire(unit: MemtableUnit): void {
    for (const path of unit.segmentPaths) {
      const writer = this.#writers.get(path);
      writer?.close();
      this.#writers.delete(path);
      this.#replayed.delete(path);
      this.#unsynced = this.#unsynced.filter((other) => other !== writer);
      this.#host.fileSystem.unlinkSync(path);
    }
  }

  /** Where logs start to be needed once everything before `next` is flushed. */
  replayFrom(next: MemtableUnit | undefined): SegmentIdentity {
    const first = next?.segmentIdentities[0];
    return first ?? { number: this.#host.tree.nextNumber, idLow: 0, idHigh: 0 };
  }

  /** Records where the log ends; after this every bad byte before it is corruption. All of it was synced. */
  recordEnd(): void {
    const end = this.#previous();
    if (end !== null) this.#host.tree.commitLogEnd(end);
  }

  /** Closes all files. */
  close(): void {
    for (const writer of this.#writers.values()) writer.close();
    this.#writers.clear();
  }

  #previous(): SegmentEnd | null {
    return this.#newest === null ? this.#last : this.#newest.endAt();
  }

  #create(previous: SegmentEnd | null, headerLast: boolean): SegmentWriter {
    const { fileSystem, directory, random, tree, bootId } = this.#host;
    const number = tree.reserveNumbers(1);
    const writer = SegmentWriter.create(fileSystem, joinPath(directory, segmentFileName(number)), {
      number,
      random,
      previous,
      manifest: tree.manifestReference,
      bootId,
      headerLast,
    });
    this.#entriesDurable = false;
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
