/**
 * The simulator behind the bench's seam, so that a workload runs on it word for word as on the engine: the same phases,
 * the same draws, the same model that checks each answer.
 *
 * Blocks are not simulated. A lookup counts the block of the run that ended it, and for each run asked in vain the
 * filter's chance to say yes, by Monkey's formula for the runs as they are; a scan counts the blocks that the passed
 * entries fill, and one more for each run, being met in the middle.
 */
import { monkeyRates } from '@lsm/bloom';
import { Simulator } from '@lsm/compaction';
import type { CompactionStrategy } from '@lsm/core';
import type { Store, StoreRange, StoreStats, Visit } from '../stores/store.ts';
import { type Calibration, type MatrixConfig, simulatorOptions } from './matrix-config.ts';
import { keyNumber, type SimulatedData } from './simulated-data.ts';

const BLOCK_BYTES = 4096;
/** Of a memtable; sums of fractions may end a little below 1. */
const FULL = 1 - 1e-9;

/** See the head of the file. */
export class SimulatedStore implements Store {
  readonly name = 'simulator';
  readonly directory = '';
  readonly expires: boolean;
  readonly simulator: Simulator;
  /** Flushes that the memtable's size has caused. */
  flushes = 0;
  /** How many times more a memtable holds than was calibrated: mixtures and orders of keys take unlike room. */
  memtableScale = 1;
  readonly #data: SimulatedData;
  readonly #calibration: Calibration;
  readonly #filterBitsPerKey: number;
  readonly #userBytes: { readonly put: number; readonly delete: number };
  readonly #strategy: string;
  /** What each write has written, by its sequence number: index and version. */
  readonly #indexes: number[] = [0];
  readonly #versions: number[] = [0];
  /** Of a memtable, how much is full. */
  #filled = 0;
  #rates: { runs: unknown; rates: readonly number[] } = { runs: null, rates: [] };
  readonly #counted = { userBytes: 0, gets: 0, asked: 0, blocks: 0, scans: 0 };

  constructor(
    strategy: CompactionStrategy,
    config: MatrixConfig,
    calibration: Calibration,
    data: SimulatedData,
  ) {
    this.expires = strategy.lossy === true;
    this.#strategy = strategy.name;
    this.#data = data;
    this.#calibration = calibration;
    this.#filterBitsPerKey = config.filterBitsPerKey;
    this.#userBytes = { put: config.keyBytes + config.valueBytes, delete: config.keyBytes };
    this.simulator = new Simulator(strategy, simulatorOptions(config, calibration, data.keyCount));
  }

  advance(ms: number): void {
    this.simulator.advance(ms);
  }

  async put(key: Uint8Array, value: Uint8Array): Promise<void> {
    this.simulator.put(keyNumber(key));
    const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
    this.#wrote(view.getUint32(0), view.getUint32(4), 1 / this.#calibration.memtablePuts, 'put');
  }

  async del(key: Uint8Array): Promise<void> {
    this.simulator.del(keyNumber(key));
    this.#wrote(0, 0, 1 / this.#calibration.memtableDeletes, 'delete');
  }

  async deleteRange(gte: Uint8Array, lt: Uint8Array): Promise<void> {
    this.simulator.delRange(keyNumber(gte), keyNumber(lt));
    this.#wrote(0, 0, 1 / this.#calibration.memtableDeletes, 'delete');
  }

  async batch(): Promise<void> {
    throw new Error('Batches are not simulated.');
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.getSync(key);
  }

  getSync(key: Uint8Array): Uint8Array | undefined {
    const number = keyNumber(key);
    const { vain, ended } = this.simulator.probe(number);
    const rates = this.#filterRates();
    this.#counted.gets++;
    this.#counted.asked += vain.length + (ended >= 0 ? 1 : 0);
    this.#counted.blocks += ended >= 0 ? 1 : 0;
    for (const place of vain) this.#counted.blocks += rates[place]!;
    const sequence = this.simulator.get(number);
    if (sequence < 0) return undefined;
    return this.#data.value(this.#indexes[sequence]!, this.#versions[sequence]!);
  }

