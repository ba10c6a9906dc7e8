/**
 * Writes that a forecast expects while a strategy works: flushes of equal size at a steady rate, on the forecast's own
 * clock. They go on until the tree is at rest for the first time, or for a given time; what is in memory then is
 * flushed as well, so that everything written counts.
 */

/** Data that arrives meanwhile. */
export interface ExpectedWrites {
  /** Bytes of tables that flushes make in a millisecond. */
  readonly bytesPerMs: number;
  /** Bytes of one flush; default: `flushBytes` of the tree. */
  readonly flushBytes?: number;
  /** Least and most time for which it goes on, ms; default 0 and without end: until the first rest. */
  readonly leastMs?: number;
  readonly mostMs?: number;
}

/** When what arrives. */
export class FlushSchedule {
  /** Time of the forecast, ms. */
  now = 0;
  /** When writing ended; `null` while it goes on. */
  endedAt: number | null = null;
  /** Bytes that arrived. */
  bytes = 0;
  readonly #writes: Required<ExpectedWrites>;
  #lastAt = 0;

  constructor(writes: ExpectedWrites | undefined, flushBytes: number) {
    this.#writes = {
      bytesPerMs: 0,
      flushBytes,
      leastMs: 0,
      mostMs: Number.POSITIVE_INFINITY,
      ...writes,
    };
    if (!(this.#writes.bytesPerMs > 0)) this.endedAt = 0;
  }

  /** Whether a flush is due, or the end of the writes. */
  get isDue(): boolean {
    return this.endedAt === null && Math.min(this.#dueAt, this.#writes.mostMs) <= this.now;
  }

  get #dueAt(): number {
    return this.#lastAt + this.#writes.flushBytes / this.#writes.bytesPerMs;
  }

  /** Takes a flush that is due; its bytes, 0 if none is. */
  takeDue(): number {
    const { flushBytes, mostMs } = this.#writes;
    if (!this.isDue) return 0;
    const dueAt = this.#dueAt;
    if (dueAt > mostMs) return this.#end(mostMs);
    this.#lastAt = dueAt;
    this.bytes += flushBytes;
    return flushBytes;
  }

  /** Writers wait: what is due comes as soon as they go on, and what they would have written meanwhile does not. */
  hold(): void {
    const { flushBytes, bytesPerMs } = this.#writes;
    this.#lastAt = Math.max(this.#lastAt, this.now - flushBytes / bytesPerMs);
  }

  /** The tree is at rest: waits for the next flush, or ends the writing with the last one. Its bytes; 0: nothing comes. */
  takeNext(): number {
    if (this.endedAt !== null) return 0;
    const { leastMs, mostMs } = this.#writes;
    const end = Math.max(this.now, Math.min(leastMs, mostMs));
    const dueAt = this.#dueAt;
    this.now = Math.min(dueAt, end);
    return dueAt <= end ? this.takeDue() : this.#end(end);
  }

  #end(at: number): number {
    this.endedAt = at;
    const bytes = Math.max(0, at - this.#lastAt) * this.#writes.bytesPerMs;
    this.bytes += bytes;
    return bytes;
  }
}
