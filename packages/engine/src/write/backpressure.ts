/**
 * Holds writers back when flushes or merges do not keep up: small delays first, a hard stop last, always counted.
 *
 * What counts is unflushed memtables and the strategy's own judgement; a flushed memtable that a reader still holds
 * does not (a loop that rewrites while it scans must not block itself). Writes are held at the moment they would have
 * to seal a memtable, or, when slowed, once for every 64 KiB that reaches the log. A stop because of the tree lets one
 * memtable pass each second, since a switch can leave it behind for long. A synchronous write of a listener is never
 * held, nor is what was queued before it: what they would wait for may go on only when the listener returns.
 */
import { type Bytes, type Clock, LsmError } from '@lsm/core';
import type { Counters } from '../counters.ts';
import type { EventHub, StallCause } from '../events.ts';
import type { Durability } from '../options.ts';
import { ownBytes } from '../range.ts';
import { type BatchOperation, byteBound } from '../write-batch.ts';

/** Log bytes between two delays of a slowed writer. */
const DELAY_EVERY_BYTES = 65_536;
/** A single delay, ms: long enough to matter, too short to be felt. */
const DELAY_MS_MIN = 1;
const DELAY_MS_MAX = 5;
/** Waiting memtables at which writers are slowed and stopped. */
const SLOW_MEMTABLES = 2;
const STOP_MEMTABLES = 2;
/** Longest time for which a tree that is too far behind holds writers before they may fill one more memtable, ms. */
const STOP_MS_MAX = 1000;
/** Bytes that an operation of a batch is taken for; a guess only decides whether to wait now or at the next write. */
const BATCH_OPERATION_BYTES = 64;

/** How far behind the background is. */
export interface Load {
  /** Sealed memtables that wait for their flush or are being flushed. */
  readonly sealed: number;
  readonly delay: 'none' | 'slow' | 'stop';
  /** Pressure of the strategy, 1 = at its trigger. */
  readonly pressure: number;
  /** Whether a task runs: a stop that nobody works on would never end. */
  readonly compacting: boolean;
}

/** What back-pressure needs of the database. */
export interface BackpressureHost {
  /** Whether a write of this many bytes would seal the active memtable. */
  needsSeal(bytes: number): boolean;
  /** Blocks up to `ms` while background work makes progress. Throws if there is nothing to wait for. */
  waitSync(ms: number): void;
  /** Applies a queued write and returns its acknowledgement. */
  apply(operations: readonly BatchOperation[], durability: Durability): Promise<void>;
}

interface QueuedWrite {
  readonly operations: readonly BatchOperation[];
  readonly durability: Durability;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Decides for each write whether it goes through, is delayed, or waits. */
export class Backpressure {
  readonly #host: BackpressureHost;
  readonly #clock: Clock;
  readonly #counters: Counters;
  readonly #events: EventHub;
  readonly #queue: QueuedWrite[] = [];
  #lastQueued: Promise<void> | null = null;
  #stopCause: StallCause | null = null;
  #slowCause: StallCause | null = null;
  #delayMs = DELAY_MS_MIN;
  #bytesAtDelay = 0;
  #delay: Promise<void> | null = null;
  #stalledSince = -1;
  /** Whether queued writes are being applied. */
  #releasing = false;
  /** Whether one memtable may be sealed although the tree is too far behind; and when the next may. */
  #isPassing = false;
  #passAt = 0;
  #cancelPass: (() => void) | null = null;

  constructor(host: BackpressureHost, clock: Clock, counters: Counters, events: EventHub) {
    this.#host = host;
    this.#clock = clock;
    this.#counters = counters;
    this.#events = events;
  }

