/**
 * What `entries`, `keys` and `values` return: iterable with `for` and `for await`, and a cursor by itself.
 *
 * 1. The state that it shows is pinned at creation; sources are opened at first use.
 * 2. Synchronous use takes entries one by one. Asynchronous use takes batches and serves promises from them, so that
 *    an entry costs a resolved promise, not a scheduling round; every 2 ms of one macrotask it yields to the loop.
 * 3. An iterator that is neither finished nor closed is released when the garbage collector finds it.
 */
import { type Bytes, type Clock, invalidArgument, KeyBuffer, LsmError } from '@lsm/core';
import type { ScanCursor } from './scan-cursor.ts';
import type { ValueSlab } from './value-slab.ts';

const BATCH_ENTRIES = 128;
const STEP = (cursor: ScanCursor): void => cursor.step();
const TURN_MS_MAX = 2;

/** What part of an entry an iterator yields. */
export type Selection = 'entries' | 'keys' | 'values';

/** What an iterator needs of the database. */
export interface IteratorHost {
  /** Opens the sources; called at first use. */
  open(): ScanCursor;
  /** Gives back what was pinned; called once, with the number of items that were read. */
  release(read: number): void;
  /** Throws if the database is closed. */
  check(): void;
}

/** Limits of an iteration. */
export interface IteratorLimits {
  readonly limit: number;
  readonly signal: AbortSignal | undefined;
}

/** What stays reachable from the registry and the garbage-collection net: never the iterator itself. */
interface Holding {
  readonly registry: IteratorRegistry;
  cursor: ScanCursor | null;
  /** Items read. */
  read: number;
  release: ((read: number) => void) | null;
}

const abandoned = new FinalizationRegistry<Holding>(letGo);

function letGo(holding: Holding): void {
  holding.registry.live.delete(holding);
  holding.cursor?.close();
  holding.cursor = null;
  holding.release?.(holding.read);
  holding.release = null;
}

/** What the open iterators of a database hold. */
export class IteratorRegistry {
  /** One member for each open iterator. */
  readonly live: Set<Holding> = new Set();

  /** Takes everything away from the open iterators; at the end of the database. */
  closeAll(): void {
    for (const holding of [...this.live]) letGo(holding);
  }
}

/**
 * Reads a range in order. Yields `[key, value]`, keys or values, as owned bytes.
 *
 * @typeParam T - what is yielded
 */
export class RangeIterator<T> implements Iterable<T>, AsyncIterable<T> {
  readonly #host: IteratorHost;
  readonly #slab: ValueSlab;
  readonly #clock: Clock;
  readonly #selection: Selection;
  readonly #signal: AbortSignal | undefined;
  readonly #holding: Holding;
  readonly #limit: number;
  #closed = false;
  #ended = false;
  #batch: T[] = [];
  #batchIndex = 0;
  #turnStart = -1;

