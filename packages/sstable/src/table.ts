/**
 * An open table: point lookups in place.
 *
 * 1. The point index says "absent", or "maybe", or where: block and slot of the newest version.
 * 2. "Maybe": the block index gives the block, its prefix column the slot (data-block.ts).
 * 3. "Where": the entry there is compared with the key; if it is another key, the next candidate follows.
 * 4. If the newest version is too new for the reader, older ones follow it, into the next block if need be.
 *
 * Nothing is allocated where blocks are cached. What could not be checked is an error, never "absent".
 */
import {
  type Cursor,
  type Entry,
  type KeyBuffer,
  LsmError,
  POINT_ABSENT,
  POINT_MAYBE,
  type PointIndex,
  RangeTombstones,
} from '@lsm/core';
import { BlockSource, type ReadWindow } from './block-source.ts';
import { DataBlock } from './data-block.ts';
import { loadPointIndex, loadPointIndexAsync, pointIndexKindOf } from './point-index-block.ts';
import { type CursorOptions, TableCursor } from './table-cursor.ts';
import { readTableEnds, type TableIdentity } from './table-ends.ts';
import type { TableEnvironment } from './table-environment.ts';
import type { TableProperties } from './table-properties.ts';
import {
  blockEndAt,
  blockOf,
  entryAt,
  PLACE_ABSENT,
  PLACE_UNKNOWN,
  placeInBlock,
} from './touch.ts';
import { verifyTable } from './verify-table.ts';

/** Answer of {@link Table.get}: the entry was filled. */
export const GET_FOUND = 1;
/** Answer of {@link Table.get}: no visible version in this table. */
export const GET_ABSENT = 0;
/** Answer of {@link Table.get}: load {@link Table.missBlock} first; only while `cacheOnly` is set. */
export const GET_MISS = -1;
/** Value of {@link Table.missBlock}: the indexes have to be loaded. */
export const MISS_INDEX = -1;

/** A block that was loaded for one coming lookup because it can't go to the cache. */
interface HeldBlock {
  readonly block: number;
  readonly view: DataBlock;
}

/** One open table. */
export class Table {
  /** What the table says about itself. */
  readonly properties: TableProperties;
  /** Its range deletes. */
  readonly rangeTombstones: RangeTombstones;
  /** Lookups that looked into blocks, or would have, for a key that is not in the table. */
  wastedReads = 0;
  /** After {@link GET_MISS}: the block to load, or {@link MISS_INDEX}. */
  missBlock: number = MISS_INDEX;
  readonly #environment: TableEnvironment;
  readonly #source: BlockSource;
  readonly #view: DataBlock;
  #points: PointIndex | null = null;
  #slotBits = 0;
  #held: HeldBlock | null = null;
  /** Blocks that are being loaded off the caller's thread. */
  readonly #loading = new Map<number, Promise<void>>();

  private constructor(
    environment: TableEnvironment,
    source: BlockSource,
    properties: TableProperties,
    rangeTombstones: RangeTombstones,
  ) {
    this.#environment = environment;
    this.#source = source;
    this.properties = properties;
    this.rangeTombstones = rangeTombstones;
    this.#view = new DataBlock(source.footer.globalSequence);
  }

  /**
   * Opens a table: reads footer, header, metadata and range tombstones; indexes are loaded at the first use.
   *
   * @param expected - what the manifest knows of the file; `null`: any table
   * @throws LSM_MISSING, LSM_CORRUPTION, LSM_UNSUPPORTED_FORMAT, LSM_IO
   */
  static open(environment: TableEnvironment, path: string, expected: TableIdentity | null): Table {
    const handle = environment.fs.openSync(path, 'read');
    try {
      const { footer, properties, rangeTombstones } = readTableEnds(handle, expected);
      pointIndexKindOf(footer, environment.kinds, path);
      const source = new BlockSource(environment, handle, footer);
      return new Table(environment, source, properties, new RangeTombstones(rangeTombstones));
    } catch (error) {
      handle.close();
      throw error;
    }
  }

