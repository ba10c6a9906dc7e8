/**
 * One strategy under uniform overwrites, on a database on disk.
 *
 * 1. Every key is written once; that doesn't count. Then keys are drawn and written again.
 * 2. After each flush the next write waits until no work is left, so that what is counted depends on the operations
 *    alone, not on how fast the machine is.
 * 3. Over the second half the bytes of live tables are sampled after each flush, and at some of these points absent keys
 *    are looked up: through a cache too small to help, so that what a filter lets through is read.
 * 4. At the end a checkpoint is opened, compacted and compared with what was written, entry by entry.
 */
import type { FilterAllocator } from '@lsm/core';
import { type Db, type OpenOptions, open } from '@lsm/engine';
import { parseStrategy } from '../config.ts';
import { WrongAnswer } from '../model.ts';
import { SeededDraws } from '../random.ts';
import { FilterMemory, type OverwriteFilter } from './filter-memory.ts';
import { KEY_BYTES, OverwriteData } from './overwrite-data.ts';

/** What all strategies are given. */
export interface OverwriteSetting {
  readonly entries: number;
  readonly operations: number;
  readonly valueBytes: number;
  readonly memtableBytes: number;
  readonly tableBytes: number;
  readonly cacheBytes: number;
  /** Lookups of absent keys, all points together. */
  readonly misses: number;
  /** Memory for filters, bits for each key. */
  readonly filterBits: number;
  readonly seed: number;
}

/** What was counted. Bytes unless said otherwise. */
export interface OverwriteResult {
  readonly strategy: string;
  readonly filter: string;
  /** Flushed and merged bytes ÷ bytes of keys and values, over all overwrites. */
  readonly writeAmplification: number;
  readonly flushBytes: number;
  readonly mergeBytes: number;
  readonly logBytes: number;
  readonly userBytes: number;
  readonly flushes: number;
  readonly merges: number;
  readonly moves: number;
  /** Bytes that the largest merge read. */
  readonly largestTaskBytes: number;
  /** Mean over the second half ÷ `compactedBytes`. */
  readonly spaceAmplification: number;
  readonly spaceAmplificationMax: number;
  readonly compactedBytes: number;
  readonly runsMean: number;
  readonly runsMax: number;
  /** Levels, L0 included, with at least 1 % of the tree; the most that were seen. */
  readonly levelsMax: number;
  readonly misses: number;
  readonly runsAskedPerMiss: number;
  /** Blocks read from the file. */
  readonly blockReadsPerMiss: number;
  /** Mean over the points at which was read. */
  readonly filterBytes: number;
  readonly stallMs: number;
  readonly seconds: number;
}

/** Writes under way at once. */
const IN_FLIGHT = 256;
/** Points of the second half at which absent keys are looked up. */
const READ_POINTS = 20;
/** Shares of the operations after which the filters' memory is corrected. */
const CORRECTIONS = [0.15, 0.25, 0.35, 0.45];
const LEVEL_SHARE_MIN = 0.01;
const SCAN_BATCH = 256;

/** Runs one strategy in a new directory; `progress` is told the share that is done. */
export async function runOverwrite(
  setting: OverwriteSetting,
  strategy: string,
  filter: OverwriteFilter,
  directory: string,
  progress: (share: number) => void = () => undefined,
): Promise<OverwriteResult> {
  const start = performance.now();
  const memory = new FilterMemory(filter, (setting.filterBits * setting.entries) / 8);
  const run = new Run(setting, memory);
  const db = await open(directory, optionsOf(setting, strategy, memory.allocator));
  try {
    run.watch(db);
    await run.load(db);
    const before = db.stats().counters;
    await run.overwrite(db, progress);
    const after = db.stats().counters;
    const between = (name: keyof typeof after): number => after[name] - before[name];
    await db.checkpoint(`${directory}-copy`);
    const compactedBytes = await run.compactCopy(`${directory}-copy`);
    return {
      strategy,
      filter: filter === 'monkey' ? filter : `uniform ${filter}`,
      writeAmplification:
        (between('flushBytes') + between('compactionWriteBytes')) / between('userBytes'),
      flushBytes: between('flushBytes'),
      mergeBytes: between('compactionWriteBytes'),
      logBytes: between('logBytes'),
      userBytes: between('userBytes'),
      flushes: between('flushes'),
      merges: between('compactions'),
      moves: between('moves'),
      stallMs: between('stallMs') + between('slowdownMs'),
      compactedBytes,
      ...run.figures(compactedBytes),
      seconds: (performance.now() - start) / 1000,
    };
  } finally {
    await db.close();
  }
}

function optionsOf(
  { memtableBytes, tableBytes, cacheBytes }: OverwriteSetting,
  strategy: string,
  filter: FilterAllocator,
): OpenOptions {
  return {
    errorIfExists: true,
    memtableBytes,
    tableBytes,
    cacheBytes,
    // Does not bound the filters: they are told their memory.
    indexBytes: 2 ** 30,
    filter,
    compaction: parseStrategy(strategy) as NonNullable<OpenOptions['compaction']>,
    compression: 'none',
    // It would ask no filters.
    combinedIndex: 'off',
    reads: 'sync',
    durability: 'os',
  };
}

class Run {
  readonly #setting: OverwriteSetting;
  readonly #memory: FilterMemory;
  readonly #data: OverwriteData;
  readonly #draws: SeededDraws;
  #flushed = false;
  #largestTaskBytes = 0;
  readonly #trees: { bytes: number; runs: number; levels: number }[] = [];
  readonly #filters: number[] = [];
  #misses = 0;
  #blocks = 0;
  #runsAsked = 0;

  constructor(setting: OverwriteSetting, memory: FilterMemory) {
    this.#setting = setting;
    this.#memory = memory;
    this.#data = new OverwriteData(setting.entries, setting.valueBytes);
    this.#draws = new SeededDraws(setting.seed);
  }

