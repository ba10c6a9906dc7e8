/**
 * One database under load, switched through all ordered pairs of strategies, and what each switch cost.
 *
 * For each pair:
 * 1. A part of the data is overwritten, so that the tree takes the shape of the present strategy; rest; then a window of
 *    load, for the latencies before.
 * 2. Compaction rests for a moment: a copy is made (checkpoint), and `db.compaction.plan` forecasts the switch at this
 *    rate of writes.
 * 3. The switch, and load until compaction has nothing left to do and the window was as long as the one before; then
 *    flush and rest. This gives the bytes written with the switch, the largest task, the latencies.
 * 4. The same operations on the copy, which keeps its strategy: the bytes written without the switch. The difference is
 *    what the forecast is compared with.
 */
import {
  type Db,
  type OpenOptions,
  open,
  type StrategySetting,
  type SwitchPlan,
} from '@lsm/engine';
import { WrongAnswer } from '../model.ts';
import type { WorkDirectory } from '../run/work-directory.ts';
import { OperationTrace } from './operation-trace.ts';
import { type LoadWindow, PacedLoad } from './paced-load.ts';
import { walkAllPairs } from './strategy-walk.ts';

/** Keys that are checked on each copy, and after each switch. */
const SAMPLES = 2000;
/** A switch that takes longer than this is taken for endless, ms. */
const SWITCH_MS_MAX = 1_200_000;
/** Writes of a replay that are under way at once. */
const REPLAY_BATCH = 64;

/** A strategy of the chain. */
export interface NamedStrategy {
  readonly name: string;
  readonly setting: StrategySetting;
}

/** What a chain is given. */
export interface ChainSetting {
  readonly strategies: readonly NamedStrategy[];
  readonly entries: number;
  /** A multiple of 4. */
  readonly valueBytes: number;
  /** Writes in a second; as many reads beside them. */
  readonly rate: number;
  /** Writes before each switch, as a share of the entries: they give the tree the shape of the present strategy. */
  readonly churn: number;
  /** Length of the window before a switch, and least length of the one during it, ms. */
  readonly windowMs: number;
  /** Switches after which the chain ends; default all. */
  readonly steps?: number;
  readonly seed: number;
  /** Whether writes outside windows wait for compaction, so that equal settings give equal trees; default false. */
  readonly isStepwise?: boolean;
  readonly open: Omit<OpenOptions, 'compaction'>;
}

/** One switch. Bytes, ms. */
export interface SwitchStep {
  readonly from: string;
  readonly to: string;
  readonly plan: SwitchPlan;
  readonly liveBytes: number;
  /** Operations between the copy and rest. */
  readonly operations: number;
  /** Bytes that merges wrote until rest, with the switch and on the copy without it. */
  readonly writtenWith: number;
  readonly writtenWithout: number;
  readonly tasks: number;
  readonly largestTaskBytes: number;
  /** From the switch to the first moment without anything to do. */
  readonly restMs: number;
  readonly before: LoadWindow;
  readonly during: LoadWindow;
  readonly stallMs: number;
  readonly slowdownMs: number;
  readonly runs: number;
}

/** What became of a chain. */
export interface ChainResult {
  readonly steps: readonly SwitchStep[];
  /** Entries compared with the model at the end, after a reopening. */
  readonly checkedEntries: number;
  /** Reads compared with the model under load. */
  readonly checkedReads: number;
  /** Strategies that were quarantined and background work that failed, with reasons; has to be empty. */
  readonly troubles: readonly string[];
}

/** Runs a chain; reports each switch as it is done. */
export class SwitchChain {
  readonly #setting: ChainSetting;
  readonly #directory: WorkDirectory;
  readonly #report: (step: SwitchStep) => void;
  readonly #trace: OperationTrace;
  readonly #troubles: string[] = [];
  #reads = 0;

  /**
   * @param directory - gets the database and one copy at a time
   * @param report - called after each switch
   */
  constructor(
    setting: ChainSetting,
    directory: WorkDirectory,
    report: (step: SwitchStep) => void = () => {},
  ) {
    this.#setting = setting;
    this.#directory = directory;
    this.#report = report;
    this.#trace = new OperationTrace(setting.entries, setting.valueBytes, setting.seed);
  }

