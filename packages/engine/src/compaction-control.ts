/** Compaction of an open database in the hands of its user: what works, when it rests, what another would do. */
import {
  type Advice,
  type ExpectedWrites,
  type Forecast,
  type ForecastOptions,
  forecast,
} from '@lsm/compaction';
import { type CompactionStrategy, invalidArgument, LsmError, type TreeSnapshot } from '@lsm/core';
import type { Counters } from './counters.ts';
import type { Core } from './database-core.ts';
import { adviseDatabase, type DatabaseAdviseOptions } from './lab/advisor.ts';
import { defaultCandidates } from './lab/candidates.ts';
import { StrategyShadow } from './lab/strategy-shadow.ts';
import { consentedStrategy, type StrategySetting, type SwitchOptions } from './strategies.ts';
import { checkOptionNames } from './write-batch.ts';

/** Bytes that merges are taken to read and write in a millisecond, as long as this database has merged nothing. */
const BYTES_PER_MS = 100_000;
/** Tasks that a forecast follows: as many as admission allows without new data (A8), and some for new tables. */
const TASKS_PER_TABLE = 32;
const TASKS_LEAST = 64;
/** Writes that never let a tree rest are followed for so long: ms, and as a multiple of the time without them. */
const WRITES_MS_MIN = 1000;
const BACKLOG_MAX = 8;

/** What a forecast of a switch is to reckon with. */
export interface PlanOptions extends SwitchOptions {
  /**
   * Writes that go on meanwhile: bytes of keys and values in a millisecond, until the tree is at rest for the first
   * time, and at least for `leastMs` (default 0); if they are more than merges keep up with, for some times as long as
   * the switch alone would take. Both forecasts reckon with the same writes. Default: none.
   */
  readonly writes?: { readonly bytesPerMs: number; readonly leastMs?: number };
  /**
   * Bytes that one compacted copy of the data would take, if you know; default: those of the largest run. What merges
   * leave out is guessed from it.
   */
  readonly liveBytes?: number;
}

/** What is to be expected of a switch to another strategy. */
export interface SwitchPlan {
  /** Names of the strategies. */
  readonly from: string;
  readonly to: string;
  /** What the present strategy has still to do with the tree as it is. */
  readonly current: Forecast;
  /** What the other one would do with it. */
  readonly next: Forecast;
  /** The difference, which is the price of the switch: bytes to write, and ms. Negative if it spares work. */
  readonly extraWrittenBytes: number;
  readonly extraMs: number;
  /** Bytes of input that a task should not exceed. */
  readonly maxTaskBytes: number;
  /** Bytes that merges read and write in a millisecond, and whether this database's own merges since its opening say so. */
  readonly bytesPerMs: number;
  readonly isMeasured: boolean;
}

/** Reached as `db.compaction`. */
export class CompactionControl {
  readonly #core: Core;

  /** For the engine; users have `db.compaction`. */
  constructor(core: Core) {
    this.#core = core;
  }

  /** The strategy in use; `safeguard` after a quarantine. */
  get strategy(): CompactionStrategy {
    return this.#core.maintenance.strategy;
  }

  /** Whether {@link pause} is in effect. */
  get paused(): boolean {
    return this.#core.maintenance.compactor.paused;
  }

  /**
   * Lets compaction rest: running tasks end, none is started, until {@link resume} or the end of this process. Flushes
   * go on, so level 0 grows, reads get slower and space is not given back; writers are not held back for it.
   * `compact()` still works. For a time in which the disk or the processor belongs to something else.
   *
   * @returns settles when no task is running
   * @throws LSM_CLOSED, LSM_READ_ONLY
   */
  async pause(): Promise<void> {
    this.#core.checkOpen();
    this.#core.checkWritable();
    await this.#core.maintenance.compactor.pause();
  }

  /**
   * Lets compaction work again.
   *
   * @throws LSM_CLOSED, LSM_READ_ONLY
   */
  resume(): void {
    this.#core.checkOpen();
    this.#core.checkWritable();
    this.#core.maintenance.compactor.resume();
  }