  watch(db: Db): void {
    db.on('flushBegin', () => {
      this.#flushed = true;
    });
    db.on('compactionEnd', ({ readBytes }) => {
      this.#largestTaskBytes = Math.max(this.#largestTaskBytes, readBytes);
    });
  }

  /** Every key once, and nothing left to do. */
  async load(db: Db): Promise<void> {
    const { entries } = this.#setting;
    for (let first = 0; first < entries; first += IN_FLIGHT) {
      const puts: Promise<void>[] = [];
      for (let i = first; i < Math.min(entries, first + IN_FLIGHT); i++)
        puts.push(this.#put(db, i));
      await this.#written(db, puts);
    }
    await db.flush();
    await db.idle();
    this.#flushed = false;
  }

  async overwrite(db: Db, progress: (share: number) => void): Promise<void> {
    const { entries, operations } = this.#setting;
    let corrections = 0;
    let points = 0;
    for (let done = 0; done < operations; ) {
      const puts: Promise<void>[] = [];
      for (; puts.length < IN_FLIGHT && done < operations; done++) {
        puts.push(this.#put(db, this.#draws.below(entries)));
      }
      if (!(await this.#written(db, puts))) continue;
      const share = done / operations;
      progress(share);
      this.#memory.sample(filterBytesOf(db));
      if (share >= (CORRECTIONS[corrections] ?? 2)) {
        corrections++;
        this.#memory.correct();
      }
      if (share < 0.5) continue;
      this.#look(db);
      if (points === READ_POINTS || (share - 0.5) * 2 * READ_POINTS < points) continue;
      points++;
      this.#readAbsent(db);
    }
    await db.flush();
    await db.idle();
  }

  /** Opens a checkpoint, compacts it, compares it with what was written; bytes of its tables. */
  async compactCopy(directory: string): Promise<number> {
    const db = await open(directory, { compression: 'none', combinedIndex: 'off' });
    try {
      await db.compact();
      await db.idle();
      const iterator = db.entries({});
      let count = 0;
      try {
        for (let size = SCAN_BATCH; size === SCAN_BATCH; ) {
          const batch = iterator.nextBatchSync(SCAN_BATCH);
          for (const [key, value] of batch) {
            count++;
            if (this.#data.isCurrent(Buffer.from(key), Buffer.from(value))) continue;
            throw new WrongAnswer(`Entry ${count} is not what was written last under its key.`);
          }
          size = batch.length;
        }
      } finally {
        iterator.close();
      }
      if (count === this.#setting.entries) return db.stats().tableBytes;
      throw new WrongAnswer(`There are ${count} entries instead of ${this.#setting.entries}.`);
    } finally {
      await db.close();
    }
  }

  figures(
    compactedBytes: number,
  ): Pick<
    OverwriteResult,
    | 'largestTaskBytes'
    | 'spaceAmplification'
    | 'spaceAmplificationMax'
    | 'runsMean'
    | 'runsMax'
    | 'levelsMax'
    | 'misses'
    | 'runsAskedPerMiss'
    | 'blockReadsPerMiss'
    | 'filterBytes'
  > {
    const bytes = this.#trees.map((tree) => tree.bytes / compactedBytes);
    const runs = this.#trees.map((tree) => tree.runs);
    return {
      largestTaskBytes: this.#largestTaskBytes,
      spaceAmplification: mean(bytes),
      spaceAmplificationMax: Math.max(...bytes),
      runsMean: mean(runs),
      runsMax: Math.max(...runs),
      levelsMax: Math.max(...this.#trees.map((tree) => tree.levels)),
      misses: this.#misses,
      runsAskedPerMiss: this.#runsAsked / this.#misses,
      blockReadsPerMiss: this.#blocks / this.#misses,
      filterBytes: mean(this.#filters),
    };
  }

  #put(db: Db, index: number): Promise<void> {
    this.#data.write(index);
    return db.put(this.#data.key, this.#data.value);
  }

  /** Waits for the writes, and for all work if there was a flush; whether there was one. */
  async #written(db: Db, puts: readonly Promise<void>[]): Promise<boolean> {
    await Promise.all(puts);
    if (!this.#flushed) return false;
    this.#flushed = false;
    await db.idle();
    return true;
  }

  #look(db: Db): void {
    const { tableBytes, runs, levels } = db.stats();
    this.#trees.push({
      bytes: tableBytes,
      runs,
      levels: levels.filter(({ bytes }) => bytes > tableBytes * LEVEL_SHARE_MIN).length,
    });
  }

  #readAbsent(db: Db): void {
    const count = Math.ceil(this.#setting.misses / READ_POINTS);
    const before = db.stats();
    for (let i = 0; i < count; i++) {
      const absent = this.#setting.entries + this.#draws.below(2 ** 31);
      if (db.getSync(this.#data.makeKey(absent)) !== undefined) {
        throw new WrongAnswer(`Key ${absent} was never written and has a value.`);
      }
    }
    const after = db.stats();
    this.#misses += count;
    this.#blocks += after.blocks.reads - before.blocks.reads;
    this.#runsAsked += after.counters.runsProbed - before.counters.runsProbed;
    this.#filters.push(filterBytesOf(db));
  }
}

function filterBytesOf(db: Db): number {
  const { filters, levels } = db.stats();
  let bits = 0;
  for (const [i, { entries }] of levels.entries()) bits += entries * filters.bitsPerKey[i]!.bits;
  return bits / 8;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

/** Bytes of keys and values of one copy of the data. */
export function userDataBytes({ entries, valueBytes }: OverwriteSetting): number {
  return entries * (KEY_BYTES + valueBytes);
}