  /**
   * Loads, switches, checks.
   *
   * @throws WrongAnswer, or whatever a database throws
   */
  async run(): Promise<ChainResult> {
    const { strategies, rate, seed } = this.#setting;
    const path = this.#directory.next();
    const walk = walkAllPairs(strategies.length);
    const last = Math.min(this.#setting.steps ?? Number.POSITIVE_INFINITY, walk.length - 1);
    const steps: SwitchStep[] = [];
    const db = await this.#open(path, strategies[walk[0]!]!.setting);
    try {
      // Every key once, and as many writes of random keys, so that runs hold versions of the same keys.
      await this.#writeUpTo(db, 2 * this.#trace.entries);
      const load = new PacedLoad(db, this.#trace, rate, seed);
      for (let i = 0; i < last; i++) {
        const step = await this.#switch(db, load, strategies[walk[i]!]!, strategies[walk[i + 1]!]!);
        steps.push(step);
        this.#report(step);
      }
    } finally {
      await db.close();
    }
    const checkedEntries = await this.#checkReopened(path);
    return { steps, checkedEntries, checkedReads: this.#reads, troubles: this.#troubles };
  }

  async #open(path: string, compaction?: StrategySetting): Promise<Db> {
    const db = await open(path, {
      ...this.#setting.open,
      ...(compaction === undefined ? {} : { compaction }),
    });
    db.on('strategyQuarantined', ({ strategy, reason }) => {
      this.#troubles.push(`${strategy} was quarantined: ${reason}`);
    });
    db.on('error', ({ error }) => this.#troubles.push(error.message));
    return db;
  }

  /** Writes as fast as possible, up to an operation of the trace; then rest. */
  async #writeUpTo(db: Db, count: number): Promise<void> {
    const trace = this.#trace;
    while (trace.count < count) {
      const batch: Promise<void>[] = [];
      for (let i = 0; i < REPLAY_BATCH && trace.count < count; i++) batch.push(trace.next(db));
      await Promise.all(batch);
      if (this.#setting.isStepwise === true) await db.idle();
    }
    await db.flush();
    await db.idle();
  }

  async #switch(
    db: Db,
    load: PacedLoad,
    from: NamedStrategy,
    to: NamedStrategy,
  ): Promise<SwitchStep> {
    const trace = this.#trace;
    const { windowMs, churn } = this.#setting;
    await this.#writeUpTo(db, trace.count + Math.floor(churn * trace.entries));
    const before = await load.run((ms) => ms >= windowMs);
    await db.compaction.pause();
    const copy = this.#directory.next();
    await db.checkpoint(copy);
    const { counters: at } = db.stats();
    const bytesPerMs = ((at.flushBytes / at.flushEntries) * this.#setting.rate) / 1000;
    const plan = db.compaction.plan(to.setting, { writes: { bytesPerMs, leastMs: windowMs } });
    const first = trace.count;
    const tasks = watchTasks(db);
    const started = performance.now();
    await db.setCompaction(to.setting);
    db.compaction.resume();
    let restMs = Number.POSITIVE_INFINITY;
    void db.idle().then(() => {
      restMs = performance.now() - started;
    });
    const during = await load.run((ms) => {
      if (ms > SWITCH_MS_MAX || this.#troubles.length > 0) {
        throw new WrongAnswer(
          `${from.name} → ${to.name} does not come to rest. ${this.#troubles.join(' ')}`,
        );
      }
      return ms >= windowMs && ms >= restMs;
    });
    await db.flush();
    await db.idle();
    tasks.end();
    const { counters, runs } = db.stats();
    this.#reads += before.reads + during.reads;
    this.#checkSamples(db);
    const writtenWithout = await this.#replay(copy, first);
    return {
      from: from.name,
      to: to.name,
      plan,
      liveBytes: trace.liveBytes,
      operations: trace.count - first,
      writtenWith: counters.compactionWriteBytes - at.compactionWriteBytes,
      writtenWithout,
      tasks: tasks.count,
      largestTaskBytes: tasks.largestBytes,
      restMs,
      before,
      during,
      stallMs: counters.stallMs - at.stallMs,
      slowdownMs: counters.slowdownMs - at.slowdownMs,
      runs,
    };
  }

  /** The operations from `first` on, on a copy; bytes that its merges wrote. */
  async #replay(path: string, first: number): Promise<number> {
    const trace = this.#trace;
    const copy = await this.#open(path);
    try {
      for (let i = first; i < trace.count; ) {
        const batch: Promise<void>[] = [];
        for (let j = 0; j < REPLAY_BATCH && i < trace.count; j++) {
          batch.push(trace.replay(copy, i++));
        }
        await Promise.all(batch);
      }
      await copy.flush();
      await copy.idle();
      this.#checkSamples(copy);
      return copy.stats().counters.compactionWriteBytes;
    } finally {
      await copy.close();
      this.#directory.drop(path);
    }
  }

  #checkSamples(db: Db): void {
    const { entries } = this.#trace;
    const step = Math.max(1, Math.floor(entries / SAMPLES));
    for (let key = 0; key < entries; key += step) this.#trace.check(db, key);
  }

  /** Everything, by a scan of the reopened database, and every byte of its files. */
  async #checkReopened(path: string): Promise<number> {
    const db = await this.#open(path);
    try {
      await db.idle();
      await db.verify();
      return await this.#trace.checkAll(db);
    } finally {
      await db.close();
      this.#directory.drop(path);
    }
  }
}

/** Counts tasks that read, and their bytes, until `end`. */
function watchTasks(db: Db): { count: number; largestBytes: number; end(): void } {
  const watch = {
    count: 0,
    largestBytes: 0,
    end: db.on('compactionBegin', ({ kind, inputBytes }) => {
      if (kind !== 'merge' && kind !== 'rewrite') return;
      watch.count++;
      watch.largestBytes = Math.max(watch.largestBytes, inputBytes);
    }),
  };
  return watch;
}
