/**
 * Brings the data blocks of one table from its file into memory: into a cache frame, into a window, or into a buffer
 * of their own. Whatever the way, a block is checked (checksum bound to file id and offset, trailer, structure)
 * before anything is read from it.
 */
import type { CacheHandle } from '@lsm/cache';
import { copyBytes, corruption, type FileHandle, LsmError } from '@lsm/core';
import type { Kernels } from '@lsm/kernels';
import { BlockIndex } from './block-index.ts';
import { checkDataBlock, type DataBlock } from './data-block.ts';
import type { Footer } from './footer.ts';
import {
  BLOCK_BYTES_MAX,
  BlockKind,
  seedHigh,
  seedLow,
  TRAILER_BYTES,
  TRANSFORM_LZ4,
  TRANSFORM_NONE,
} from './format.ts';
import { checkSection, cutOff, readExactly, readSection, readSectionAsync } from './table-ends.ts';
import type { TableEnvironment } from './table-environment.ts';
import { acquireWindow, DECODE_OFFSET, releaseWindow } from './windows.ts';

/** A window with a stretch of blocks as they stand in the file. */
export interface ReadWindow {
  readonly kernels: Kernels;
  /** First block in the window. */
  first: number;
  /** Block after the last one; the window is empty if it is not above `first`. */
  end: number;
}

/** The data blocks of one open table. */
export class BlockSource {
  readonly environment: TableEnvironment;
  readonly handle: FileHandle;
  readonly footer: Footer;
  /** The block index, once loaded. */
  index: BlockIndex | null = null;
  #cacheHandle: CacheHandle | null = null;
  /** One byte for each block whose checksum was verified; only where that is done once. */
  #verified: Uint8Array | null = null;
  #closed = false;

  /** @param handle - closed by {@link close} */
  constructor(environment: TableEnvironment, handle: FileHandle, footer: Footer) {
    this.environment = environment;
    this.handle = handle;
    this.footer = footer;
  }

  /** The block index; loads it at the first call. */
  loadIndex(): BlockIndex {
    const { index: block, fileId } = this.footer;
    return this.index ?? this.#setIndex(readSection(this.handle, block, BlockKind.index, fileId));
  }

  /** As {@link loadIndex}, off the caller's thread. */
  async loadIndexAsync(): Promise<BlockIndex> {
    const { index: block, fileId } = this.footer;
    if (this.index !== null) return this.index;
    const payload = await readSectionAsync(this.handle, block, BlockKind.index, fileId);
    this.checkOpen();
    return this.index ?? this.#setIndex(payload);
  }

  /** The frame that holds a block, or −1. */
  frameOf(block: number): number {
    const handle = this.#cacheHandle;
    return handle === null ? -1 : handle.frameOf[block]!;
  }

  /** Points `view` to a block that is in frame `frame`. */
  openFrame(frame: number, block: number, view: DataBlock): void {
    const { cache, kernels } = this.environment;
    view.open(
      kernels!.bytes,
      kernels!.words,
      cache!.offsetOf(frame),
      this.index!.rawLengths[block]!,
    );
  }

