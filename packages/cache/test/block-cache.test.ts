/** The cache against a naive model of SIEVE: the same hits, the same victims, whatever is pinned or closed between. */
import { BlockCache, type CacheHandle } from '@lsm/cache';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

const FRAME_BYTES = 64;

function makeCache(frameCount: number): BlockCache {
  return new BlockCache(new Uint8Array(frameCount * FRAME_BYTES), {
    frameBytes: FRAME_BYTES,
    frameCount,
  });
}

/** One access as a reader does it; true for a hit. */
function access(cache: BlockCache, handle: CacheHandle, block: number): boolean {
  const frame = handle.frameOf[block]!;
  if (frame >= 0) {
    cache.touch(frame);
    return true;
  }
  cache.insert(handle, block);
  return false;
}

describe('BlockCache', () => {
  test('gives each block a frame of its own inside the memory', () => {
    const cache = new BlockCache(new Uint8Array(1000), {
      start: 100,
      frameBytes: 64,
      frameCount: 14,
    });
    const handle = cache.register(20);
    const offsets = Array.from({ length: 14 }, (_, block) =>
      cache.offsetOf(cache.insert(handle, block)),
    );
    expect(offsets.toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 14 }, (_, i) => 100 + 64 * i),
    );
    expect(cache.stats).toEqual({ hits: 0, misses: 14, evictions: 0, usedFrames: 14 });
  });

  test('evicts the oldest block that was not hit since the hand passed', () => {
    const cache = makeCache(3);
    const handle = cache.register(10);
    for (const block of [0, 1, 2]) access(cache, handle, block);
    access(cache, handle, 0);
    access(cache, handle, 3);
    expect(cachedBlocks(handle)).toEqual([0, 2, 3]);
    // The hand stands at 2 and has cleared 0, which is safe until the hand comes round.
    access(cache, handle, 4);
    expect(cachedBlocks(handle)).toEqual([0, 3, 4]);
    expect(cache.stats).toEqual({ hits: 1, misses: 5, evictions: 2, usedFrames: 3 });
  });

  test('never evicts a pinned frame, and says −1 when all are pinned', () => {
    const cache = makeCache(2);
    const handle = cache.register(10);
    const first = cache.insert(handle, 0);
    const second = cache.insert(handle, 1);
    cache.pin(first);
    cache.insert(handle, 2);
    expect(cachedBlocks(handle)).toEqual([0, 2]);
    cache.pin(second);
    expect(cache.insert(handle, 3)).toBe(-1);
    cache.unpin(first);
    expect(cache.insert(handle, 3)).toBe(first);
  });

  test('keeps a pinned frame of a closed table until it is unpinned', () => {
    const cache = makeCache(2);
    const closing = cache.register(4);
    const staying = cache.register(4);
    const frame = cache.insert(closing, 0);
    cache.pin(frame);
    cache.pin(frame);
    cache.insert(closing, 1);
    cache.unregister(closing);
    cache.unregister(closing);
    expect(cache.stats.usedFrames).toBe(1);
    const other = cache.insert(staying, 0);
    expect(other).not.toBe(frame);
    cache.unpin(frame);
    expect(cache.insert(staying, 1)).toBe(other);
    cache.unpin(frame);
    expect(cache.insert(staying, 2)).toBe(frame);
    expect(cache.stats.usedFrames).toBe(2);
  });

  test('frees a discarded frame, also twice', () => {
    const cache = makeCache(2);
    const handle = cache.register(4);
    const frame = cache.insert(handle, 3);
    cache.discard(frame);
    cache.discard(frame);
    expect(cachedBlocks(handle)).toEqual([]);
    expect(cache.stats.usedFrames).toBe(0);
    expect(new Set([cache.insert(handle, 0), cache.insert(handle, 1)])).toEqual(new Set([0, 1]));
  });

  test('holds nothing without frames', () => {
    const cache = makeCache(0);
    expect(cache.insert(cache.register(1), 0)).toBe(-1);
  });

  test('refuses frames that do not fit or are not aligned', () => {
    const bytes = new Uint8Array(1024);
    for (const options of [
      { frameBytes: 64, frameCount: 17 },
      { start: 4, frameBytes: 64, frameCount: 16 },
      { start: 2, frameBytes: 64, frameCount: 1 },
      { frameBytes: 66, frameCount: 1 },
      { frameBytes: 0, frameCount: 1 },
      { frameBytes: 64, frameCount: -1 },
      { frameBytes: 64, frameCount: 1.5 },
    ]) {
      expect(() => new BlockCache(bytes, options)).toThrow(
        expect.objectContaining({ code: 'LSM_INVALID_ARGUMENT' }),
      );
    }
  });

  test('refuses a second frame for a block, unknown blocks, closed tables and stray unpins', () => {
    const cache = makeCache(2);
    const handle = cache.register(1);
    const frame = cache.insert(handle, 0);
    const internal = expect.objectContaining({ code: 'LSM_INTERNAL' });
    expect(() => cache.insert(handle, 0)).toThrow(internal);
    expect(() => cache.insert(handle, 1)).toThrow(internal);
    expect(() => cache.unpin(frame)).toThrow(internal);
    cache.unregister(handle);
    expect(() => cache.insert(handle, 0)).toThrow(internal);
  });
});

