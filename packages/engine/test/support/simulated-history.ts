/**
 * Scripts for crash and fault sweeps, and the check of what they leave.
 *
 * A script notes each write before it makes it and each acknowledgement after it has it. So whatever moment a crash
 * hits, the notes say which contents are legal: the state after some commit, not older than what was acknowledged, at
 * its durability. One commit may be under way; it may be there as a whole, or not at all. The same goes for
 * checkpoints, strategies and clean closes.
 */

import { formatKey } from '@lsm/core';
import type { WriteOptions } from '@lsm/engine';
import {
  type CrashContext,
  type Durability,
  formatEntries,
  ModelDatabase,
  type ModelEntry,
  type ModelWrite,
  type SimulatedFileSystem,
} from '@lsm/testkit';
import {
  type DrivenDatabase,
  openSimulated,
  type SimulationOptions,
  type STRATEGIES,
} from './simulated-database.ts';
import { expectPromises, type PromiseFact } from './simulated-promises.ts';
import { statesOf } from './simulated-states.ts';

/** What a script notes: a write that it is about to make, that all writes so far are acknowledged, or a promise. */
export type Fact =
  | { readonly writes: readonly ModelWrite[] }
  | { readonly level: Durability }
  | PromiseFact;

/** Writes to a database and takes notes. */
export class Historian {
  readonly #note: (fact: Fact) => void;
  readonly #level: Durability;
  database!: DrivenDatabase;

  /** @param level - durability of the database */
  constructor(note: (fact: Fact) => void, level: Durability) {
    this.#note = note;
    this.#level = level;
  }

  /** One commit by a synchronous call. */
  writeSync(writes: readonly ModelWrite[], options: WriteOptions = {}): void {
    this.#note({ writes });
    const { db } = this.database;
    const [first] = writes;
    if (writes.length === 1 && first?.type === 'put') db.putSync(first.key, first.value, options);
    else if (writes.length === 1 && first?.type === 'del') db.delSync(first.key, options);
    else db.batchSync(writes, options);
    this.acknowledge(options.durability ?? this.#level);
  }

  /** One commit by an asynchronous call. */
  async write(writes: readonly ModelWrite[], options: WriteOptions = {}): Promise<void> {
    this.#note({ writes });
    await this.database.run(this.database.db.batch(writes, options));
    this.acknowledge(options.durability ?? this.#level);
  }

  /** Everything written so far survives what `level` says. */
  acknowledge(level: Durability): void {
    if (level !== 'memory') this.#note({ level });
  }

  /** Flushes. */
  async flush(): Promise<void> {
    await this.database.flush();
    this.acknowledge('fsync');
  }

  /** Syncs. */
  async sync(): Promise<void> {
    await this.database.sync();
    this.acknowledge('fsync');
  }

  /** Closes. */
  async close(): Promise<void> {
    await this.database.close();
    this.acknowledge('fsync');
    this.#note({ closed: true });
  }

  /** Makes a checkpoint. */
  async checkpoint(target: string): Promise<void> {
    this.#note({ checkpoint: target, done: false });
    await this.database.run(this.database.db.checkpoint(target));
    this.#note({ checkpoint: target, done: true });
  }

  /** Switches the strategy. */
  async setCompaction(strategy: (typeof STRATEGIES)[number]): Promise<void> {
    this.#note({ strategy, done: false });
    await this.database.run(this.database.db.setCompaction(strategy));
    this.#note({ strategy, done: true });
  }
}

/** Bytes of a text. */
export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** A put of `length` value bytes. */
export function put(key: string, fill: number, length: number): ModelWrite {
  const value = new Uint8Array(length);
  for (let i = 0; i < length; i++) value[i] = fill + i * 7;
  return { type: 'put', key: bytes(key), value };
}

/** A delete. */
export function del(key: string): ModelWrite {
  return { type: 'del', key: bytes(key) };
}

/** The model after the noted writes, and the commits that have to be there. */
function replay(facts: readonly Fact[]): {
  readonly model: ModelDatabase;
  readonly processFloor: number;
  readonly powerFloor: number;
} {
  const model = new ModelDatabase();
  let processFloor = 0;
  let powerFloor = 0;
  for (const fact of facts) {
    if ('writes' in fact) {
      model.commit(fact.writes);
    } else if ('level' in fact) {
      processFloor = model.commits;
      if (fact.level === 'fsync') powerFloor = model.commits;
    }
  }
  return { model, processFloor, powerFloor };
}

let images = 0;

/** Hashes of all images that were checked in this process. */
export const imageHashes: Set<number> = new Set();

/** Variants of which images were checked in this process. */
export const imageVariants: Set<string> = new Set();

/** A check of crash images of a database that is opened with `options`; returns the states that it met. */
export function checkHistory(
  options: SimulationOptions,
): (image: SimulatedFileSystem, context: CrashContext<Fact>) => Promise<string[]> {
  return async (image, { notes, variant }) => {
    const { model, processFloor, powerFloor } = replay(notes);
    const states = statesOf(image);
    imageHashes.add(image.hash());
    imageVariants.add(variant.name);
    await expectPromises(image, notes, options);
    const floor = variant.name === 'everything' ? processFloor : powerFloor;
    const database = await openSimulated(image, { ...options, seed: ++images });
    const commit = expectCommit(database, model, floor);
    if (commit < model.commits) states.push('commits lost');
    model.rollBackTo(commit);
    // What came after a recovery has to survive the next one as well.
    if (images % 4 === 0) {
      await expectSecondRecovery(image, database, model, options);
      states.push('recovered twice');
    } else await database.close();
    return states;
  };
}

/**
 * Which commit the content is the state of.
 *
 * @throws if it is that of none from `floor` on, or if point reads and scans disagree
 */
export function expectCommit({ db }: DrivenDatabase, model: ModelDatabase, floor: number): number {
  const content: ModelEntry[] = [...db.entries()];
  const commit = model.findCommit(content, floor);
  if (commit < 0) {
    const text = formatEntries(content);
    const wanted = formatEntries(model.entries({}, floor));
    throw new Error(
      `The content is that of no commit from ${floor} to ${model.commits}: ${text}; after ${floor}: ${wanted}`,
    );
  }
  for (const [key] of model.entries({}, model.commits)) {
    const found = db.getSync(key);
    const wanted = model.get(key, commit);
    if ((found === undefined) !== (wanted === undefined)) {
      throw new Error(`A point read and a scan disagree about ${formatKey(key)}`);
    }
  }
  return commit;
}

async function expectSecondRecovery(
  image: SimulatedFileSystem,
  database: DrivenDatabase,
  model: ModelDatabase,
  options: SimulationOptions,
): Promise<void> {
  const writes = [put('~second', 1, 20)];
  database.db.batchSync(writes, { durability: 'fsync' });
  model.commit(writes);
  const seed = image.operations;
  const next = seed % 2 === 0 ? image.restartProcess() : image.survivors(SYNCED_ONLY, seed);
  image.crashAfter(image.operations - 1);
  await database.run(database.db.close()).catch(() => {});
  const again = await openSimulated(next, { ...options, seed: ++images });
  expectCommit(again, model, model.commits);
  await again.close();
}

const SYNCED_ONLY = { name: 'synced-only', data: 'none', names: 'none' } as const;