  /**
   * Tells what a switch would do: bytes to rewrite, time, space, the largest task and the shape at rest, by the real
   * planner and the real admission on the tree as it is. Nothing is read, written or changed.
   *
   * It is about tables: what is in memory now comes on top, and what is written meanwhile unless `writes` says how much.
   * Tasks under way are taken as not begun, and the disk as large enough. Works on this thread, for about a millisecond
   * per dozen tasks.
   *
   * @param next - as `setCompaction` takes it
   * @param options - `lossy` as for `setCompaction`; `writes`
   * @throws LSM_INVALID_ARGUMENT as `setCompaction` does; LSM_STRATEGY if a strategy broke its contract; LSM_CLOSED
   */
  plan(next: StrategySetting, options: PlanOptions = {}): SwitchPlan {
    const core = this.#core;
    core.checkOpen();
    checkOptionNames(options, ['lossy', 'writes', 'liveBytes'], 'plan');
    const { writes, liveBytes, ...consent } = options;
    const strategy = consentedStrategy(next, consent, core.settings.lossy, 'plan');
    const { compactor } = core.maintenance;
    const { compactionReadBytes, compactionWriteBytes, compactionMs } = core.counters;
    const merged = compactionReadBytes + compactionWriteBytes;
    const isMeasured = merged > 0 && compactionMs > 0;
    const bytesPerMs = isMeasured ? merged / compactionMs : BYTES_PER_MS;
    const { tree, strategy: present, state } = compactor;
    const flushes = writes === undefined ? null : flushesOf(writes, core.counters);
    if (liveBytes !== undefined && !(typeof liveBytes === 'number' && liveBytes > 0)) {
      throw invalidArgument('plan: liveBytes has to be a number above 0.');
    }
    const known = { bytesPerMs, ...(liveBytes === undefined ? {} : { liveBytes }) };
    let other = follow(tree, strategy, known);
    let mine: ForecastOptions = { ...known, state };
    if (flushes !== null) {
      // More than merges keep up with would go on for ever.
      const mostMs = Math.max(flushes.leastMs ?? 0, WRITES_MS_MIN + BACKLOG_MAX * other.durationMs);
      other = follow(tree, strategy, { ...known, writes: { ...flushes, mostMs } });
      const at = other.writesEndMs;
      mine = { ...mine, writes: { ...flushes, leastMs: at, mostMs: at } };
    }
    const current = follow(tree, present, mine);
    return {
      from: present.name,
      to: strategy.name,
      current,
      next: other,
      extraWrittenBytes: other.writtenBytes - current.writtenBytes,
      extraMs: other.durationMs - current.durationMs,
      maxTaskBytes: tree.limits.maxTaskBytes,
      bytesPerMs,
      isMeasured,
    };
  }

  /**
   * Says which strategy would suit this database, with reasons and the setting to give to `setCompaction`; applies
   * nothing. Candidates are ranked by formula, the best replayed in the simulator. Takes some seconds, in slices of this
   * thread of a few ms.
   *
   * @param options - a recorded `trace`, `candidates`, `weights` of writes, reads and space, `threshold`
   * @throws LSM_INVALID_ARGUMENT, also if there is no trace and nothing was written since the opening; LSM_CLOSED
   */
  async advise(options: DatabaseAdviseOptions = {}): Promise<Advice> {
    this.#core.checkOpen();
    return adviseDatabase(this.#core, options);
  }

  /**
   * Lets strategies follow the flushes of this database in the shadow of the one in use, on metadata alone: nothing is
   * read or written. Each flush costs them about what a plan costs, and a guess for each merge, on this thread; memory
   * is that of the tables' bounds, for each strategy. One that throws, or that the engine would have quarantined, is
   * dropped with the reason.
   *
   * @param strategies - as `setCompaction` takes them, without consent to loss; default {@link defaultCandidates}
   * @returns what they would have cost, on demand; it ends with its `stop` or the database
   * @throws LSM_INVALID_ARGUMENT; LSM_CLOSED, LSM_READ_ONLY
   */
  shadow(strategies: readonly StrategySetting[] = defaultCandidates()): StrategyShadow {
    this.#core.checkOpen();
    this.#core.checkWritable();
    return new StrategyShadow(this.#core, strategies);
  }
}

/** Writes as the flushes that they make, by the size of those so far. */
function flushesOf(
  writes: NonNullable<PlanOptions['writes']>,
  { flushes, flushBytes }: Counters,
): ExpectedWrites {
  const { bytesPerMs, leastMs = 0 } = writes ?? {};
  for (const value of [bytesPerMs, leastMs]) {
    if (typeof value === 'number' && value >= 0 && value < Number.POSITIVE_INFINITY) continue;
    throw invalidArgument('plan: writes has to be {bytesPerMs, leastMs}, numbers of at least 0.');
  }
  return { bytesPerMs, leastMs, ...(flushes > 0 ? { flushBytes: flushBytes / flushes } : {}) };
}

/** A forecast with a strategy that may be anybody's code. */
function follow(
  tree: TreeSnapshot,
  strategy: CompactionStrategy,
  options: ForecastOptions,
): Forecast {
  let tables = 0;
  for (const run of tree.runs) tables += run.tables.length;
  const maxTasks = TASKS_LEAST + TASKS_PER_TABLE * tables;
  try {
    return forecast(tree, strategy, { ...options, maxTasks, lossy: strategy.lossy === true });
  } catch (error) {
    throw new LsmError('LSM_STRATEGY', `The strategy "${strategy.name}" gave no plan.`, {
      cause: error,
    });
  }
}
