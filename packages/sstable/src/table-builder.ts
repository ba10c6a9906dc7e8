/**
 * Builds one table from entries in internal order, front to back.
 *
 * 1. An entry is copied, word by word, behind the one before; its first version also goes to the point index.
 * 2. When the next entry would make the raw block larger than `blockBytes`, or its sequence number is too far from
 *    the block's base, the block is closed: prefix column, offset column, footer, trailer, checksum.
 * 3. An entry larger than a block gets a block of its own.
 * 4. `finish` writes index block, metadata, range tombstones, point index and footer, and syncs.
 *
 * I1: entries come in internal order (asserted). I2: nothing that was written is touched again. I3: a builder that
 * threw is of no use any more; call `abandon`. Measured: bench/sstable.bench.ts.
 */
import {
  assert,
  compareAligned,
  compareBytes,
  copyBytes,
  type Entry,
  EntryKind,
  type FileSystem,
  invalidArgument,
  KeyBuffer,
  KeyHasher,
  type PointIndexBuilder,
  type PointIndexKind,
  type Random,
  type RangeTombstone,
  sharedPrefixLength,
} from '@lsm/core';
import { columnBytes, orderPrefix } from './data-block.ts';
import { encodeFooter, encodeHeader } from './footer.ts';
import {
  BLOCK_BYTES_MAX,
  BLOCK_BYTES_MIN,
  type BlockHandle,
  BlockKind,
  ENTRY_HEADER_BYTES,
  type FileId,
  FOOTER_BYTES,
  formatFileId,
  SEQUENCE_SPAN,
  TRAILER_BYTES,
  TRANSFORM_LZ4,
  TRANSFORM_NONE,
  TWO_32,
} from './format.ts';
import { IndexBuilder } from './index-builder.ts';
import { encodeRangeTombstones, inclusiveUpper } from './range-tombstone-block.ts';
import { TableFileWriter } from './table-file-writer.ts';
import {
  encodeTableMetadata,
  type TableMetadataFields,
  type TableProperties,
  type TableTimes,
} from './table-properties.ts';

/** Most entries of a block: offsets are 16-bit multiples of 4, entries have at least 12 bytes. */
const BLOCK_ENTRIES_MAX = (BLOCK_BYTES_MAX / ENTRY_HEADER_BYTES) | 0;

/** How a table is built. */
export interface TableBuilderOptions {
  /** Draws the file id. */
  readonly random: Random;
  /** Largest raw block, trailer included; 128 to 262,144. Single entries above it get blocks of their own. */
  readonly blockBytes: number;
  /** Kind of the point index. */
  readonly pointIndex: PointIndexKind;
  /** Wished bits for each key of the point index; fixed kinds ignore it. */
  readonly bitsPerKey: number;
  /** Compression; a block stays as it is where that saves less than an eighth. */
  readonly transform: 'none' | 'lz4';
  /** Seed of the hash that the point index is built with: the database's. */
  readonly hashSeed: readonly [number, number];
  /** Default 0. */
  readonly keyspace?: number;
  /** Sequence number that replaces the entries' own, for files made outside of a database; default 0: none. */
  readonly globalSequence?: number;
  /** Default: all zero, no tombstone. */
  readonly times?: Partial<TableTimes>;
}

const NO_TIMES: TableTimes = {
  oldestWriteAt: 0,
  newestWriteAt: 0,
  createdAt: 0,
  oldestTombstoneAt: null,
};

