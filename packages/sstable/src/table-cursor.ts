/**
 * The cursor over one table.
 *
 * A cached block is read in place, its frame pinned. A block that is not cached is read, at the first one after a
 * seek, into the cache (`fillCache`) or a window; when the cursor goes on forward it reads ahead, 16 KiB at first and
 * twice as much each time up to 256 KiB, into the window only, so that a long scan does not wash out the cache.
 */
import { type Cursor, Entry, type KeyBuffer, SEQUENCE_MAX } from '@lsm/core';
import type { BlockSource, ReadWindow } from './block-source.ts';
import { DataBlock } from './data-block.ts';
import { BLOCK_BYTES_MAX } from './format.ts';
import { acquireWindow, releaseWindow } from './windows.ts';

const READ_AHEAD_BYTES_MIN = 16_384;
const READ_AHEAD_BYTES_MAX: number = BLOCK_BYTES_MAX;

/** How a cursor treats blocks that are not cached. */
export interface CursorOptions {
  /** Read ahead when moving forward; default true. */
  readonly readAhead?: boolean;
  /** Put single blocks into the cache and count cached ones as used; default true. */
  readonly fillCache?: boolean;
  /** What the cursor fills, e.g. that of a cursor over several tables; default its own. */
  readonly entry?: Entry;
}

/** A position in a table. */
export class TableCursor implements Cursor {
  valid = false;
  readonly entry: Entry;
  readonly #source: BlockSource;
  readonly #readAhead: boolean;
  readonly #fillCache: boolean;
  readonly #view: DataBlock;
  /** The open block, or −1. */
  #block = -1;
  #slot = 0;
  /** The pinned frame of the open block, or −1. */
  #frame = -1;
  #window: ReadWindow | null = null;
  #aheadBytes = READ_AHEAD_BYTES_MIN;

  constructor(source: BlockSource, options: CursorOptions) {
    this.#source = source;
    this.entry = options.entry ?? new Entry();
    this.#readAhead = options.readAhead ?? true;
    this.#fillCache = options.fillCache ?? true;
    this.#view = new DataBlock(source.footer.globalSequence);
  }

  seekToFirst(): void {
    this.valid = false;
    if (this.#source.loadIndex().blocks > 0) this.#moveTo(0, 0, false);
  }

  seekToLast(): void {
    this.valid = false;
    const { blocks } = this.#source.loadIndex();
    if (blocks === 0) return;
    this.#enter(blocks - 1, false);
    this.#stand(this.#view.count - 1);
  }

  seek(key: KeyBuffer): void {
    this.valid = false;
    const index = this.#source.loadIndex();
    if (index.blocks === 0) return;
    const block = index.startBlock(key);
    if (block < 0) {
      this.#moveTo(0, 0, false);
      return;
    }
    this.#enter(block, false);
    const slot = this.#view.lowerBound(key, SEQUENCE_MAX);
    if (slot < this.#view.count) this.#stand(slot);
    else if (block + 1 < index.blocks) this.#moveTo(block + 1, 0, true);
  }

  next(): void {
    const slot = this.#slot + 1;
    if (slot < this.#view.count) {
      this.#slot = slot;
      this.#view.fill(slot, this.entry);
      return;
    }
    this.valid = false;
    const block = this.#block + 1;
    if (block < this.#source.loadIndex().blocks) this.#moveTo(block, 0, true);
  }

  prev(): void {
    const slot = this.#slot - 1;
    if (slot >= 0) {
      this.#slot = slot;
      this.#view.fill(slot, this.entry);
      return;
    }
    this.valid = false;
    const block = this.#block - 1;
    if (block < 0) return;
    this.#source.loadIndex();
    this.#enter(block, false);
    this.#stand(this.#view.count - 1);
  }

  close(): void {
    this.valid = false;
    this.#leave();
    if (this.#window !== null) releaseWindow(this.#window.kernels);
    this.#window = null;
  }

  #moveTo(block: number, slot: number, forward: boolean): void {
    this.#enter(block, forward);
    this.#stand(slot);
  }

  #stand(slot: number): void {
    this.#slot = slot;
    this.#view.fill(slot, this.entry);
    this.valid = true;
  }

  /** Opens a block; `forward`: it follows the one that was open. */
  #enter(block: number, forward: boolean): void {
    if (block === this.#block) return;
    this.#leave();
    this.#source.checkOpen();
    if (!this.#enterCached(block)) this.#enterMissing(block, forward);
    this.#block = block;
  }

  #enterCached(block: number): boolean {
    const frame = this.#source.frameOf(block);
    if (frame < 0) return false;
    const { cache, counters } = this.#source.environment;
    if (this.#fillCache) cache!.touch(frame);
    counters.cacheHits++;
    this.#pin(frame, block);
    return true;
  }

  #enterMissing(block: number, forward: boolean): void {
    const source = this.#source;
    const loaded = this.#window;
    if (loaded !== null && block >= loaded.first && block < loaded.end) {
      source.openWindow(loaded, block, this.#view);
      return;
    }
    const ahead = forward && this.#readAhead;
    if (!ahead) this.#aheadBytes = READ_AHEAD_BYTES_MIN;
    if (!ahead && this.#fillCache) {
      const frame = source.loadFrame(block);
      if (frame >= 0) {
        this.#pin(frame, block);
        return;
      }
    }
    if (!source.fitsWindow(block)) {
      source.openLarge(block, this.#view);
      return;
    }
    const window = loaded ?? { kernels: acquireWindow(), first: 0, end: 0 };
    this.#window = window;
    source.fillWindow(window, block, ahead ? this.#aheadBytes : 0);
    if (ahead) this.#aheadBytes = Math.min(this.#aheadBytes * 2, READ_AHEAD_BYTES_MAX);
    source.openWindow(window, block, this.#view);
  }

  #pin(frame: number, block: number): void {
    this.#source.environment.cache!.pin(frame);
    this.#frame = frame;
    this.#source.openFrame(frame, block, this.#view);
  }

  #leave(): void {
    if (this.#frame >= 0) this.#source.environment.cache!.unpin(this.#frame);
    this.#frame = -1;
    this.#block = -1;
    this.#view.clear();
  }
}
