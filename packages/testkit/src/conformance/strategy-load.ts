/**
 * A strategy under load: the simulator of `@lsm/compaction` (the engine's own merge, admission and drop rules), a model
 * beside it, and random writes, deletes, snapshots, crashes, aborts and switches.
 */
import { Simulator, type SimulatorOptions } from '@lsm/compaction';
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
  /** Entries that a task should not exceed; default infinite. */
  readonly maxTaskEntries?: number;
}

/** Steps between two looks at all keys. */
const CHECK_STEPS = 24;

/** Loads a tree and compares all reads with a model, at every live snapshot; returns what was wrong. */
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

  constructor(make: () => CompactionStrategy, options: LoadOptions) {
    const { seed, keys, flushEntries, maxTaskEntries = Number.POSITIVE_INFINITY } = options;
    this.#make = make;
    this.#options = options;
    this.#random = seededRandom(seed);
    this.#model = Array.from({ length: keys }, () => -1);
    this.#simulator = new Simulator(make(), {
      keyCount: keys,
      flushEntries: Number.POSITIVE_INFINITY,
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
        this.#simulator.plan();
        this.#simulator.step();
      }
      this.#disturb();
      if (flush % CHECK_STEPS === 0 || flush === flushes - 1) {
        const wrong = this.#wrongReads(`flush ${flush}`);
        if (wrong !== null) return wrong;
      }
    }
    this.#simulator.settle();
    const wrong = this.#wrongReads('the end');
    const { rejections } = this.#simulator;
    if (wrong !== null || rejections.length === 0) return wrong;
    return `${rejections.length} tasks were refused, the first by ${rejections[0]!.rule}: ${rejections[0]!.message}`;
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
    const { others = [], crashes = false } = this.#options;
    if (dice === 0 && this.#snapshots.length < 3) {
      this.#snapshots.push({ at: this.#simulator.snapshot(), visible: [...this.#model] });
    } else if (dice <= 2 && this.#snapshots.length > 0) {
      this.#simulator.release(this.#snapshots.shift()!.at);
    } else if (dice === 3 && crashes) {
      this.#simulator.crash();
      this.#snapshots = [];
    } else if (dice === 4 && others.length > 0) {
      const all = [this.#make, ...others];
      this.#simulator.setStrategy(all[++this.#switches % all.length]!());
    }
  }

  #wrongReads(when: string): string | null {
    for (const { at, visible } of [
      { at: SEQUENCE_MAX, visible: this.#model },
      ...this.#snapshots,
    ]) {
      for (let key = 0; key < visible.length; key++) {
        const seen = this.#simulator.get(key, at);
        if (seen !== visible[key]) {
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