/** Builds one table file. */
export class TableBuilder {
  readonly #fs: FileSystem;
  readonly #path: string;
  readonly #options: TableBuilderOptions;
  readonly #id: FileId;
  readonly #writer: TableFileWriter;
  readonly #hasher: KeyHasher;
  readonly #index = new IndexBuilder();
  readonly #points: PointIndexBuilder;
  readonly #rangeTombstones: RangeTombstone[] = [];
  readonly #blockBytes: number;
  readonly #compress: boolean;
  /** Last key of the last closed block. */
  readonly #closedKey: KeyBuffer = new KeyBuffer();
  /** Offsets of the open block's entries / 4. */
  readonly #offsets: Uint16Array = new Uint16Array(BLOCK_ENTRIES_MAX + 1);
  /** Where the open block starts in the writer's memory. */
  #start = 0;
  /** End of the open block's last entry. */
  #end = 0;
  #count = 0;
  #base = 0.5;
  /** The last key added: in the writer's memory while its block is open, else in #closedKey. */
  #lastOffset = 0;
  #lastLength = 0;
  #lastSequence = 0.5;
  #firstKey: Uint8Array | null = null;
  #entries = 0;
  #keys = 0;
  #keyBytes = 0;
  #rawBytes = 0;
  #tombstones = 0;
  #minSequence: number = Number.POSITIVE_INFINITY;
  #maxSequence: number = Number.NEGATIVE_INFINITY;
  #blockBytesMax = 0;

  /**
   * Creates the file.
   *
   * @param path - must not exist
   * @throws LSM_EXISTS, LSM_DISK_FULL, LSM_IO; LSM_INVALID_ARGUMENT for a bad `blockBytes`
   */
  constructor(fs: FileSystem, path: string, options: TableBuilderOptions) {
    const { blockBytes } = options;
    if (!(blockBytes >= BLOCK_BYTES_MIN && blockBytes <= BLOCK_BYTES_MAX)) {
      throw invalidArgument(
        `blockBytes has to be from ${BLOCK_BYTES_MIN} to ${BLOCK_BYTES_MAX}, not ${blockBytes}.`,
      );
    }
    this.#fs = fs;
    this.#path = path;
    this.#options = options;
    this.#blockBytes = blockBytes;
    this.#compress = options.transform === 'lz4';
    this.#hasher = new KeyHasher(options.hashSeed);
    this.#points = options.pointIndex.builder(options.bitsPerKey);
    this.#id = { low: options.random.next() | 0, high: options.random.next() | 0 };
    this.#writer = new TableFileWriter(fs.openSync(path, 'create'), this.#id);
    this.#writer.append(encodeHeader(this.#id));
    this.#start = this.#writer.at;
    this.#end = this.#start;
  }

  /** Bytes that the file would have, roughly, if it were finished now; the point index is not counted. */
  get estimatedBytes(): number {
    const open = this.#end - this.#start + (this.#count === 0 ? 0 : columnBytes(this.#count));
    return this.#writer.position + open + this.#index.payloadBytes + FOOTER_BYTES;
  }

  /** Point entries so far. */
  get entries(): number {
    return this.#entries;
  }

