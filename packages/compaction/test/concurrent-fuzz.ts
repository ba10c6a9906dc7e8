/**
 * The concurrent fuzz: random legal and illegal tasks, several in flight, ended in any order or aborted, flushes and
 * snapshots between, each read compared with a model. One run is one seed.
 */

import { rangesOverlap, Simulator } from '@lsm/compaction';
import {
  type CompactionStrategy,
  type CompactionTask,
  type Placement,
  type Random,
  SEQUENCE_MAX,
  seededRandom,
  type TableInfo,
} from '@lsm/core';
import type { SimulatorRules } from '../src/simulator.ts';

export const IDLE: CompactionStrategy = {
  name: 'idle',
  formatVersion: 1,
  settings: null,
  plan: () => ({ tasks: [] }),
  assess: () => ({ debtBytes: 0, pressure: 0, delay: 'none', quiescent: true }),
};

export interface FuzzOptions {
  readonly steps?: number;
  readonly lossy?: boolean;
  readonly rules?: SimulatorRules;
}

export interface FuzzResult {
  readonly failure: string | null;
  readonly admitted: number;
  readonly rejected: number;
  readonly commits: number;
  readonly aborts: number;
  readonly reads: number;
}

const KEYS = 24;
const ALL_KEYS = Array.from({ length: KEYS }, (_, key) => key);

/** What a reader should see, by key. */
type Visible = readonly number[];

/** Runs one seed. */
export function fuzz(seed: number, options: FuzzOptions = {}): FuzzResult {
  return new Fuzz(seed, options).run();
}

class Fuzz {
  readonly #options: FuzzOptions;
  readonly #random: Random;
  readonly #simulator: Simulator;
  #model: number[] = ALL_KEYS.map(() => -1);
  #snapshots: { readonly at: number; readonly visible: Visible }[] = [];
  #admitted = 0;
  #commits = 0;
  #reads = 0;

  constructor(seed: number, options: FuzzOptions) {
    this.#options = options;
    this.#random = seededRandom(seed);
    this.#simulator = new Simulator(
      IDLE,
      {
        keyCount: KEYS,
        flushEntries: 1000,
        tableEntries: 1 + this.#below(6),
        settles: false,
        lossy: options.lossy ?? false,
      },
      options.rules,
    );
  }

  run(): FuzzResult {
    let failure: string | null = null;
    try {
      for (let step = 0; step < (this.#options.steps ?? 70) && failure === null; step++) {
        failure = this.#step();
      }
      while (failure === null && this.#simulator.running.length > 0) failure = this.#end();
    } catch (error) {
      failure = String(error);
    }
    const { rejections, aborts } = this.#simulator.stats;
    return {
      failure,
      admitted: this.#admitted,
      rejected: rejections,
      commits: this.#commits,
      aborts,
      reads: this.#reads,
    };
  }

  #step(): string | null {
    const dice = this.#below(100);
    if (dice < 22) this.#write();
    else if (dice < 28) this.#toggleSnapshot();
    else if (dice < 72) this.#propose();
    else if (this.#simulator.running.length > 0) return this.#end();
    return null;
  }

  #write(): void {
    for (let i = this.#below(9); i >= 0; i--) {
      const key = this.#below(KEYS);
      const dice = this.#below(20);
      if (dice < 13) {
        this.#simulator.put(key);
        this.#model[key] = this.#simulator.sequence;
      } else if (dice < 19) {
        this.#simulator.del(key);
        this.#model[key] = -1;
      } else {
        const upper = key + 1 + this.#below(8);
        const end = upper >= KEYS ? null : upper;
        this.#simulator.delRange(key, end);
        for (let covered = key; covered < (end ?? KEYS); covered++) this.#model[covered] = -1;
      }
      if (this.#below(12) === 0) this.#toggleSnapshot();
    }
    this.#simulator.flush();
  }

  #toggleSnapshot(): void {
    if (this.#snapshots.length > 0 && (this.#snapshots.length === 3 || this.#below(2) === 0)) {
      const [released] = this.#snapshots.splice(this.#below(this.#snapshots.length), 1);
      this.#simulator.release(released!.at);
      return;
    }
    this.#snapshots.push({ at: this.#simulator.snapshot(), visible: [...this.#model] });
  }

  #propose(): void {
    const task = this.#draw();
    if (task !== null && !('rule' in this.#simulator.start(task))) this.#admitted++;
  }

  #end(): string | null {
    const running = this.#simulator.running;
    const task = running[this.#below(running.length)]!;
    if (this.#below(8) === 0) {
      this.#simulator.abort(task.id);
      return null;
    }
    this.#simulator.commit(task.id);
    this.#commits++;
    return this.#check(`commit of ${JSON.stringify(task.task)}`);
  }

  #check(when: string): string | null {
    const readers = [{ at: SEQUENCE_MAX, visible: this.#model }, ...this.#snapshots];
    for (const { at, visible } of readers) {
      for (const key of ALL_KEYS) {
        this.#reads++;
        const seen = this.#simulator.get(key, at);
        const lost = this.#options.lossy === true && seen === -1;
        if (seen !== visible[key] && !lost) {
          return `Key ${key} at ${at} reads ${seen}, not ${visible[key]}, after ${when}`;
        }
      }
    }
    return null;
  }

  #draw(): CompactionTask | null {
    const { runs } = this.#simulator.tree();
    const rows = runs.filter((run) => run.tables.length > 0);
    if (rows.length === 0) return null;
    const inputs = this.#drawInputs(rows.map((run) => run.tables));
    if (inputs.length === 0) return null;
    const ids = inputs.map((table) => table.id);
    const dice = this.#below(20);
    const common = { inputs: ids, reason: 'fuzz', score: 1 };
    const shape = {
      tableBytes: 1 + this.#below(8),
      cutNear: this.#pick(runs).id,
      maxOverlapBytes: this.#below(6),
    };
    if (this.#options.lossy === true && dice === 19) return { kind: 'drop', ...common };
    if (dice < 2) return { kind: 'rewrite', ...common, shape };
    const to = this.#drawPlacement(runs);
    return dice < 6 ? { kind: 'move', ...common, to } : { kind: 'merge', ...common, to, shape };
  }

  #drawInputs(rows: readonly (readonly TableInfo[])[]): readonly TableInfo[] {
    const mode = this.#below(4);
    const row = this.#below(rows.length);
    const seed = this.#pick(rows[row]!);
    if (mode === 0) return [seed, ...(this.#below(2) === 0 ? [] : [this.#pick(this.#pick(rows))])];
    const span = rows.slice(row, row + 1 + this.#below(3));
    if (mode === 1) return span.flat();
    const picked: TableInfo[] = [seed];
    for (const tables of span.slice(1)) {
      picked.push(...tables.filter((table) => picked.some((other) => rangesOverlap(table, other))));
    }
    if (mode === 2 || this.#below(2) === 0) return [...new Set(picked)];
    return [...new Set([...picked, ...(rows[row + 1] ?? [])])];
  }

  #drawPlacement(runs: readonly { readonly id: number; readonly level: number }[]): Placement {
    const at = this.#below(runs.length + 1);
    const run = runs[at];
    if (run !== undefined && this.#below(2) === 0) return { into: run.id };
    const least = runs[at - 1]?.level ?? 0;
    const level = run === undefined ? least + this.#below(2) : run.level;
    return { newRun: { level, before: run?.id ?? null } };
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.#below(list.length)]!;
  }

  #below(limit: number): number {
    return this.#random.next() % limit;
  }
}