function cachedBlocks(handle: CacheHandle): number[] {
  return [...handle.frameOf.keys()].filter((block) => handle.frameOf[block]! >= 0);
}

/** SIEVE as plain as can be: a list from oldest to newest, and the hand as the entry it stands on. */
class NaiveSieve {
  readonly queue: { key: string; visited: boolean }[] = [];
  readonly pins = new Map<string, number>();
  /** Pinned blocks that were discarded; each still takes a frame. */
  readonly orphans = new Map<string, number>();
  readonly capacity: number;
  hand: { key: string; visited: boolean } | undefined;
  orphanNumber = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** 'hit', 'full', the victim's key, or '' if there was room. */
  access(key: string): string {
    const entry = this.queue.find((candidate) => candidate.key === key);
    if (entry !== undefined) {
      entry.visited = true;
      return 'hit';
    }
    let victim = '';
    if (this.queue.length + this.orphans.size === this.capacity) {
      if (this.queue.every((candidate) => this.pins.has(candidate.key))) return 'full';
      let index = this.hand === undefined ? 0 : this.queue.indexOf(this.hand);
      for (;;) {
        const candidate = this.queue[index]!;
        if (!this.pins.has(candidate.key)) {
          if (!candidate.visited) break;
          candidate.visited = false;
        }
        index = (index + 1) % this.queue.length;
      }
      victim = this.queue[index]!.key;
      this.hand = this.queue[index + 1];
      this.queue.splice(index, 1);
    }
    this.queue.push({ key, visited: false });
    return victim;
  }

  /** Returns the name of the orphan if the block was pinned. */
  discard(key: string): string | undefined {
    const index = this.queue.findIndex((candidate) => candidate.key === key);
    if (this.hand === this.queue[index]) this.hand = this.queue[index + 1];
    this.queue.splice(index, 1);
    const pins = this.pins.get(key);
    if (pins === undefined) return undefined;
    this.pins.delete(key);
    const name = `orphan ${this.orphanNumber++}`;
    this.orphans.set(name, pins);
    return name;
  }
}

/** Runs the cache and the model side by side. */
class Comparison {
  readonly cache: BlockCache;
  readonly model: NaiveSieve;
  readonly handles: CacheHandle[];
  readonly tableOf = new Map<CacheHandle, number>();
  /** Frames of pins, by the model's name of what is pinned. */
  readonly pinned: { name: string; frame: number }[] = [];
  readonly blockCount: number;
  tableNumber = 0;

  constructor(frameCount: number, tableCount: number, blockCount: number) {
    this.cache = makeCache(frameCount);
    this.model = new NaiveSieve(frameCount);
    this.blockCount = blockCount;
    this.handles = Array.from({ length: tableCount }, () => this.#register());
  }

  #register(): CacheHandle {
    const handle = this.cache.register(this.blockCount);
    this.tableOf.set(handle, this.tableNumber++);
    return handle;
  }