  /** A copy of the last key added; `null` before the first. */
  get lastKey(): Uint8Array | null {
    if (this.#entries === 0) return null;
    const source = this.#count > 0 ? this.#writer.bytes : this.#closedKey.bytes;
    return copyBytes(source, this.#lastOffset, this.#lastLength);
  }

  /**
   * Adds a point entry.
   *
   * @param entry - put or delete, after the one before in internal order; borrowed for the call. Its memory extends to
   *   the end of the key's (or, if the value follows the key at once, the value's) last word
   * @throws LSM_DISK_FULL, LSM_IO; LSM_INTERNAL if the order is broken
   */
  add(entry: Entry): void {
    const { keyLength, valueLength, words, keyOffset, sequence } = entry;
    const isNewKey = this.#checkOrder(entry);
    const size = (ENTRY_HEADER_BYTES + keyLength + valueLength + 3) & ~3;
    if (this.#count > 0) {
      const delta = sequence - this.#base;
      const room = this.#blockBytes - TRAILER_BYTES - columnBytes(this.#count + 1);
      if (this.#end - this.#start + size > room || delta < 0 || delta >= SEQUENCE_SPAN) {
        this.#closeBlock();
      }
    }
    if (this.#count === 0) this.#base = sequence < SEQUENCE_SPAN ? 0 : sequence - SEQUENCE_SPAN / 2;
    if (isNewKey) {
      this.#hasher.hash(words, keyOffset, keyLength);
      this.#points.add(this.#hasher.low, this.#hasher.high, this.#index.blocks, this.#count);
      this.#keys++;
    }
    this.#countEntry(entry);
    if (size > BLOCK_BYTES_MAX - TRAILER_BYTES - columnBytes(1)) this.#writeLargeEntry(entry, size);
    else this.#copyEntry(entry, size);
  }

  /** Adds a range delete, any time before {@link finish}; bounds are kept, not copied. An empty range is ignored. */
  addRangeTombstone(tombstone: RangeTombstone): void {
    const { lower, upper, sequence } = tombstone;
    if (upper !== null && compareBytes(lower, upper) >= 0) return;
    this.#rangeTombstones.push(tombstone);
    if (sequence < this.#minSequence) this.#minSequence = sequence;
    if (sequence > this.#maxSequence) this.#maxSequence = sequence;
  }

  /**
   * Writes the rest of the table, syncs the file (not its directory) and closes it.
   *
   * @returns what the table says about itself
   * @throws LSM_DISK_FULL, LSM_IO; LSM_INTERNAL if nothing was added
   */
  finish(): TableProperties {
    assert(
      this.#entries > 0 || this.#rangeTombstones.length > 0,
      'A table has at least one entry or range tombstone.',
    );
    if (this.#count > 0) this.#closeBlock();
    const fields = this.#metadataFields();
    const writer = this.#writer;
    const none = (): BlockHandle => ({ offset: writer.position, length: 0 });
    const index = writer.writeParts(BlockKind.index, [this.#index.finish()]);
    const metadata = writer.writeParts(BlockKind.metadata, [encodeTableMetadata(fields)]);
    const rangeTombstones =
      this.#rangeTombstones.length === 0
        ? none()
        : writer.writeParts(BlockKind.rangeTombstones, [
            encodeRangeTombstones(this.#rangeTombstones),
          ]);
    const points = this.#keys === 0 ? null : this.#points.finish();
    const kind = points === null || points.length === 0 ? 0 : this.#options.pointIndex.id;
    const pointIndex =
      points === null || kind === 0 ? none() : writer.writeParts(BlockKind.pointIndex, [points]);
    const bytes = writer.position + FOOTER_BYTES;
    writer.append(
      encodeFooter({
        index,
        metadata,
        rangeTombstones,
        pointIndex,
        fileId: this.#id,
        globalSequence: this.#options.globalSequence ?? 0,
        fileBytes: bytes,
        blocks: this.#index.blocks,
        transformId: this.#compress ? TRANSFORM_LZ4 : TRANSFORM_NONE,
        pointIndexKind: kind,
      }),
    );
    writer.finish();
    const pointBytes = kind === 0 ? 0 : points!.length;
    return {
      ...fields,
      fileId: formatFileId(this.#id),
      bytes,
      pointIndex: {
        kind,
        bytes: pointBytes,
        bitsPerKey: this.#keys === 0 ? 0 : (pointBytes * 8) / this.#keys,
      },
    };
  }

  /** Closes the file and removes it. Errors of the file system are thrown after the file is closed. */
  abandon(): void {
    this.#writer.close();
    this.#fs.unlinkSync(this.#path);
  }

  /** Whether the entry has another key than the one before; asserts I1. */
  #checkOrder(entry: Entry): boolean {
    if (this.#entries === 0) {
      this.#firstKey = entry.copyKey();
      return true;
    }
    const last = this.#count > 0 ? this.#writer.words : this.#closedKey.words;
    const order = compareAligned(
      entry.words,
      entry.keyOffset,
      entry.keyLength,
      last,
      this.#lastOffset,
      this.#lastLength,
    );
    assert(
      order > 0 || (order === 0 && entry.sequence < this.#lastSequence),
      'Entries of a table come in internal order.',
    );
    return order !== 0;
  }

  #countEntry(entry: Entry): void {
    const { sequence, keyLength } = entry;
    this.#entries++;
    this.#keyBytes += keyLength;
    this.#rawBytes += keyLength + entry.valueLength;
    if (entry.kind === EntryKind.delete) this.#tombstones++;
    else assert(entry.kind === EntryKind.put, 'A point entry is a put or a delete.');
    if (sequence < this.#minSequence) this.#minSequence = sequence;
    if (sequence > this.#maxSequence) this.#maxSequence = sequence;
    this.#lastSequence = sequence;
  }

  #copyEntry(entry: Entry, size: number): void {
    const { words: source, keyOffset, keyLength, valueLength } = entry;
    const { words } = this.#writer;
    const start = this.#end;
    const delta = entry.sequence - this.#base;
    let at = start >> 2;
    words[at] = valueLength;
    words[at + 1] = keyLength | (entry.kind << 16) | (((delta / TWO_32) | 0) << 24);
    words[at + 2] = delta | 0;
    at += 3;
    const adjacent = entry.valueOffset === keyOffset + keyLength;
    const length = adjacent ? keyLength + valueLength : keyLength;
    if (length <= 512) {
      let from = keyOffset >> 2;
      const end = from + (length >> 2);
      while (from < end) words[at++] = source[from++]!;
      const rest = length & 3;
      if (rest !== 0) words[at] = source[from]! & ((1 << (rest << 3)) - 1);
    } else {
      words[(start + size - 4) >> 2] = 0;
      const key = entry.bytes.subarray(keyOffset, keyOffset + length);
      this.#writer.bytes.set(key, start + ENTRY_HEADER_BYTES);
    }
    if (!adjacent) this.#copyValue(entry, start, size);
    this.#offsets[this.#count++] = (start - this.#start) >> 2;
    this.#lastOffset = start + ENTRY_HEADER_BYTES;
    this.#lastLength = keyLength;
    this.#end = start + size;
  }

  /** A value that does not follow its key. The last word is cleared first; it may hold the end of the key. */
  #copyValue(entry: Entry, start: number, size: number): void {
    const { bytes } = this.#writer;
    const { valueOffset, valueLength } = entry;
    const target = start + ENTRY_HEADER_BYTES + entry.keyLength;
    bytes.set(entry.bytes.subarray(valueOffset, valueOffset + valueLength), target);
    bytes.fill(0, target + valueLength, start + size);
  }

  #closeBlock(): void {
    const { bytes, words } = this.#writer;
    const count = this.#count;
    const start = this.#start;
    const firstKey = this.#keyAt(start);
    const lastKey = bytes.subarray(this.#lastOffset, this.#lastOffset + this.#lastLength);
    const shared = count === 1 ? 0 : sharedPrefixLength(firstKey, lastKey);
    let at = this.#end >> 2;
    const offsets = this.#offsets;
    for (let slot = 0; slot < count; slot++) {
      const entry = (start >> 2) + offsets[slot]!;
      const keyOffset = (entry + 3) << 2;
      words[at++] = orderPrefix(
        bytes,
        keyOffset + shared,
        keyOffset + (words[entry + 1]! & 0xffff),
      );
    }
    offsets[count] = 0;
    for (let slot = 0; slot < count; slot += 2) {
      words[at++] = offsets[slot]! | (offsets[slot + 1]! << 16);
    }
    words[at++] = count;
    words[at++] = shared;
    words[at++] = this.#base | 0;
    words[at++] = Math.floor(this.#base / TWO_32);
    this.#endBlock(firstKey, lastKey, (at << 2) - start);
  }

  /** Row, trailer and bookkeeping of the block whose payload stands at the start of the open block. */
  #endBlock(firstKey: Uint8Array, lastKey: Uint8Array, rawLength: number): void {
    this.#beginRow(firstKey, lastKey);
    const stored = this.#writer.closeBlock(BlockKind.data, this.#start, rawLength, this.#compress);
    this.#index.end(stored, rawLength, this.#count);
    const raw = rawLength + TRAILER_BYTES;
    if (raw <= this.#blockBytes && raw > this.#blockBytesMax) this.#blockBytesMax = raw;
    this.#startBlock();
  }

  #beginRow(firstKey: Uint8Array, lastKey: Uint8Array): void {
    const closed = this.#closedKey;
    const before = this.#index.blocks === 0 ? null : closed.bytes.subarray(0, closed.length);
    this.#index.begin(before, firstKey);
    closed.setBytes(lastKey, 0, lastKey.length);
  }

  #startBlock(): void {
    this.#start = this.#writer.at;
    this.#end = this.#start;
    this.#count = 0;
    this.#lastOffset = 0;
    this.#lastLength = this.#closedKey.length;
  }

  /** An entry too large for the write buffer: a block of its own, streamed, never compressed. */
  #writeLargeEntry(entry: Entry, size: number): void {
    const { bytes, keyOffset, keyLength, valueOffset, valueLength } = entry;
    const delta = entry.sequence - this.#base;
    const meta = keyLength | (entry.kind << 16) | ((delta / TWO_32) << 24);
    const header = new Int32Array([valueLength, meta, delta | 0]);
    const key = bytes.subarray(keyOffset, keyOffset + keyLength);
    const value = bytes.subarray(valueOffset, valueOffset + valueLength);
    const padding = new Uint8Array(size - ENTRY_HEADER_BYTES - keyLength - valueLength);
    const columns = new Int32Array([
      orderPrefix(key, 0, keyLength),
      0,
      1,
      0,
      this.#base | 0,
      this.#base / TWO_32,
    ]);
    this.#beginRow(key, key);
    const handle = this.#writer.writeParts(BlockKind.data, [
      new Uint8Array(header.buffer),
      key,
      value,
      padding,
      new Uint8Array(columns.buffer),
    ]);
    this.#index.end(handle.length, size + columnBytes(1), 1);
    this.#startBlock();
  }

  #metadataFields(): TableMetadataFields {
    const { minKey, maxKey } = this.#keyRange();
    const times = { ...NO_TIMES, ...this.#options.times };
    const globalSequence = this.#options.globalSequence ?? 0;
    const tombstones = this.#tombstones + this.#rangeTombstones.length;
    return {
      entries: this.#entries,
      keys: this.#keys,
      minKey,
      maxKey,
      minSequence: globalSequence === 0 ? this.#minSequence : globalSequence,
      maxSequence: globalSequence === 0 ? this.#maxSequence : globalSequence,
      pointTombstones: this.#tombstones,
      rangeTombstones: this.#rangeTombstones.length,
      blocks: this.#index.blocks,
      blockBytesMax: this.#blockBytesMax,
      rawBytes: this.#rawBytes,
      keyBytes: this.#keyBytes,
      keyspace: this.#options.keyspace ?? 0,
      ...times,
      oldestTombstoneAt: tombstones === 0 ? null : times.oldestTombstoneAt,
    };
  }

  #keyRange(): { minKey: Uint8Array; maxKey: Uint8Array | null } {
    let minKey = this.#firstKey;
    let maxKey = this.lastKey;
    let isOpen = false;
    for (const { lower, upper } of this.#rangeTombstones) {
      if (minKey === null || compareBytes(lower, minKey) < 0) minKey = lower;
      if (upper === null) {
        isOpen = true;
        continue;
      }
      const last = inclusiveUpper(upper);
      if (maxKey === null || compareBytes(last, maxKey) > 0) maxKey = last;
    }
    return { minKey: minKey!, maxKey: isOpen ? null : maxKey };
  }

  #keyAt(entryOffset: number): Uint8Array {
    const { bytes, words } = this.#writer;
    const length = words[(entryOffset >> 2) + 1]! & 0xffff;
    const keyOffset = entryOffset + ENTRY_HEADER_BYTES;
    return bytes.subarray(keyOffset, keyOffset + length);
  }
}
