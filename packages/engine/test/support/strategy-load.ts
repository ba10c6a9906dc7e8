/**
 * Many operations on a simulated database with one strategy, each answer compared with a model that is nothing but a
 * list of values: puts, deletes, range deletes, reads, scans, snapshots, flushes, reopenings.
 */
import { type CompactionStrategy, type Random, seededRandom } from '@lsm/core';
import type { Snapshot } from '@lsm/engine';
import { SimulatedFileSystem } from '@lsm/testkit';
import { text } from './open.ts';
import { type DrivenDatabase, openSimulated } from './simulated-database.ts';

/** What to do. */
export interface StrategyLoadOptions {
  readonly seed: number;
  readonly operations: number;
  /** Keys in play; default 2,000. */
  readonly keys?: number;
  /** Makes the strategy: at the beginning, at each reopening and, given back, after each quarantine. */
  readonly make: (random: Random) => CompactionStrategy;
  /** Whether a quarantined strategy is set again; default true. */
  readonly persists?: boolean;
}

/** What happened. */
export interface StrategyLoadReport {
  /** What the events of quarantines said. */
  readonly reasons: readonly string[];
  readonly flushes: number;
  readonly compactions: number;
  readonly mostRuns: number;
  readonly reads: number;
  readonly reopenings: number;
}

type Model = readonly (string | undefined)[];

/**
 * Runs a load.
 *
 * @throws an error that names the first answer that is wrong; "Deadlock" if something waits for ever
 */
export function strategyLoad(options: StrategyLoadOptions): Promise<StrategyLoadReport> {
  return new StrategyLoad(options).run();
}

class StrategyLoad {
  readonly #options: StrategyLoadOptions;
  readonly #random: Random;
  readonly #fs = new SimulatedFileSystem();
  readonly #model: (string | undefined)[];
  readonly #keys: number;
  readonly #reasons: string[] = [];
  #database!: DrivenDatabase;
  #snapshots: { readonly at: Snapshot; readonly model: Model }[] = [];
  #isQuarantined = false;
  #openings = 0;
  #reads = 0;
  #flushes = 0;
  #compactions = 0;
  #mostRuns = 0;

  constructor(options: StrategyLoadOptions) {
    this.#options = options;
    this.#random = seededRandom(options.seed);
    this.#keys = options.keys ?? 2000;
    this.#model = Array.from({ length: this.#keys }, () => undefined);
  }

  async run(): Promise<StrategyLoadReport> {
    const { operations, seed, persists = true } = this.#options;
    await this.#open();
    for (let i = 0; i < operations; i++) {
      try {
        await this.#step();
        if (this.#isQuarantined && persists) await this.#setAgain();
      } catch (error) {
        throw new Error(`Seed ${seed}, operation ${i}: ${String(error)}`, { cause: error });
      }
    }
    await this.#end();
    return {
      reasons: this.#reasons,
      flushes: this.#flushes,
      compactions: this.#compactions,
      mostRuns: this.#mostRuns,
      reads: this.#reads,
      reopenings: this.#openings - 1,
    };
  }

  async #open(): Promise<void> {
    const { make, seed } = this.#options;
    const compaction = make(this.#random);
    this.#database = await openSimulated(this.#fs, { compaction, seed: seed + this.#openings++ });
    const { db } = this.#database;
    db.on('strategyQuarantined', ({ reason }) => {
      this.#reasons.push(reason);
      this.#isQuarantined = true;
    });
    // A plug-in's fault must never come out as a failed job, a failed commit or a broken invariant.
    db.on('error', ({ error }) => {
      throw error;
    });
  }

  async #setAgain(): Promise<void> {
    this.#isQuarantined = false;
    const { db, clock } = this.#database;
    expectEqual(db.compaction.strategy.name, 'safeguard', 'the strategy in use');
    await clock.run(db.setCompaction(this.#options.make(this.#random)));
  }

  async #step(): Promise<void> {
    const { db, clock } = this.#database;
    const dice = this.#random.next() % 1000;
    const key = this.#random.next() % this.#keys;
    if (dice % 50 === 0) this.#mostRuns = Math.max(this.#mostRuns, db.stats().runs);
    if (dice < 600) this.#put(key);
    else if (dice < 700) this.#delete(key);
    else if (dice < 706) this.#deleteRange(key);
    else if (dice < 950) this.#get(key);
    else if (dice < 970) this.#getOld(key);
    else if (dice < 988) this.#scan(key, dice % 2 === 0);
    else if (dice < 994) this.#snapshot();
    else if (dice < 998 || 7 * key > this.#keys) await clock.run(db.flush());
    else await this.#reopen();
    // Background work moves on, now by much and now by little.
    if (this.#random.next() % 8 === 0) {
      for (let steps = this.#random.next() % 4; steps > 0; steps--) {
        clock.step();
        await Promise.resolve();
      }
    }
  }

  #put(key: number): void {
    const value = `${this.#random.next()}${'.'.repeat(this.#random.next() % 80)}`;
    this.#database.putSync(keyOf(key), Buffer.from(value));
    this.#model[key] = value;
  }

  #delete(key: number): void {
    this.#database.delSync(keyOf(key));
    this.#model[key] = undefined;
  }