  key(handle: CacheHandle, block: number): string {
    return `${this.tableOf.get(handle)}/${block}`;
  }

  access(table: number, block: number): void {
    const handle = this.handles[table]!;
    const before = this.cache.stats;
    const outcome = this.model.access(this.key(handle, block));
    expect(access(this.cache, handle, block)).toBe(outcome === 'hit');
    const after = this.cache.stats;
    expect(after.evictions - before.evictions).toBe(
      outcome === 'hit' || outcome === 'full' || outcome === '' ? 0 : 1,
    );
  }

  pin(table: number, block: number): void {
    const handle = this.handles[table]!;
    const frame = handle.frameOf[block]!;
    if (frame < 0) return;
    const name = this.key(handle, block);
    this.cache.pin(frame);
    this.model.pins.set(name, (this.model.pins.get(name) ?? 0) + 1);
    this.pinned.push({ name, frame });
  }

  unpin(index: number): void {
    if (this.pinned.length === 0) return;
    const [{ name, frame }] = this.pinned.splice(index % this.pinned.length, 1) as [
      { name: string; frame: number },
    ];
    this.cache.unpin(frame);
    const pins = this.model.orphans.has(name) ? this.model.orphans : this.model.pins;
    const left = pins.get(name)! - 1;
    if (left === 0) pins.delete(name);
    else pins.set(name, left);
  }

  discard(table: number, block: number): void {
    const handle = this.handles[table]!;
    const frame = handle.frameOf[block]!;
    if (frame < 0) return;
    this.cache.discard(frame);
    this.#orphan(this.key(handle, block));
  }

  /** Closes a table and opens another one in its place. */
  reopen(table: number): void {
    const handle = this.handles[table]!;
    const blocks = cachedBlocks(handle);
    this.cache.unregister(handle);
    for (const block of blocks) this.#orphan(this.key(handle, block));
    this.handles[table] = this.#register();
  }

  #orphan(key: string): void {
    const orphan = this.model.discard(key);
    if (orphan === undefined) return;
    for (const pin of this.pinned) if (pin.name === key) pin.name = orphan;
  }

  check(): void {
    const cached = this.handles.flatMap((handle) =>
      cachedBlocks(handle).map((block) => this.key(handle, block)),
    );
    expect(cached.toSorted()).toEqual(this.model.queue.map(({ key }) => key).toSorted());
    const frames = [
      ...this.handles.flatMap((handle) => [...handle.frameOf].filter((frame) => frame >= 0)),
      ...new Set(
        this.pinned.filter(({ name }) => this.model.orphans.has(name)).map(({ frame }) => frame),
      ),
    ];
    expect(new Set(frames).size).toBe(frames.length);
    expect(this.cache.stats.usedFrames).toBe(frames.length);
    for (const handle of this.handles) {
      for (const block of cachedBlocks(handle)) {
        const pin = this.pinned.find(({ name }) => name === this.key(handle, block));
        if (pin !== undefined) expect(handle.frameOf[block]).toBe(pin.frame);
      }
    }
  }
}

const TABLES = 3;
const BLOCKS = 12;
const table = fc.nat(TABLES - 1);
const block = fc.nat(BLOCKS - 1);
const step = fc.oneof(
  { weight: 20, arbitrary: fc.tuple(fc.constant('access' as const), table, block) },
  { weight: 3, arbitrary: fc.tuple(fc.constant('pin' as const), table, block) },
  { weight: 3, arbitrary: fc.tuple(fc.constant('unpin' as const), fc.nat(20), fc.constant(0)) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('discard' as const), table, block) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('reopen' as const), table, fc.constant(0)) },
);

describe('BlockCache beside a naive model', () => {
  test('agrees on every hit, victim, pin and free frame', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 16 }),
        fc.array(step, { minLength: 1, maxLength: 200, size: 'max' }),
        (frameCount, steps) => {
          const both = new Comparison(frameCount, TABLES, BLOCKS);
          for (const [kind, first, second] of steps) {
            both[kind](first, second);
            both.check();
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