  scan(range: StoreRange, visit: Visit): number {
    if (range.gte === undefined || range.limit === undefined) return this.#scanAll(visit);
    const { returned, passed } = this.simulator.probeScan(keyNumber(range.gte), range.limit);
    const blockEntries = BLOCK_BYTES / this.#calibration.putBytes;
    this.#counted.scans++;
    for (const entries of passed) {
      if (entries >= 0) this.#counted.blocks += 1 + Math.max(0, entries - 1) / blockEntries;
    }
    return returned;
  }

  async flush(): Promise<void> {
    this.#filled = 0;
    this.simulator.flush();
  }

  async idle(): Promise<void> {
    this.simulator.settle();
  }

  async close(): Promise<void> {}

  stats(): StoreStats {
    const { simulator } = this;
    const { flushes, flushedBytes, writtenBytes, readBytes, tasks, moves, treeBytes } =
      simulator.stats;
    const levels = new Map<
      number,
      { runs: number; tables: number; bytes: number; entries: number }
    >();
    for (const { level, tables } of simulator.runs) {
      const one = levels.get(level) ?? { runs: 0, tables: 0, bytes: 0, entries: 0 };
      one.runs++;
      one.tables += tables.length;
      for (const table of tables) {
        one.bytes += table.bytes;
        one.entries += table.entries;
      }
      levels.set(level, one);
    }
    const { userBytes, gets, asked, blocks, scans } = this.#counted;
    return {
      counters: {
        gets,
        getHits: 0,
        memtableHits: 0,
        runsProbed: asked,
        scans,
        userBytes,
        logBytes: 0,
        logSyncs: 0,
        flushes,
        flushBytes: flushedBytes,
        compactions: tasks - moves,
        compactionReadBytes: readBytes,
        compactionWriteBytes: writtenBytes - flushedBytes,
        moves,
        slowdowns: 0,
        slowdownMs: 0,
        stalls: 0,
        stallMs: 0,
      },
      levels: [...levels].map(([level, one]) => ({ level, ...one })),
      runs: simulator.runs.length,
      tables: simulator.runs.reduce((sum, run) => sum + run.tables.length, 0),
      tableBytes: treeBytes,
      obsoleteTableBytes: 0,
      logBytes: 0,
      manifestBytes: 0,
      spaceAmplification: 1,
      memory: { indexBytes: 0 },
      cache: { hits: 0, misses: blocks },
      filters: { negatives: 0, positives: 0, falsePositives: 0, bitsPerKey: [] },
      blocks: { reads: blocks, readBytes: 0 },
      strategy: this.#strategy,
      executor: 'simulator',
    };
  }

  #wrote(index: number, version: number, share: number, kind: 'put' | 'delete'): void {
    this.#indexes.push(index);
    this.#versions.push(version);
    this.#counted.userBytes += this.#userBytes[kind];
    this.#filled += share / this.memtableScale;
    if (this.#filled < FULL) return;
    this.#filled = 0;
    this.flushes++;
    this.simulator.flush();
  }

  #scanAll(visit: Visit): number {
    let count = 0;
    for (let number = 0; number < this.#data.keyCount; number++) {
      const sequence = this.simulator.get(number);
      if (sequence < 0) continue;
      const index = this.#indexes[sequence]!;
      visit(this.#data.key(index), this.#data.value(index, this.#versions[sequence]!));
      count++;
    }
    return count;
  }

  #filterRates(): readonly number[] {
    const { runs } = this.simulator;
    if (this.#rates.runs !== runs) {
      const entries = runs.map((run) => run.tables.reduce((sum, table) => sum + table.entries, 0));
      const all = entries.reduce((sum, count) => sum + count, 0);
      this.#rates = { runs, rates: monkeyRates(entries, all * this.#filterBitsPerKey) };
    }
    return this.#rates.rates;
  }
}
