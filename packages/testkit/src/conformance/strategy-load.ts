/**
 * A strategy under load: the simulator of `@lsm/compaction` (the engine's own merge, admission and drop rules), a model
 * beside it, and random writes, deletes, snapshots, crashes, aborts and switches.
 */
import { overlapping, PlanDraft, Simulator, type SimulatorOptions } from '@lsm/compaction';
import { type CompactionStrategy, type Random, SEQUENCE_MAX, seededRandom } from '@lsm/core';

/** What a load does beside writing. */
export interface LoadOptions {
  readonly seed: number;
  readonly keys: number;
  readonly flushes: number;
  readonly flushEntries: number;
  /** Strategies to switch to, in turn, now and then; none by default. */
  readonly others?: readonly (() => CompactionStrategy)[];
  /** Whether processes crash now and then. */
  readonly crashes?: boolean;
  /** The process crashes before this step: a plan, or the end of a task; default: before none. */
  readonly crashStep?: number;
  /** Entries that a task should not exceed; default infinite. */
  readonly maxTaskEntries?: number;
}

/** Steps between two looks at all keys. */
const CHECK_STEPS = 24;

/**
 * Loads a tree and compares all reads with a model, at every live snapshot; returns what was wrong. What a lossy strategy
 * dropped may be missing, but nothing older may come to light.
 */
export function loadAndCheck(make: () => CompactionStrategy, options: LoadOptions): string | null {
  return new Load(make, options).run();
}

class Load {
  readonly #make: () => CompactionStrategy;
  readonly #options: LoadOptions;
  readonly #random: Random;
  readonly #simulator: Simulator;
  readonly #model: number[];
  #snapshots: { readonly at: number; readonly visible: readonly number[] }[] = [];
  #switches = 0;
  readonly #isLossy: boolean;
  readonly #all: readonly (() => CompactionStrategy)[];
  #refusal: string | null = null;
  #steps = 0;

  constructor(make: () => CompactionStrategy, options: LoadOptions) {
    const { seed, keys, flushEntries, maxTaskEntries = Number.POSITIVE_INFINITY } = options;
    this.#make = make;
    this.#isLossy = make().lossy === true;
    this.#all = [make, ...(options.others ?? [])];
    this.#options = options;
    this.#random = seededRandom(seed);
    this.#model = Array.from({ length: keys }, () => -1);
    this.#simulator = new Simulator(make(), {
      keyCount: keys,
      flushEntries: Number.POSITIVE_INFINITY,
      flushMs: 1000,
      tableEntries: flushEntries,
      maxTaskEntries,
      maxTasks: 4,
      settles: false,
      random: this.#random,
      abortShare: 0.1,
    });
  }

  run(): string | null {
    const { flushes } = this.#options;
    for (let flush = 0; flush < flushes; flush++) {
      this.#write();
      for (let i = this.#random.next() % 5; i > 0; i--) {
        this.#count();
        this.#plan();
        this.#count();
        this.#simulator.step();
      }
      this.#disturb();
      if (flush % CHECK_STEPS === 0 || flush === flushes - 1) {
        const wrong = this.#wrongReads(`flush ${flush}`);
        if (wrong !== null) return wrong;
      }
    }
    if (this.#options.others !== undefined) this.#simulator.setStrategy(this.#make());
    this.#simulator.settle();
    const wrong = this.#wrongReads('the end') ?? this.#unrest();
    return wrong ?? this.#refusal;
  }

  #plan(): void {
    const { rejections } = this.#simulator;
    const before = rejections.length;
    this.#simulator.plan();
    const refused = rejections[before];
    // What others plan in between is not the strategy's.
    if (refused === undefined || this.#switches % this.#all.length !== 0) return;
    this.#refusal ??= `A task was refused by ${refused.rule}: ${refused.message}`;
  }

  /** Rest is a matter of the tree: what was aborted or lost in a crash has to be done in the end, whatever was noted. */
  #unrest(): string | null {
    const fresh = this.#make();
    const tree = this.#simulator.tree();
    const { tasks } = fresh.plan(tree, fresh.initialState?.() ?? null);
    const { quiescent } = fresh.assess(tree);
    if (tasks.length === 0 && quiescent) return null;
    return `At the end nothing more is planned, but one without memory would plan ${tasks.length} tasks`;
  }

  /** A step is about to be made. */
  #count(): void {
    if (this.#steps++ !== this.#options.crashStep) return;
    this.#simulator.crash();
    this.#snapshots = [];
  }

  #write(): void {
    const { keys, flushEntries } = this.#options;
    for (let i = 0; i < flushEntries; i++) {
      const key = this.#random.next() % keys;
      const dice = this.#random.next() % 40;
      if (dice > 5) {
        this.#simulator.put(key);
        this.#model[key] = this.#simulator.sequence;
      } else if (dice > 0) {
        this.#simulator.del(key);
        this.#model[key] = -1;
      } else {
        const upper = key + 1 + (this.#random.next() % 10);
        this.#simulator.delRange(key, upper < keys ? upper : null);
        this.#model.fill(-1, key, upper);
      }
    }
    this.#simulator.flush();
  }

  #disturb(): void {
    const dice = this.#random.next() % 16;
    const { crashes = false } = this.#options;
    if (dice === 0 && this.#snapshots.length < 3) {
      this.#snapshots.push({ at: this.#simulator.snapshot(), visible: [...this.#model] });
    } else if (dice <= 2 && this.#snapshots.length > 0) {
      this.#simulator.release(this.#snapshots.shift()!.at);
    } else if (dice === 3 && crashes) {
      this.#simulator.crash();
      this.#snapshots = [];
    } else if (dice === 4 && this.#all.length > 1) {
      this.#simulator.setStrategy(this.#all[++this.#switches % this.#all.length]!());
    }
  }

  #wrongReads(when: string): string | null {
    for (const { at, visible } of [
      { at: SEQUENCE_MAX, visible: this.#model },
      ...this.#snapshots,
    ]) {
      for (let key = 0; key < visible.length; key++) {
        const seen = this.#simulator.get(key, at);
        if (seen !== visible[key] && !(this.#isLossy && seen === -1)) {
          return `Key ${key} at ${at} reads ${seen}, not ${visible[key]}, after ${when}`;
        }
      }
    }
    return null;
  }
}

