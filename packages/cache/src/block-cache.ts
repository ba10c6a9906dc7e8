/**
 * A block cache over fixed frames of one memory, with SIEVE eviction (Zhang et al., NSDI '24).
 *
 * 1. Frames in use form one queue, newest block at the head. A hit sets the frame's visited bit and moves nothing.
 * 2. A hand walks from the oldest frame towards the newest, wraps around, and clears visited bits on its way. The
 *    first frame that it finds unvisited is evicted; there the hand stays until the next eviction.
 * 3. So a block that was never hit again leaves soon (a scan can't flush the cache), and a popular one stays.
 *
 * The bookkeeping is typed arrays indexed by frame, and one `Int32Array` per table that maps a block to its frame: no
 * hashing, no object per block, nothing for the garbage collector. 21 bytes per frame and 4 per block of a table.
 *
 * I1. A frame is exactly one of: never used (≥ #fresh), free, queued (belongs to one block), orphaned (pinned, but
 *     its block was discarded or its table closed; it becomes free when the last pin goes).
 * I2. `frameOf[block] = frame` if and only if the frame is queued and belongs to that block.
 * I3. A pinned frame is never evicted; the hand passes over it and leaves its visited bit alone.
 */
import { assert, invalidArgument } from '@lsm/core';

const NONE = -1;

/** Where the frames of a {@link BlockCache} stand. */
export interface BlockCacheOptions {
  /** Byte offset of the first frame, a multiple of 4; default 0. */
  readonly start?: number;
  /** Bytes of a frame, a positive multiple of 4; the largest block that can be cached. */
  readonly frameBytes: number;
  /** Number of frames, ≥ 0; with 0 the cache holds nothing. */
  readonly frameCount: number;
}

/** What a {@link BlockCache} has counted since it was made. */
export interface BlockCacheStats {
  /** Calls of `touch`. */
  readonly hits: number;
  /** Calls of `insert`. */
  readonly misses: number;
  /** Blocks that were put out for another one. */
  readonly evictions: number;
  /** Frames in use at present, orphaned ones included. */
  readonly usedFrames: number;
}

/** A table's place in a {@link BlockCache}; made by `register`. */
export class CacheHandle {
  /** Block number → frame, −1 if the block isn't cached. To be read only. */
  readonly frameOf: Int32Array;
  /** Index in the cache's list of handles; −1 once unregistered. */
  id: number;

  /** For {@link BlockCache} only. */
  constructor(id: number, blockCount: number) {
    this.id = id;
    this.frameOf = new Int32Array(blockCount).fill(NONE);
  }
}

/** Caches blocks of tables. One thread's; the memory may be shared, the bookkeeping isn't. */
export class BlockCache {
  /** Bytes of a frame. */
  readonly frameBytes: number;
  /** Number of frames. */
  readonly frameCount: number;
  readonly #start: number;
  /** Towards the head (younger), by frame. */
  readonly #younger: Int32Array;
  /** Towards the tail (older), by frame; also the chain of free frames. */
  readonly #older: Int32Array;
  readonly #visited: Uint8Array;
  readonly #pins: Int32Array;
  /** Handle id and block of a queued frame; the id is −1 for an orphan. */
  readonly #ownerOf: Int32Array;
  readonly #blockOf: Int32Array;
  readonly #handles: (CacheHandle | null)[] = [];
  readonly #freeIds: number[] = [];
  #head = NONE;
  #tail = NONE;
  #hand = NONE;
  #free = NONE;
  #fresh = 0;
  #queued = 0;
  #queuedPinned = 0;
  #used = 0;
  #hits = 0;
  #misses = 0;
  #evictions = 0;

  /**
   * @param bytes - the memory that holds the frames; only its length is looked at, contents are the caller's
   * @throws LSM_INVALID_ARGUMENT if the frames don't fit into it or are misaligned
   */
  constructor(bytes: Uint8Array, options: BlockCacheOptions) {
    const { start = 0, frameBytes, frameCount } = options;
    const sound =
      Number.isInteger(frameCount) &&
      frameCount >= 0 &&
      frameBytes > 0 &&
      frameBytes % 4 === 0 &&
      start >= 0 &&
      start % 4 === 0 &&
      start + frameBytes * frameCount <= bytes.length;
    if (!sound) {
      throw invalidArgument(
        `${frameCount} frames of ${frameBytes} bytes from offset ${start} don't fit into ${bytes.length} bytes, ` +
          'or are not aligned to 4.',
      );
    }
    this.#start = start;
    this.frameBytes = frameBytes;
    this.frameCount = frameCount;
    this.#younger = new Int32Array(frameCount);
    this.#older = new Int32Array(frameCount);
    this.#visited = new Uint8Array(frameCount);
    this.#pins = new Int32Array(frameCount);
    this.#ownerOf = new Int32Array(frameCount).fill(NONE);
    this.#blockOf = new Int32Array(frameCount);
  }

  /** What was counted so far, as a copy. */
  get stats(): BlockCacheStats {
    return {
      hits: this.#hits,
      misses: this.#misses,
      evictions: this.#evictions,
      usedFrames: this.#used,
    };
  }

