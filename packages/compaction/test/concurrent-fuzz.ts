/**
 * The concurrent fuzz: random legal and illegal tasks, several in flight, ended in any order, aborted or lost in a
 * crash, with flushes of several memtables and snapshots between, each read compared with a model. One run is one
 * seed.
 */

import { rangesOverlap, Simulator } from '@lsm/compaction';
import {
  type CompactionTask,
  type Placement,
  type Random,
  SEQUENCE_MAX,
  seededRandom,
  type TableInfo,
} from '@lsm/core';
import { IDLE_STRATEGY as IDLE } from '@lsm/testkit';
import type { SimulatorRules } from '../src/simulator-options.ts';

export interface FuzzOptions {
  readonly steps?: number;
  /** Whether the tree allows loss; `drop` tasks are drawn if this is given at all. */
  readonly lossy?: boolean;
  /** Whether the disk is small; then no range deletes are drawn, since their pieces can outgrow the inputs. */
  readonly smallDisk?: boolean;
  readonly rules?: SimulatorRules;
}

export interface FuzzResult {
  readonly failure: string | null;
  readonly admitted: number;
  readonly rejected: number;
  readonly commits: number;
  readonly aborts: number;
  readonly coveredTables: number;
  readonly reads: number;
}

const KEYS = 24;
const SNAPSHOTS_MAX = 3;
/** Entries that a small disk holds. */
const DISK_BYTES = 60;
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
        diskBytes: options.smallDisk === true ? DISK_BYTES : Number.POSITIVE_INFINITY,
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
      this.#flushAll();
      failure ??= this.#check('the last flush');
    } catch (error) {
      failure = String(error);
    }
    const { rejections, aborts, coveredTables } = this.#simulator.stats;
    return {
      failure,
      admitted: this.#admitted,
      rejected: rejections,
      commits: this.#commits,
      aborts,
      coveredTables,
      reads: this.#reads,
    };
  }

  #step(): string | null {
    const dice = this.#below(100);
    if (dice < 21) this.#write();
    else if (dice < 27) this.#toggleSnapshot();
    else if (dice < 71) return this.#propose();
    else if (dice < 72) return this.#crash();
    else if (this.#simulator.running.length > 0) return this.#end();
    return null;
  }

  /** Writes, and mostly flushes; else the memtable waits, sealed, for a later flush. */
  #write(): void {
    for (let i = this.#below(9); i >= 0; i--) {
      const key = this.#below(KEYS);
      const dice = this.#below(20);
      if (dice < 13) {
        this.#simulator.put(key);
        this.#model[key] = this.#simulator.sequence;
      } else if (dice < 19 || this.#options.smallDisk === true) {
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
    if (this.#below(4) === 0) this.#simulator.seal();
    else this.#flushAll();
  }

  /** A flush that finds the disk full waits; that is for writers to feel, not for merges to cause. */
  #flushAll(): void {
    if (this.#simulator.memtableEntries <= this.#simulator.freeDiskBytes) this.#simulator.flush();
  }

  #crash(): string | null {
    this.#simulator.crash();
    this.#snapshots = [];
    return this.#check('a crash');
  }

  #toggleSnapshot(): void {
    if (
      this.#snapshots.length > 0 &&
      (this.#snapshots.length === SNAPSHOTS_MAX || this.#below(2) === 0)
    ) {
      const [released] = this.#snapshots.splice(this.#below(this.#snapshots.length), 1);
      this.#simulator.release(released!.at);
      return;
    }
    this.#snapshots.push({ at: this.#simulator.snapshot(), visible: [...this.#model] });
  }

  #propose(): string | null {
    const task = this.#draw();
    if (task === null) return null;
    const before = this.#simulator.running.flatMap((running) => running.inputs);
    if ('rule' in this.#simulator.start(task)) return null;
    this.#admitted++;
    return this.#checkInputs(task, before);
  }

  /** What A1 promises, found out without asking it. */
  #checkInputs({ kind, inputs }: CompactionTask, before: readonly number[]): string | null {
    const live = this.#simulator.runs.flatMap((run) => run.tables.map((table) => table.id));
    for (const [i, id] of inputs.entries()) {
      if (!live.includes(id)) return `A ${kind} of table ${id}, which does not exist, was admitted`;
      if (inputs.indexOf(id) !== i) return `A ${kind} that names table ${id} twice was admitted`;
      if (before.includes(id)) return `A ${kind} of table ${id}, which is busy, was admitted`;
    }
    if (kind === 'drop' && this.#options.lossy !== true) return 'A drop was admitted';
    return null;
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
    const nonsense = this.#below(40);
    if (nonsense === 0) ids.push(ids[0]!);
    if (nonsense === 1) ids.push(1_000_000);
    const dice = this.#below(20);
    const common = { inputs: ids, reason: 'fuzz', score: 1 };
    const shape = {
      tableBytes: 1 + this.#below(8),
      cutNear: this.#pick(runs).id,
      maxOverlapBytes: this.#below(6),
    };
    if (this.#options.lossy !== undefined && dice === 19) return { kind: 'drop', ...common };
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
    const most = run?.level ?? least + 2;
    const level = this.#below(8) === 0 ? this.#below(4) : least + this.#below(most - least + 1);
    return { newRun: { level, before: run?.id ?? null } };
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.#below(list.length)]!;
  }

  #below(limit: number): number {
    return this.#random.next() % limit;
  }
}