  #deleteRange(key: number): void {
    const end = Math.min(this.#keys, key + 1 + (this.#random.next() % 30));
    this.#database.delRangeSync({ gte: keyOf(key), lt: keyOf(end) });
    this.#model.fill(undefined, key, end);
  }

  #get(key: number): void {
    this.#reads++;
    expectEqual(text(this.#database.getSync(keyOf(key))), this.#model[key], `key ${key}`);
  }

  #getOld(key: number): void {
    const one = this.#snapshots[key % Math.max(1, this.#snapshots.length)];
    if (one === undefined) return;
    this.#reads++;
    const found = this.#database.getSync(keyOf(key), { snapshot: one.at });
    expectEqual(text(found), one.model[key], `key ${key} at a snapshot`);
  }

  #scan(from: number, reverse: boolean): void {
    this.#reads++;
    const to = Math.min(this.#keys, from + 40);
    const range = { gte: keyOf(from), lt: keyOf(to), reverse };
    const seen = [...this.#database.db.entries(range)].map(([, value]) => text(value));
    const expected = this.#model.slice(from, to).filter((value) => value !== undefined);
    if (reverse) expected.reverse();
    expectEqual(seen.join(), expected.join(), `keys ${from} to ${to}`);
  }

  #snapshot(): void {
    if (this.#snapshots.length < 3 && this.#random.next() % 2 === 0) {
      this.#snapshots.push({ at: this.#database.snapshot(), model: [...this.#model] });
    } else {
      this.#snapshots.shift()?.at.close();
    }
  }

  async #reopen(): Promise<void> {
    await this.#close();
    await this.#open();
  }

  async #close(): Promise<void> {
    for (const { at } of this.#snapshots.splice(0)) at.close();
    const { flushes, compactions, moves } = this.#database.db.stats().counters;
    this.#flushes += flushes;
    this.#compactions += compactions + moves;
    await this.#database.close();
    this.#isQuarantined = false;
  }

  /** Comes to rest, is whole, and is all there, under this strategy and under another. */
  async #end(): Promise<void> {
    const { db, clock } = this.#database;
    await clock.run(db.idle());
    this.#checkAll();
    await clock.run(db.verify());
    await clock.run(db.setCompaction('leveled'));
    await clock.run(db.idle());
    this.#checkAll();
    await this.#close();
    this.#database = await openSimulated(this.#fs, { seed: this.#options.seed });
    this.#checkAll();
    await this.#database.close();
  }

  #checkAll(): void {
    const seen = [...this.#database.db.entries()].map(
      ([key, value]) => `${text(key)}=${text(value)}`,
    );
    const expected: string[] = [];
    for (const [key, value] of this.#model.entries()) {
      if (value !== undefined) expected.push(`${text(keyOf(key))}=${value}`);
    }
    expectEqual(seen.length, expected.length, 'the number of keys');
    expectEqual(seen.join('\n'), expected.join('\n'), 'everything');
  }
}

function keyOf(key: number): Uint8Array {
  return Buffer.from(`k${String(key).padStart(5, '0')}`);
}

function expectEqual<T>(seen: T, expected: T, what: string): void {
  if (seen !== expected) throw new Error(`${what}: ${String(seen)} instead of ${String(expected)}`);
}