  /** Tells how far behind the background is; releases what waits if it has caught up. */
  update(load: Load): void {
    if (load.sealed > 0) this.#isPassing = false;
    const isBehind = load.delay === 'stop' && load.compacting && !this.#isPassing;
    this.#stopCause = load.sealed >= STOP_MEMTABLES ? 'memtables' : isBehind ? 'compaction' : null;
    this.#schedulePass(isBehind);
    const slow =
      load.sealed >= SLOW_MEMTABLES ? 'memtables' : load.delay === 'none' ? null : 'compaction';
    const begins = slow !== null && this.#slowCause === null;
    this.#slowCause = slow;
    if (begins) {
      this.#bytesAtDelay = this.#counters.logBytes;
      this.#events.emit('slowdown', { cause: slow });
    }
    this.#delayMs = Math.min(DELAY_MS_MAX, Math.max(DELAY_MS_MIN, load.pressure));
    if (this.#stopCause === null) this.#release();
  }

  /** Ends a stop because of the tree for one memtable when it has lasted long enough. */
  #schedulePass(isBehind: boolean): void {
    if (!isBehind) {
      this.#cancelPass?.();
      this.#cancelPass = null;
      return;
    }
    if (this.#cancelPass !== null) return;
    this.#passAt = this.#clock.elapsed() + STOP_MS_MAX;
    this.#cancelPass = this.#clock.after(STOP_MS_MAX, () => this.#pass(), true);
  }

  #pass(): void {
    this.#cancelPass?.();
    this.#cancelPass = null;
    this.#isPassing = true;
    if (this.#stopCause !== 'compaction') return;
    this.#stopCause = null;
    this.#release();
  }

  /** Whether an asynchronous write of these bytes has to wait its turn by {@link queue}. */
  mustQueue(key: Bytes, value: Bytes): boolean {
    if (this.#queue.length > 0 || this.#releasing) return true;
    if (this.#stopCause === null) return false;
    return this.#host.needsSeal(byteBound(key, 'key') + byteBound(value, 'value'));
  }

  /** As {@link mustQueue}, for a batch. */
  mustQueueBatch(operations: readonly BatchOperation[]): boolean {
    if (this.#queue.length > 0 || this.#releasing) return true;
    return (
      this.#stopCause !== null && this.#host.needsSeal(operations.length * BATCH_OPERATION_BYTES)
    );
  }

  /** Keeps a copy of a write until the background has caught up; order among queued writes is kept. */
  queue(operations: readonly BatchOperation[], durability: Durability): Promise<void> {
    const copies = operations.map(copyOperation);
    this.#stallBegins();
    const settled = new Promise<void>((resolve, reject) => {
      this.#queue.push({ operations: copies, durability, resolve, reject });
    });
    this.#lastQueued = settled;
    return settled;
  }

  /** Writes that wait. */
  get queued(): number {
    return this.#queue.length;
  }

  /** Resolves when everything that is queued now was applied or refused. */
  async drained(): Promise<void> {
    if (this.#queue.length === 0) return;
    try {
      await this.#lastQueued;
    } catch {
      // Whoever queued the write is told.
    }
  }

  /** Waits on this thread if a synchronous write of these bytes has to; returns at once otherwise. */
  admitSync(key: Bytes, value: Bytes): void {
    if (this.#stopCause === null && this.#slowCause === null) return;
    this.#waitAsLong(byteBound(key, 'key') + byteBound(value, 'value'));
  }

  /** As {@link admitSync}, for a batch. */
  admitBatchSync(operations: readonly BatchOperation[]): void {
    if (this.#stopCause === null && this.#slowCause === null) return;
    this.#waitAsLong(operations.length * BATCH_OPERATION_BYTES);
  }

  #waitAsLong(bytes: number): void {
    if (this.#events.isTelling) {
      this.#release(true);
      return;
    }
    // What was queued before has to be applied before, whatever its size.
    if (this.#stopCause !== null && (this.#queue.length > 0 || this.#host.needsSeal(bytes))) {
      this.#stallBegins();
      try {
        while (this.#stopCause !== null) {
          this.#host.waitSync(50);
          // No timer fires meanwhile.
          if (this.#cancelPass !== null && this.#clock.elapsed() >= this.#passAt) this.#pass();
        }
      } finally {
        this.#stallEnds();
      }
      return;
    }
    if (this.#slowCause !== null && this.#delayIsDue()) {
      this.#counters.slowdowns++;
      this.#counters.slowdownMs += this.#delayMs;
      this.#host.waitSync(this.#delayMs);
    }
  }

  /** The acknowledgement of an asynchronous write, delayed if writers are slowed. */
  pace(acknowledgement: Promise<void>): Promise<void> {
    if (this.#slowCause === null) return acknowledgement;
    if (this.#delayIsDue()) {
      const ms = this.#delayMs;
      this.#counters.slowdowns++;
      this.#counters.slowdownMs += ms;
      this.#delay = new Promise((resolve) => {
        const done = (): void => {
          this.#delay = null;
          resolve();
        };
        this.#clock.after(ms, done, true);
      });
    }
    const delay = this.#delay;
    return delay === null ? acknowledgement : acknowledgement.then(() => delay);
  }

  /** Rejects everything that waits; at the end of the database or when the background can't go on. */
  rejectAll(error: LsmError): void {
    for (const write of this.#queue.splice(0)) write.reject(error);
    this.#stallEnds();
  }

  #next(all: boolean): QueuedWrite | undefined {
    return all || this.#stopCause === null ? this.#queue.shift() : undefined;
  }

  /** @param all - whatever holds them */
  #release(all = false): void {
    // A write that is applied may seal a memtable and so come back here: the next one would overtake it.
    if (this.#releasing) return;
    this.#releasing = true;
    for (let write = this.#next(all); write !== undefined; write = this.#next(all)) {
      try {
        this.#host.apply(write.operations, write.durability).then(write.resolve, write.reject);
      } catch (error) {
        write.reject(error);
      }
    }
    this.#releasing = false;
    if (this.#queue.length === 0) this.#stallEnds();
  }

  #delayIsDue(): boolean {
    if (this.#delay !== null) return false;
    const written = this.#counters.logBytes;
    if (written - this.#bytesAtDelay < DELAY_EVERY_BYTES) return false;
    this.#bytesAtDelay = written;
    return true;
  }

  #stallBegins(): void {
    if (this.#stalledSince >= 0) return;
    this.#stalledSince = this.#clock.elapsed();
    this.#counters.stalls++;
    this.#events.emit('stallBegin', { cause: this.#stopCause ?? 'memtables' });
  }

  #stallEnds(): void {
    if (this.#stalledSince < 0) return;
    const ms = this.#clock.elapsed() - this.#stalledSince;
    this.#stalledSince = -1;
    this.#counters.stallMs += ms;
    this.#events.emit('stallEnd', { cause: this.#stopCause ?? 'memtables', ms });
  }
}

/** An operation whose bytes the caller may change meanwhile, with own copies. */
function copyOperation(operation: BatchOperation): BatchOperation {
  const copy: Record<string, unknown> = { ...operation };
  for (const name of ['key', 'value', 'gt', 'gte', 'lt', 'lte', 'prefix']) {
    const bytes = copy[name];
    if (bytes !== undefined) copy[name] = ownBytes(bytes as Bytes, name);
  }
  return copy as unknown as BatchOperation;
}