/** A simulator filled by random overwrites, a strategy that keeps up; for figures. */
export function overwrite(
  strategy: CompactionStrategy,
  options: SimulatorOptions & { readonly puts: number },
): Simulator {
  const { puts, ...sizes } = options;
  const simulator = new Simulator(strategy, sizes);
  const random = seededRandom(1);
  for (let i = 0; i < puts; i++) simulator.put(random.next() % sizes.keyCount);
  return simulator;
}

/** Merges the two newest runs while there are more than `most`: another strategy, to switch to and from. */
export function newestPair(most: number): CompactionStrategy {
  const isDue = (runs: number): boolean => runs > most;
  return {
    name: 'newest-pair',
    formatVersion: 1,
    settings: { most },
    plan({ runs: rows, inProgress, limits }) {
      const runs = rows.filter((run) => run.tables.length > 0);
      if (inProgress.length > 0 || !isDue(runs.length)) return { tasks: [] };
      const [newer, older] = runs;
      return {
        tasks: [
          {
            kind: 'merge',
            inputs: [...newer!.tables, ...older!.tables].map((table) => table.id),
            to: { into: older!.id },
            shape: { tableBytes: limits.tableBytes },
            reason: 'pair',
            score: 1,
          },
        ],
      };
    },
    assess: ({ runs, inProgress }) => ({
      debtBytes: 0,
      pressure: runs.length / (most + 1),
      delay: 'none',
      quiescent: inProgress.length === 0 && !isDue(runs.filter((r) => r.tables.length > 0).length),
    }),
  };
}

/**
 * Merges and moves single tables at random, as far as that is legal: leaves trees behind that no other strategy makes.
 * Never at rest.
 */
export function scatter(): CompactionStrategy {
  return {
    name: 'scatter',
    formatVersion: 1,
    settings: {},
    plan(snapshot) {
      const draft = new PlanDraft(snapshot);
      const random = seededRandom(snapshot.version);
      const runs = snapshot.runs.filter((run) => run.tables.length > 0);
      for (let tries = 0; tries < 3 && runs.length > 0; tries++) {
        const row = random.next() % runs.length;
        const { level, tables } = runs[row]!;
        const table = tables[random.next() % tables.length]!;
        const older = runs[row + 1];
        const common = { reason: 'at random', score: 1 };
        if (older === undefined || random.next() % 3 === 0) {
          const deep = random.next() % 4 === 0 ? level + (random.next() % 3) : level;
          const to = {
            newRun: { level: Math.min(deep, older?.level ?? 1000), before: older?.id ?? null },
          };
          draft.add({ kind: 'move', inputs: [table.id], to, ...common });
        } else {
          const inputs = [table, ...overlapping(older.tables, table)].map(({ id }) => id);
          const shape = { tableBytes: 1 + (random.next() % (2 * snapshot.limits.tableBytes)) };
          draft.add({ kind: 'merge', inputs, to: { into: older.id }, shape, ...common });
        }
      }
      return { tasks: draft.tasks };
    },
    assess: () => ({ debtBytes: 0, pressure: 0, delay: 'none', quiescent: false }),
  };
}

/** How everything is deleted. */
export interface DeletionOptions {
  readonly seed: number;
  /** Whether a snapshot holds everything until after the last merge. */
  readonly isHeld: boolean;
}

/** Fills a tree, deletes everything, twice, by keys and by ranges, and says what is left, or `null`. */
export function deleteAndCheck(
  make: () => CompactionStrategy,
  { seed, isHeld }: DeletionOptions,
): string | null {
  const random = seededRandom(seed);
  const keyCount = 300;
  const simulator = new Simulator(make(), {
    keyCount,
    flushEntries: 16,
    tableEntries: 16,
    maxTaskEntries: 300,
    maxTasks: 2,
  });
  for (let i = 0; i < 4 * keyCount; i++) simulator.put(random.next() % keyCount);
  const snapshot = simulator.snapshot();
  if (!isHeld) simulator.release(snapshot);
  for (const stride of [1, 7]) {
    for (let i = 0; i < keyCount; i++) simulator.del((i * stride) % keyCount);
  }
  for (let key = 0; key < keyCount; key += 30) simulator.delRange(key, key + 30);
  simulator.delRange(0, null);
  simulator.flush();
  simulator.release(snapshot);
  simulator.settle();
  for (let key = 0; key < keyCount; key++) {
    if (simulator.get(key) !== -1) return `Key ${key} is still there`;
  }
  const oldest = simulator.runs.at(-1)?.tables ?? [];
  const left = oldest.filter((table) => table.pointTombstones + table.rangeTombstones > 0);
  return left.length === 0 ? null : `${left.length} tables of the oldest run have tombstones`;
}
