/**
 * Shadow mode on an open database: what `db.compaction.shadow` starts.
 *
 * A flush hands over the list of runs as it is, which nobody changes any more; the shadows follow in a macrotask of
 * their own. So strategies that are only tried run neither inside the commit of a flush nor before the strategy in use,
 * and whatever they call or throw, they meet a database between two operations.
 */
import { type ShadowCandidate, type ShadowCosts, type ShadowRow, Shadows } from '@lsm/compaction';
import type { Run } from '@lsm/manifest';
import type { Counters } from '../counters.ts';
import type { Core } from '../database-core.ts';
import type { StrategySetting } from '../strategies.ts';
import { candidatesOf } from './candidates.ts';

/** What shadows found. Bytes and ms. */
export interface ShadowReport {
  /** Flushes that were followed, and those that came faster than they could be. */
  readonly flushes: number;
  readonly missedFlushes: number;
  /** What the database did meanwhile, counted. */
  readonly actual: ShadowRow;
  /** The shadow of the strategy that was in use at the beginning: as far as it is from `actual`, the others may be. */
  readonly inUse: ShadowRow;
  /** The others, in the order in which they were given. */
  readonly shadows: readonly ShadowRow[];
  /** Live bytes, as learned from the database's merges. */
  readonly liveBytes: number;
  /** Time that the shadows took on this thread. */
  readonly workMs: number;
}

interface Flush {
  readonly runs: readonly Run[];
  readonly hasTables: boolean;
  readonly at: number;
}

/** Flushes that may wait to be followed, when no macrotask comes. */
const WAITING_MAX = 256;

/** Shadows of a database. */
export class StrategyShadow {
  readonly #core: Core;
  readonly #shadows: Shadows;
  readonly #before: Counters;
  readonly #name: string;
  readonly #unsubscribe: () => void;
  #waiting: Flush[] = [];
  #isDue = false;
  #isWorking = false;
  #missed = 0;
  #workMs = 0;
  #largestTaskBytes = 0;
  #active = true;
  #counters: Counters | null = null;

  /**
   * Use `db.compaction.shadow()`.
   *
   * @throws LSM_INVALID_ARGUMENT
   */
  constructor(core: Core, settings: readonly StrategySetting[]) {
    const { maintenance, events } = core;
    const { tree, strategy, state } = maintenance.compactor;
    const others: readonly ShadowCandidate[] = candidatesOf(settings);
    this.#core = core;
    this.#name = strategy.name;
    this.#before = { ...core.counters };
    this.#shadows = new Shadows(tree, [{ name: strategy.name, strategy, state }, ...others]);
    this.#unsubscribe = events.on('compactionEnd', ({ kind, inputBytes }) => {
      if (kind !== 'merge' && kind !== 'rewrite') return;
      this.#largestTaskBytes = Math.max(this.#largestTaskBytes, inputBytes);
    });
    maintenance.flushObservers.add(this.#observe);
  }

  /** Whether flushes are followed. */
  get active(): boolean {
    return this.#active;
  }

  /** What the strategies would have cost so far. Strategies that failed are in it, with the reason. */
  report(): ShadowReport {
    this.#work();
    const [inUse, ...shadows] = this.#shadows.report();
    return {
      flushes: this.#shadows.flushes,
      missedFlushes: this.#missed,
      actual: this.#actual(),
      inUse: inUse!,
      shadows,
      liveBytes: this.#shadows.liveBytes,
      workMs: this.#workMs,
    };
  }

  /** Follows no further flush; idempotent. `report` stays as it is. */
  stop(): void {
    if (!this.#active) return;
    this.#work();
    this.#active = false;
    this.#counters = { ...this.#core.counters };
    this.#core.maintenance.flushObservers.delete(this.#observe);
    this.#unsubscribe();
  }

  [Symbol.dispose](): void {
    this.stop();
  }

  readonly #observe = (hasTables: boolean): void => {
    const { tree, clock } = this.#core;
    if (this.#waiting.length >= WAITING_MAX) {
      this.#missed++;
      return;
    }
    this.#waiting.push({ runs: tree.version.runs, hasTables, at: clock.now() });
    if (this.#isDue) return;
    this.#isDue = true;
    clock.defer(() => {
      this.#isDue = false;
      this.#work();
    });
  };

  /** Follows the flushes that wait. */
  #work(): void {
    // A strategy that asks for the report, or stops its own shadow, gets what is there.
    if (this.#isWorking) return;
    this.#isWorking = true;
    const { clock } = this.#core;
    const started = clock.elapsed();
    for (const { runs, hasTables, at } of this.#waiting.splice(0)) {
      this.#shadows.flushed(runs, hasTables ? runs[0]! : null, at);
    }
    this.#workMs += clock.elapsed() - started;
    this.#isWorking = false;
  }

  #actual(): ShadowRow {
    const now = this.#counters ?? this.#core.counters;
    const before = this.#before;
    const flushed = now.flushBytes - before.flushBytes;
    const writtenBytes = flushed + now.compactionWriteBytes - before.compactionWriteBytes;
    const moves = now.moves - before.moves;
    const costs: ShadowCosts = {
      ...this.#shadows.actual,
      writtenBytes,
      readBytes: now.compactionReadBytes - before.compactionReadBytes,
      writeAmplification: writtenBytes / Math.max(1, flushed),
      largestTaskBytes: this.#largestTaskBytes,
      tasks: now.compactions - before.compactions + moves,
      moves,
      refused: 0,
    };
    const spaceAmplification = costs.meanTableBytes / Math.max(1, this.#shadows.liveBytes);
    return { name: this.#name, costs, spaceAmplification, failure: null };
  }
}