  /**
   * Takes a table in.
   *
   * @param blockCount - blocks of the table; costs 4 bytes each
   */
  register(blockCount: number): CacheHandle {
    const id = this.#freeIds.pop() ?? this.#handles.length;
    const handle = new CacheHandle(id, blockCount);
    this.#handles[id] = handle;
    return handle;
  }

  /** Lets a table go and frees its frames, the pinned ones when their last pin goes. Idempotent. O(blocks). */
  unregister(handle: CacheHandle): void {
    if (handle.id === NONE) return;
    for (const frame of handle.frameOf) {
      if (frame !== NONE) this.discard(frame);
    }
    this.#handles[handle.id] = null;
    this.#freeIds.push(handle.id);
    handle.id = NONE;
  }

  /** Notes a hit of a frame found in `frameOf`. */
  touch(frame: number): void {
    this.#visited[frame] = 1;
    this.#hits++;
  }

  /** Byte offset of a frame in the memory. */
  offsetOf(frame: number): number {
    return this.#start + frame * this.frameBytes;
  }

  /**
   * Takes a frame for a block that isn't cached, putting another block out if need be. `frameOf` shows the block at
   * once: fill the frame before anybody else can look, or `discard` it.
   *
   * @param block - 0 … blockCount − 1, not cached at present
   * @returns the frame, or −1 if all are pinned
   * @throws LSM_INTERNAL if the block is cached already or unknown, or the handle isn't registered
   */
  insert(handle: CacheHandle, block: number): number {
    assert(handle.frameOf[block] === NONE, 'Only a block that is not cached can be inserted.');
    assert(handle.id !== NONE, 'A block of a closed table cannot be inserted.');
    this.#misses++;
    const frame = this.#takeFrame();
    if (frame === NONE) return NONE;
    this.#ownerOf[frame] = handle.id;
    this.#blockOf[frame] = block;
    this.#visited[frame] = 0;
    handle.frameOf[block] = frame;
    this.#linkAtHead(frame);
    return frame;
  }

  /** Forgets the block of a frame; the frame is free at once, or when its last pin goes. */
  discard(frame: number): void {
    if (this.#ownerOf[frame] === NONE) return;
    this.#detach(frame);
    if (this.#pins[frame]! > 0) this.#queuedPinned--;
    else this.#release(frame);
  }

  /** Keeps a frame from being evicted or reused until the same number of `unpin`s. */
  pin(frame: number): void {
    const pins = this.#pins[frame]! + 1;
    this.#pins[frame] = pins;
    if (pins === 1) this.#queuedPinned++;
  }

  /**
   * Takes one pin away.
   *
   * @throws LSM_INTERNAL if there is none
   */
  unpin(frame: number): void {
    const pins = this.#pins[frame]! - 1;
    assert(pins >= 0, 'Every unpin needs a pin before it.');
    this.#pins[frame] = pins;
    if (pins > 0) return;
    if (this.#ownerOf[frame] === NONE) this.#release(frame);
    else this.#queuedPinned--;
  }

  #takeFrame(): number {
    let frame = this.#free;
    if (frame !== NONE) this.#free = this.#older[frame]!;
    else if (this.#fresh < this.frameCount) frame = this.#fresh++;
    else if (this.#queued > this.#queuedPinned) return this.#evict();
    else return NONE;
    this.#used++;
    return frame;
  }

  /** Walks the hand to a victim and takes its frame; at least one queued frame isn't pinned. */
  #evict(): number {
    const visited = this.#visited;
    const younger = this.#younger;
    let frame = this.#hand;
    for (;;) {
      if (frame === NONE) frame = this.#tail;
      if (this.#pins[frame] === 0) {
        if (visited[frame] === 0) break;
        visited[frame] = 0;
      }
      frame = younger[frame]!;
    }
    this.#hand = frame;
    this.#detach(frame);
    this.#evictions++;
    return frame;
  }

  /** Takes a frame out of the queue and away from its block; a hand on it moves on. */
  #detach(frame: number): void {
    const owner = this.#handles[this.#ownerOf[frame]!]!;
    owner.frameOf[this.#blockOf[frame]!] = NONE;
    this.#ownerOf[frame] = NONE;
    const younger = this.#younger[frame]!;
    const older = this.#older[frame]!;
    if (this.#hand === frame) this.#hand = younger;
    if (younger === NONE) this.#head = older;
    else this.#older[younger] = older;
    if (older === NONE) this.#tail = younger;
    else this.#younger[older] = younger;
    this.#queued--;
  }

  #linkAtHead(frame: number): void {
    this.#older[frame] = this.#head;
    this.#younger[frame] = NONE;
    if (this.#head === NONE) this.#tail = frame;
    else this.#younger[this.#head] = frame;
    this.#head = frame;
    this.#queued++;
  }

  #release(frame: number): void {
    this.#older[frame] = this.#free;
    this.#free = frame;
    this.#used--;
  }
}
