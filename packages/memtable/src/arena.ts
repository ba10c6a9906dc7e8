/**
 * The arena: one fixed memory that holds the frames of a memtable and the index over them, and the pool of arenas.
 *
 * ```
 * 0            dataEnd →            ← indexStart        capacity
 * | frames (records) |     free     |  index (nodes, cells)  |
 * ```
 * I1. A memory never grows, so views of it never go stale.
 * I2. dataEnd ≤ indexStart; dataEnd is a multiple of 8, indexStart of 4.
 * I3. An arena from the pool holds the rubbish of its last user: whoever allocates initialises.
 */
import { assert, invalidArgument } from '@lsm/core';
import { createKernels, type Kernels } from '@lsm/kernels';

/** Smallest arena, bytes: 64 KiB. */
export const ARENA_BYTES_MIN = 0x1_0000;
/** Largest arena, bytes: 1 GiB. */
export const ARENA_BYTES_MAX = 0x4000_0000;

/** One fixed memory: frames grow up from 0, the index grows down from the end. */
export class Arena {
  /** The memory and the functions bound to it. */
  readonly kernels: Kernels;
  /** The memory as bytes. */
  readonly bytes: Uint8Array;
  /** The memory as little-endian words. */
  readonly words: Int32Array;
  /** Bytes of the memory. */
  readonly capacity: number;
  /** End of the frames, bytes; the next frame starts here. A multiple of 8, moved by who appends. */
  dataEnd = 0;
  /** Start of the index, bytes; moved down by the memtable. */
  indexStart: number;
  /** Holders: 1 after `acquire`; counted by {@link retain} and {@link ArenaPool.release}. */
  references = 1;

  /** @param kernels - owned by the arena from now on; at most {@link ARENA_BYTES_MAX} bytes are used */
  constructor(kernels: Kernels) {
    this.kernels = kernels;
    this.bytes = kernels.bytes;
    this.words = kernels.words;
    this.capacity = Math.min(kernels.byteLength, ARENA_BYTES_MAX);
    this.indexStart = this.capacity;
  }

  /** Bytes between frames and index. */
  free(): number {
    return this.indexStart - this.dataEnd;
  }

  /** Forgets frames and index; the bytes stay as they are. No memtable may use the arena. */
  reset(): void {
    this.dataEnd = 0;
    this.indexStart = this.capacity;
  }

  /** Adds a holder (cursor, job, memtable); undone by {@link ArenaPool.release}. */
  retain(): void {
    assert(this.references > 0, 'Only an arena in use can be retained.');
    this.references++;
  }
}

/** How an {@link ArenaPool} behaves. */
export interface ArenaPoolOptions {
  /** Makes the memory of a new arena; default `createKernels(bytes)`, shared where the platform can. */
  readonly create?: (bytes: number) => Kernels;
  /** Most idle arenas kept, default 16. */
  readonly idleCountMax?: number;
  /** Most bytes of idle arenas kept, default 256 MiB. */
  readonly idleBytesMax?: number;
}

/** Reuses arenas: making and first touching a memory costs milliseconds, taking an idle one does not. */
export class ArenaPool {
  readonly #create: (bytes: number) => Kernels;
  readonly #idleCountMax: number;
  readonly #idleBytesMax: number;
  readonly #idle: Arena[] = [];
  #idleBytes = 0;

  constructor(options: ArenaPoolOptions = {}) {
    this.#create = options.create ?? ((bytes) => createKernels(bytes));
    this.#idleCountMax = options.idleCountMax ?? 16;
    this.#idleBytesMax = options.idleBytesMax ?? 0x1000_0000;
  }

  /** Arenas that wait for a user. */
  get idleCount(): number {
    return this.#idle.length;
  }

  /** Bytes of the arenas that wait for a user. */
  get idleBytes(): number {
    return this.#idleBytes;
  }

  /**
   * Takes an arena: an idle one of the size if there is one (the newest, being the warmest), else a new one.
   *
   * @param bytes - least capacity, up to {@link ARENA_BYTES_MAX}; rounded up to a power of two
   * @throws LSM_INVALID_ARGUMENT if it is larger
   */
  acquire(bytes: number): Arena {
    const capacity = arenaCapacity(bytes);
    for (let i = this.#idle.length - 1; i >= 0; i--) {
      const arena = this.#idle[i]!;
      if (arena.capacity !== capacity) continue;
      this.#idle.splice(i, 1);
      this.#idleBytes -= capacity;
      arena.reset();
      arena.references = 1;
      return arena;
    }
    return new Arena(this.#create(capacity));
  }

  /**
   * Drops one holder; the last one gives the arena back, and nobody may touch it afterwards.
   *
   * Call it for a job only when its worker has answered or is known dead. What exceeds the pool's bounds is left to
   * the garbage collector, oldest first.
   */
  release(arena: Arena): void {
    assert(arena.references > 0, 'An arena was released more often than retained.');
    arena.references--;
    if (arena.references > 0) return;
    this.#idle.push(arena);
    this.#idleBytes += arena.capacity;
    while (this.#idle.length > this.#idleCountMax || this.#idleBytes > this.#idleBytesMax) {
      this.#idleBytes -= this.#idle.shift()!.capacity;
    }
  }

  /** Lets go of all idle arenas. */
  clear(): void {
    this.#idle.length = 0;
    this.#idleBytes = 0;
  }
}

/** The pool of this process (of this thread: workers attach to arenas, they don't pool them). */
export const arenaPool: ArenaPool = /* @__PURE__ */ new ArenaPool();

/** The capacity that a request is rounded up to: a power of two from 64 KiB to 1 GiB. */
function arenaCapacity(bytes: number): number {
  if (!(bytes <= ARENA_BYTES_MAX)) {
    throw invalidArgument(`An arena of ${bytes} bytes is asked for; at most 1 GiB is possible.`);
  }
  let capacity = ARENA_BYTES_MIN;
  while (capacity < bytes) capacity *= 2;
  return capacity;
}