  /** Reads a block into the cache; returns its frame, or −1 if it can't go there. */
  loadFrame(block: number): number {
    if (!this.isCacheable(block)) return -1;
    const index = this.index!;
    const storedLength = index.storedLengths[block]!;
    return this.#fillFrame(block, (target) => {
      const { bytes } = this.environment.kernels!;
      this.#read(bytes, target, storedLength, index.fileOffsets[block]!, 1);
    });
  }

  /** Puts a block that was read into `stored` into the cache; returns its frame, or −1. */
  installFrame(block: number, stored: Uint8Array): number {
    if (!this.isCacheable(block)) return -1;
    return this.#fillFrame(block, (target) => this.environment.kernels!.bytes.set(stored, target));
  }

  /** Whether a block may go to the cache. */
  isCacheable(block: number): boolean {
    if (this.#cacheHandle === null) return false;
    const { frameBytes, scratchBytes } = this.environment;
    const { storedLengths, rawLengths } = this.index!;
    const rawBytes = rawLengths[block]! + TRAILER_BYTES;
    const storedBytes = storedLengths[block]!;
    return (
      rawBytes <= frameBytes &&
      storedBytes <= (storedBytes === rawBytes ? frameBytes : scratchBytes)
    );
  }

  /** Reads a stretch of blocks from `block` on into the window: at least one, then up to `bytesMax` bytes. */
  fillWindow(window: ReadWindow, block: number, bytesMax: number): void {
    const { storedLengths, fileOffsets, blocks } = this.index!;
    let end = block + 1;
    let length = storedLengths[block]!;
    while (end < blocks && length + storedLengths[end]! <= bytesMax)
      length += storedLengths[end++]!;
    window.end = 0;
    this.#read(window.kernels.bytes, 0, length, fileOffsets[block]!, end - block);
    window.first = block;
    window.end = end;
  }

  /** Whether a block can be read into a window. */
  fitsWindow(block: number): boolean {
    const { storedLengths, rawLengths } = this.index!;
    return storedLengths[block]! <= BLOCK_BYTES_MAX && rawLengths[block]! <= BLOCK_BYTES_MAX;
  }

  /** Points `view` to a block that stands in the window as stored. */
  openWindow(window: ReadWindow, block: number, view: DataBlock): void {
    const { fileOffsets, rawLengths } = this.index!;
    const { kernels } = window;
    const offset = fileOffsets[block]! - fileOffsets[window.first]!;
    const { end } = window;
    // Empty until the block is found to be right: a damaged one is read again at the next try.
    window.end = 0;
    const base = this.#unpack(kernels, offset, DECODE_OFFSET, block);
    window.end = end;
    view.open(kernels.bytes, kernels.words, base, rawLengths[block]!);
  }

  /** Reads a block that is too large for a window into a buffer of its own and points `view` to it. */
  openLarge(block: number, view: DataBlock): void {
    const { storedLengths, fileOffsets } = this.index!;
    const length = storedLengths[block]!;
    const stored = readExactly(this.handle, fileOffsets[block]!, length);
    this.#count(1, length);
    this.#openStored(block, stored, view);
  }

  /** Points `view` to a block that was read into `stored`, a buffer of its own; checks and decodes it. */
  openCopy(block: number, stored: Uint8Array, view: DataBlock): void {
    if (!this.fitsWindow(block)) {
      this.#openStored(block, stored, view);
      return;
    }
    const kernels = acquireWindow();
    try {
      kernels.bytes.set(stored, 0);
      const base = this.#unpack(kernels, 0, DECODE_OFFSET, block);
      const rawLength = this.index!.rawLengths[block]!;
      const bytes = copyBytes(kernels.bytes, base, rawLength);
      view.open(bytes, new Int32Array(bytes.buffer), 0, rawLength);
    } finally {
      releaseWindow(kernels);
    }
  }

  #openStored(block: number, stored: Uint8Array, view: DataBlock): void {
    const { rawLengths, fileOffsets } = this.index!;
    const path = this.handle.path;
    const offset = fileOffsets[block]!;
    const payload = checkSection(stored, BlockKind.data, this.footer.fileId, path, offset);
    const rawLength = rawLengths[block]!;
    if (payload.length !== rawLength) throw impossible(path, offset);
    const words = new Int32Array(stored.buffer, 0, stored.length >> 2);
    checkDataBlock(words, 0, rawLength, this.index!.entries(block), path, offset);
    view.open(stored, words, 0, rawLength);
  }

  /** Reads a block as stored, off the caller's thread, into a new buffer. */
  async readStored(block: number): Promise<Uint8Array> {
    const { storedLengths, fileOffsets } = this.index!;
    const length = storedLengths[block]!;
    const offset = fileOffsets[block]!;
    const stored = new Uint8Array(length);
    const count = await this.handle.read(stored, 0, length, offset);
    if (count !== length) throw cutOff(this.handle.path, offset + count);
    this.#count(1, length);
    return stored;
  }

  /** @throws LSM_CLOSED after {@link close}, and after the end of the environment, whose memory is another's then */
  checkOpen(): void {
    if (this.#closed || this.environment.closed) {
      throw new LsmError('LSM_CLOSED', 'The table is closed.', { file: this.handle.path });
    }
  }

  /** Drops the block index; the next use loads it again. */
  unloadIndex(): void {
    this.index = null;
  }

  /** Frees the cache frames and closes the file; idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#cacheHandle !== null) this.environment.cache!.unregister(this.#cacheHandle);
    this.#cacheHandle = null;
    this.index = null;
    this.handle.close();
  }

  #setIndex(payload: Uint8Array): BlockIndex {
    this.checkOpen();
    const { environment, footer } = this;
    const { blocks } = footer;
    const index = new BlockIndex(payload, blocks, footer.index.offset, this.handle.path);
    this.index = index;
    environment.counters.indexLoads++;
    if (environment.cache !== null) this.#cacheHandle ??= environment.cache.register(blocks);
    if (environment.verify === 'once') this.#verified ??= new Uint8Array(blocks);
    return index;
  }

  /** Takes a frame, lets `read` put the stored block where it belongs, checks and decodes it. */
  #fillFrame(block: number, read: (target: number) => void): number {
    const { environment } = this;
    const cache = environment.cache!;
    const index = this.index!;
    const frame = cache.insert(this.#cacheHandle!, block);
    if (frame < 0) return -1;
    try {
      const target = cache.offsetOf(frame);
      const storedBytes = index.storedLengths[block]!;
      const isRaw = storedBytes === index.rawLengths[block]! + TRAILER_BYTES;
      const offset = isRaw ? target : environment.scratchOffset;
      read(offset);
      const base = this.#unpack(environment.kernels!, offset, target, block);
      if (base !== target) throw impossible(this.handle.path, index.fileOffsets[block]!);
      return frame;
    } catch (error) {
      cache.discard(frame);
      throw error;
    }
  }

  #read(bytes: Uint8Array, target: number, length: number, position: number, blocks: number): void {
    const count = this.handle.readSync(bytes, target, length, position);
    if (count !== length) throw cutOff(this.handle.path, position + count);
    this.#count(blocks, length);
  }

  #count(blocks: number, bytes: number): void {
    this.environment.counters.blockReads += blocks;
    this.environment.counters.blockReadBytes += bytes;
  }

  /**
   * Checks a stored block at `offset` and, if it is compressed, decodes it to `target`.
   *
   * @returns where the payload stands
   */
  #unpack(kernels: Kernels, offset: number, target: number, block: number): number {
    const index = this.index!;
    const path = this.handle.path;
    const fileOffset = index.fileOffsets[block]!;
    const storedLength = index.storedLengths[block]!;
    const rawLength = index.rawLengths[block]!;
    this.#verify(kernels, offset, storedLength, block);
    const trailer = (offset + storedLength - TRAILER_BYTES) >> 2;
    const meta = kernels.words[trailer + 1]!;
    const padding = (meta >>> 16) & 0xff;
    const length = storedLength - TRAILER_BYTES - padding;
    if (
      kernels.words[trailer] !== rawLength ||
      ((meta >>> 8) & 0xff) !== BlockKind.data ||
      padding > 3
    ) {
      throw impossible(path, fileOffset);
    }
    const transform = meta & 0xff;
    let base = offset;
    if (transform === TRANSFORM_LZ4) {
      if (!kernels.lz4Decode(offset, length, target, rawLength)) throw impossible(path, fileOffset);
      base = target;
    } else if (transform !== TRANSFORM_NONE) {
      throw unknownTransform(transform, path, fileOffset);
    } else if (length !== rawLength) {
      throw impossible(path, fileOffset);
    }
    checkDataBlock(kernels.words, base, rawLength, index.entries(block), path, fileOffset);
    return base;
  }

  #verify(kernels: Kernels, offset: number, storedLength: number, block: number): void {
    const verified = this.#verified;
    if (verified !== null && verified[block] === 1) return;
    const fileOffset = this.index!.fileOffsets[block]!;
    const id = this.footer.fileId;
    const length = storedLength - 8;
    kernels.checksum(offset, length, seedLow(id, fileOffset), seedHigh(id, fileOffset));
    const at = (offset + length) >> 2;
    if (
      kernels.checksumLow !== kernels.words[at] ||
      kernels.checksumHigh !== kernels.words[at + 1]
    ) {
      throw corruption('A data block is damaged', this.handle.path, fileOffset);
    }
    if (verified !== null) verified[block] = 1;
  }
}

function impossible(file: string, offset: number): LsmError {
  return corruption('A data block has an impossible trailer', file, offset);
}

function unknownTransform(id: number, file: string, offset: number): LsmError {
  return new LsmError(
    'LSM_UNSUPPORTED_FORMAT',
    `A block is transformed by method ${id}, which this software does not know.`,
    { file, offset },
  );
}