  /** Use `db.entries()`, `db.keys()` or `db.values()`. */
  constructor(
    registry: IteratorRegistry,
    host: IteratorHost,
    slab: ValueSlab,
    clock: Clock,
    selection: Selection,
    limits: IteratorLimits,
  ) {
    this.#host = host;
    this.#slab = slab;
    this.#clock = clock;
    this.#selection = selection;
    this.#limit = limits.limit;
    this.#signal = limits.signal;
    this.#holding = {
      registry,
      cursor: null,
      read: 0,
      release: (read) => host.release(read),
    };
    registry.live.add(this.#holding);
    abandoned.register(this, this.#holding, this);
  }

  /** Whether it was closed, by the end of a loop, `close()` or the database. */
  get closed(): boolean {
    return this.#closed;
  }

  /** The next item, or `undefined` at the end. */
  nextSync(): T | undefined {
    this.#check();
    if (this.#batchIndex < this.#batch.length) return this.#batch[this.#batchIndex++];
    return this.#take();
  }

  /** Up to `count` further items; an empty array at the end. */
  nextBatchSync(count: number): T[] {
    this.#check();
    checkCount(count);
    const items = this.#batch.slice(this.#batchIndex, this.#batchIndex + count);
    this.#batchIndex += items.length;
    while (items.length < count) {
      const item = this.#take();
      if (item === undefined) break;
      items.push(item);
    }
    return items;
  }

  /** As {@link nextSync}; yields to the event loop in long runs. */
  next(): Promise<T | undefined> {
    try {
      this.#check();
      if (this.#batchIndex < this.#batch.length) {
        return Promise.resolve(this.#batch[this.#batchIndex++]);
      }
      return this.#refill();
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** As {@link nextBatchSync}; yields to the event loop in long runs. */
  async nextBatch(count: number): Promise<T[]> {
    checkCount(count);
    await this.#pause();
    return this.nextBatchSync(count);
  }

  /**
   * Moves so that the next item is the first at or above `key` (at or below, in reverse), within the range. Counts
   * nothing against the limit.
   */
  seek(key: Bytes): void {
    this.#check();
    const buffer = new KeyBuffer();
    buffer.set(key);
    this.#holding.read -= this.#batch.length - this.#batchIndex;
    this.#batch = [];
    this.#batchIndex = 0;
    this.#ended = false;
    this.#moved((cursor) => cursor.seek(buffer));
  }

  /** Gives back what it holds; idempotent. Later use throws LSM_ITERATOR_CLOSED. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#batch = [];
    abandoned.unregister(this);
    letGo(this.#holding);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  [Symbol.iterator](): Iterator<T, undefined> {
    return {
      next: () => {
        const value = this.nextSync();
        if (value !== undefined) return { done: false, value };
        this.close();
        return { done: true, value: undefined };
      },
      return: () => {
        this.close();
        return { done: true, value: undefined };
      },
    };
  }

  [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
    return {
      next: () => {
        try {
          this.#check();
        } catch (error) {
          this.close();
          return Promise.reject(error);
        }
        if (this.#batchIndex < this.#batch.length) {
          return Promise.resolve({ done: false, value: this.#batch[this.#batchIndex++]! });
        }
        return this.#nextResult();
      },
      return: async () => {
        this.close();
        return { done: true, value: undefined };
      },
    };
  }

  async #nextResult(): Promise<IteratorResult<T, undefined>> {
    this.#check();
    const value = await this.#refill();
    if (value !== undefined) return { done: false, value };
    this.close();
    return { done: true, value: undefined };
  }

  async #refill(): Promise<T | undefined> {
    await this.#pause();
    this.#check();
    // Another call that waited may have filled the batch.
    if (this.#batchIndex < this.#batch.length) return this.#batch[this.#batchIndex++];
    const batch: T[] = [];
    while (batch.length < BATCH_ENTRIES) {
      const item = this.#take();
      if (item === undefined) break;
      batch.push(item);
    }
    this.#batch = batch;
    this.#batchIndex = Math.min(1, batch.length);
    return batch[0];
  }

  #take(): T | undefined {
    const holding = this.#holding;
    if (this.#ended || holding.read >= this.#limit) return undefined;
    const cursor = this.#moved(STEP);
    if (!cursor.valid) {
      this.#ended = true;
      return undefined;
    }
    holding.read++;
    const { entry } = cursor;
    const slab = this.#slab;
    if (this.#selection === 'entries') return slab.copyPair(entry) as T;
    if (this.#selection === 'keys') return slab.copyKey(entry) as T;
    return slab.copyValue(entry) as T;
  }

  /** The cursor after a move. One that failed stands nowhere: the iterator ends instead of leaving entries out. */
  #moved(move: (cursor: ScanCursor) => void): ScanCursor {
    try {
      const cursor = this.#cursor();
      move(cursor);
      return cursor;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #cursor(): ScanCursor {
    this.#holding.cursor ??= this.#host.open();
    return this.#holding.cursor;
  }

  #check(): void {
    this.#host.check();
    if (this.#closed) {
      throw new LsmError('LSM_ITERATOR_CLOSED', 'The iterator is closed; open a new one.');
    }
    if (this.#signal?.aborted === true) {
      this.close();
      throw new LsmError('LSM_ABORTED', 'The iteration was aborted by its signal.', {
        cause: this.#signal.reason,
      });
    }
  }

  /** Lets timers and sockets run if this macrotask already took long. */
  #pause(): Promise<void> | undefined {
    const now = this.#clock.elapsed();
    if (this.#turnStart < 0) {
      this.#turnStart = now;
      this.#clock.defer(() => {
        this.#turnStart = -1;
      });
      return undefined;
    }
    if (now - this.#turnStart < TURN_MS_MAX) return undefined;
    return new Promise((resolve) => this.#clock.defer(resolve));
  }
}

function checkCount(count: number): void {
  if (!Number.isInteger(count) || count < 1) {
    throw invalidArgument('The number of items has to be an integer from 1.');
  }
}