  /** Path of the file. */
  get path(): string {
    return this.#source.handle.path;
  }

  /** Bytes of memory that the loaded indexes hold. */
  get memoryBytes(): number {
    return (this.#source.index?.memoryBytes ?? 0) + (this.#points?.memoryBytes ?? 0);
  }

  /**
   * Finds the newest version of a key at or below a sequence number, tombstones included.
   *
   * @param key - the user key
   * @param hashLow - lower lane of its hash, by the database's {@link KeyHasher}
   * @param hashHigh - upper lane
   * @param sequenceMax - the reader's sequence number
   * @param entry - filled if found; borrowed until the next lookup or load in the same environment
   * @returns {@link GET_FOUND}, {@link GET_ABSENT}, or {@link GET_MISS} while `cacheOnly` is set
   * @throws LSM_CORRUPTION, LSM_UNSUPPORTED_FORMAT, LSM_IO
   */
  get(
    key: KeyBuffer,
    hashLow: number,
    hashHigh: number,
    sequenceMax: number,
    entry: Entry,
  ): number {
    const points = this.#points;
    if (points === null || this.#source.index === null) {
      return this.#loadAndGet(key, hashLow, hashHigh, sequenceMax, entry);
    }
    const location = points.first(hashLow, hashHigh);
    if (location === POINT_ABSENT) {
      this.#environment.counters.filterNegatives++;
      return GET_ABSENT;
    }
    this.#environment.counters.filterPositives++;
    return location === POINT_MAYBE
      ? this.#getByIndex(key, sequenceMax, entry)
      : this.#getByLocation(location, key, sequenceMax, entry);
  }

  /** Stage 1 of a lookup of many keys: reads what {@link locate} will read. See touch.ts. */
  touchPoints(hashLow: number, hashHigh: number): number {
    const points = this.#points;
    return points === null ? 0 : points.touch(hashLow, hashHigh);
  }

  /**
   * Stage 2: where {@link getAt} will look.
   *
   * @returns a place, for the methods of the later stages
   */
  locate(key: KeyBuffer, hashLow: number, hashHigh: number): number {
    const points = this.#points;
    const { index } = this.#source;
    if (points === null || index === null) return PLACE_UNKNOWN;
    const location = points.first(hashLow, hashHigh);
    if (location === POINT_ABSENT) {
      this.#environment.counters.filterNegatives++;
      return PLACE_ABSENT;
    }
    this.#environment.counters.filterPositives++;
    if (location !== POINT_MAYBE) return location;
    const block = index.startBlock(key);
    if (block >= 0) return placeInBlock(block);
    this.#environment.counters.filterFalsePositives++;
    this.wastedReads++;
    return PLACE_ABSENT;
  }

  /** Stage 3: the last word of the block, as an index in the cache's memory; 0 if it is not cached. */
  blockEndAt(place: number): number {
    return blockEndAt(this.#source, place, this.#slotBits);
  }

  /** Stage 4: where the entry stands, or one near it, as a word index in the cache's memory; 0 if not there. */
  entryAt(place: number, key: KeyBuffer): number {
    return entryAt(this.#source, place, this.#slotBits, key, this.#view);
  }

  /**
   * Stage 5: as {@link get}, beginning where {@link locate} said.
   *
   * @param place - of the same key and table, located since the last other call that may load or unload indexes
   */
  getAt(
    place: number,
    key: KeyBuffer,
    hashLow: number,
    hashHigh: number,
    sequenceMax: number,
    entry: Entry,
  ): number {
    if (place === PLACE_ABSENT) return GET_ABSENT;
    const { index } = this.#source;
    const points = this.#points;
    if (place === PLACE_UNKNOWN || index === null || points === null) {
      return this.get(key, hashLow, hashHigh, sequenceMax, entry);
    }
    const block = blockOf(place, this.#slotBits);
    if (place < 0) return this.#getFrom(block, key, sequenceMax, entry);
    const view = this.#view;
    const slot = place & ((1 << this.#slotBits) - 1);
    if (block < index.blocks) {
      if (!this.#open(block)) return GET_MISS;
      if (slot < view.count && view.hasKey(slot, key) && view.sequence(slot) <= sequenceMax) {
        view.fill(slot, entry);
        return GET_FOUND;
      }
    }
    // Another key, an older version or a damaged index: the whole way from the first candidate.
    return this.#getByLocation(points.first(hashLow, hashHigh), key, sequenceMax, entry);
  }

  /**
   * Loads what a lookup missed, off the caller's thread: a block into the cache (or, if it can't go there, into a
   * buffer that waits for the next lookup), or the indexes. Calls for a block that is on its way share it.
   *
   * @param block - {@link missBlock}
   */
  loadBlock(block: number): Promise<void> {
    let loading = this.#loading.get(block);
    if (loading === undefined) {
      loading = this.#loadBlock(block).finally(() => this.#loading.delete(block));
      this.#loading.set(block, loading);
    }
    return loading;
  }

  /**
   * An entry for a sample.
   *
   * @param share - where it stands in the table, 0 inclusive to 1 exclusive, about
   * @param entry - filled; borrowed until the next lookup or load in the same environment
   * @returns false if there is none, or, while `cacheOnly` is set, if it is not in memory
   * @throws LSM_CORRUPTION, LSM_UNSUPPORTED_FORMAT, LSM_IO
   */
  entryNear(share: number, entry: Entry): boolean {
    this.#source.checkOpen();
    if (this.#environment.cacheOnly && this.#source.index === null) return false;
    const { blocks } = this.#source.loadIndex();
    const block = Math.min(blocks - 1, Math.floor(share * blocks));
    if (block < 0 || !this.#open(block)) return false;
    const { count } = this.#view;
    const slot = Math.floor((share * blocks - block) * count);
    this.#view.fill(Math.max(0, Math.min(count - 1, slot)), entry);
    return true;
  }

  /** A cursor over all point entries; it needs the table open until it is closed. */
  cursor(options: CursorOptions = {}): Cursor {
    return new TableCursor(this.#source, options);
  }

  /** Loads block index and point index now rather than at the first lookup. */
  loadIndexes(): void {
    this.#source.loadIndex();
    if (this.#points === null) this.#setPoints(loadPointIndex(this.#source));
  }

  /** Drops block index and point index from memory; the next use loads them again. */
  unloadIndexes(): void {
    this.#points = null;
    this.#source.unloadIndex();
  }

  /**
   * Reads the whole file anew and checks every byte, the order of all entries, counts, bounds, separators, and that
   * the point index finds every key.
   *
   * @returns data blocks and bytes that were checked
   * @throws LSM_CORRUPTION, LSM_UNSUPPORTED_FORMAT, LSM_IO
   */
  verifyAll(): { blocks: number; bytes: number } {
    this.#source.checkOpen();
    return verifyTable(this.#environment, this.#source.handle, {
      fileId: this.properties.fileId,
      bytes: this.properties.bytes,
    });
  }

  /** Closes the file and frees its cache frames, pinned ones once they are unpinned; idempotent. */
  close(): void {
    this.#held = null;
    this.#points = null;
    this.#source.close();
  }

  async #loadBlock(block: number): Promise<void> {
    const source = this.#source;
    await source.loadIndexAsync();
    if (block === MISS_INDEX) {
      if (this.#points === null) {
        this.#setPoints(await loadPointIndexAsync(source));
      }
      return;
    }
    if (source.frameOf(block) >= 0) return;
    const stored = await source.readStored(block);
    source.checkOpen();
    source.loadIndex();
    if (source.frameOf(block) >= 0 || source.installFrame(block, stored) >= 0) return;
    const view = new DataBlock(source.footer.globalSequence);
    source.openCopy(block, stored, view);
    this.#held = { block, view };
  }

  #loadAndGet(
    key: KeyBuffer,
    hashLow: number,
    hashHigh: number,
    sequenceMax: number,
    entry: Entry,
  ): number {
    this.#source.checkOpen();
    if (this.#environment.cacheOnly) {
      this.missBlock = MISS_INDEX;
      return GET_MISS;
    }
    this.loadIndexes();
    return this.get(key, hashLow, hashHigh, sequenceMax, entry);
  }

  #setPoints(points: PointIndex): void {
    this.#points = points;
    this.#slotBits = points.slotBits;
  }

  #getByIndex(key: KeyBuffer, sequenceMax: number, entry: Entry): number {
    const block = this.#source.index!.startBlock(key);
    if (block < 0) return this.#absent();
    return this.#getFrom(block, key, sequenceMax, entry);
  }

  /** Searches a block and, while the key's versions go on, the blocks that follow. */
  #getFrom(start: number, key: KeyBuffer, sequenceMax: number, entry: Entry): number {
    const view = this.#view;
    let block = start;
    while (this.#open(block)) {
      const slot = view.lowerBound(key, sequenceMax);
      if (slot < view.count) {
        if (view.hasKey(slot, key)) {
          view.fill(slot, entry);
          return GET_FOUND;
        }
        return slot > 0 && view.hasKey(slot - 1, key)
          ? GET_ABSENT
          : this.#absentAfter(block, start);
      }
      if (!view.hasKey(slot - 1, key)) return this.#absentAfter(block, start);
      block++;
      if (block === this.#source.index!.blocks || !this.#source.index!.continues(block)) {
        return GET_ABSENT;
      }
    }
    return GET_MISS;
  }

  /** Absent; a false positive unless newer versions stood in a block before. */
  #absentAfter(block: number, start: number): number {
    return block === start ? this.#absent() : GET_ABSENT;
  }

  #absent(): number {
    this.#environment.counters.filterFalsePositives++;
    this.wastedReads++;
    return GET_ABSENT;
  }

  #getByLocation(first: number, key: KeyBuffer, sequenceMax: number, entry: Entry): number {
    const view = this.#view;
    const slotBits = this.#slotBits;
    let location = first;
    do {
      const block = location >>> slotBits;
      const slot = location & ((1 << slotBits) - 1);
      if (block >= this.#source.index!.blocks) throw this.#impossibleLocation();
      if (!this.#open(block)) return GET_MISS;
      if (slot >= view.count) throw this.#impossibleLocation();
      if (view.hasKey(slot, key)) {
        if (view.sequence(slot) > sequenceMax) {
          return this.#getFrom(block, key, sequenceMax, entry);
        }
        view.fill(slot, entry);
        return GET_FOUND;
      }
      location = this.#points!.next();
    } while (location !== POINT_ABSENT);
    return this.#absent();
  }

  /** Points the view to a block; false: it has to be loaded first ({@link missBlock}). */
  #open(block: number): boolean {
    const source = this.#source;
    const frame = source.frameOf(block);
    if (frame < 0) return this.#openMissing(block);
    this.#environment.cache!.touch(frame);
    this.#environment.counters.cacheHits++;
    source.openFrame(frame, block, this.#view);
    return true;
  }

  #openMissing(block: number): boolean {
    const held = this.#held;
    if (held !== null && held.block === block) {
      this.#held = null;
      this.#view.openSame(held.view);
      return true;
    }
    if (this.#environment.cacheOnly) {
      this.missBlock = block;
      return false;
    }
    const source = this.#source;
    const frame = source.loadFrame(block);
    if (frame >= 0) {
      source.openFrame(frame, block, this.#view);
    } else if (source.fitsWindow(block)) {
      const window: ReadWindow = { kernels: this.#environment.lookupWindow(), first: 0, end: 0 };
      source.fillWindow(window, block, 0);
      source.openWindow(window, block, this.#view);
    } else {
      source.openLarge(block, this.#view);
    }
    return true;
  }

  #impossibleLocation(): LsmError {
    return new LsmError('LSM_CORRUPTION', 'The point index names an entry that does not exist', {
      file: this.path,
      offset: this.#source.footer.pointIndex.offset,
    });
  }
}
