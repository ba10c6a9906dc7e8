/**
 * Takes the figures of one run, on the engine and on the simulator alike: whenever a flush has been dealt with and
 * nothing is left to do, the tree is looked at, and some keys are read, each answer checked against the model.
 *
 * 1. Only phases that don't prepare count. Each is entered and left with nothing to do, so that all work that its
 *    writes cause is counted, and none that was caused before.
 * 2. Reads are spread over the life of the tree: what a merge has just tidied up would flatter it.
 */
import type { SeededDraws } from '../random.ts';
import type { PhaseCounters } from '../results.ts';
import { countersBetween } from '../run/phase-counters.ts';
import type { Store, StoreStats } from '../stores/store.ts';
import { Steps } from '../workloads/steps.ts';
import type { OperationKind, Phase, WorkloadContext } from '../workloads/workload.ts';
import type { CellFacts, CellFigures, ReadCost, TreeSample } from './results.ts';

/** Entries of the scans that are counted. */
const SCAN_ENTRIES = 10;
/** Draws until a live entry is found, at most. */
const TRIES_MAX = 100;
/** Lookups of one kind over a run, about. */
const READS = 4000;
const READS_MIN = 4;
/** Lookups of one kind at the end of each phase. */
const READS_AT_END = 100;
/** Scans for each lookup of a kind. */
const SCANS_SHARE = 0.1;
const SAMPLES_MAX = 200;
/** Share of the tree from which a level counts as one. */
const LEVEL_SHARE_MIN = 0.01;

interface Sums {
  reads: number;
  runs: number;
  blocks: number;
}

/** See the head of the file. */
export class CellMeter {
  readonly #store: Store;
  readonly #context: WorkloadContext;
  readonly #steps: Steps;
  readonly #draws: SeededDraws;
  readonly #readsEach: number;
  #operations = 0;
  #counts = false;
  #before: StoreStats | null = null;
  #samples: TreeSample[] = [];
  readonly #measured: TreeSample[] = [];
  readonly #phases: PhaseCounters[] = [];
  readonly #reads: Record<'hit' | 'miss' | 'scan', Sums> = {
    hit: { reads: 0, runs: 0, blocks: 0 },
    miss: { reads: 0, runs: 0, blocks: 0 },
    scan: { reads: 0, runs: 0, blocks: 0 },
  };
  #puts = 0;
  #deletes = 0;

  /**
   * @param context - of the run
   * @param draws - for the reads; not those of the workload
   * @param flushes - how many flushes to expect, about
   */
  constructor(context: WorkloadContext, draws: SeededDraws, flushes: number) {
    this.#store = context.store;
    this.#context = context;
    this.#steps = new Steps(context);
    this.#draws = draws;
    this.#readsEach = Math.max(READS_MIN, Math.ceil(READS / Math.max(1, flushes)));
  }

  /** A phase begins; there is nothing left to do. */
  begin(phase: Phase): void {
    this.#counts = phase.prepares !== true;
    this.#before = this.#store.stats!();
  }

  /** An operation of the phase was done. */
  did(kind: OperationKind): void {
    this.#operations++;
    if (!this.#counts) return;
    if (kind === 'put') this.#puts++;
    if (kind === 'delete') this.#deletes++;
  }

  /** A flush has been dealt with; there is nothing left to do. */
  async observe(): Promise<void> {
    await this.#look(this.#readsEach);
  }

  /** The phase has ended; there is nothing left to do. */
  async end(): Promise<void> {
    await this.#look(READS_AT_END);
    if (this.#counts) this.#phases.push(countersBetween(this.#before!, this.#store.stats!()));
  }

  /** Bytes of the log over the measured phases ÷ bytes of keys and values. */
  logAmplification(): number | null {
    const userBytes = this.#sum('userBytes');
    return userBytes === 0 ? null : this.#sum('logBytes') / userBytes;
  }

  /**
   * The figures.
   *
   * @param entryBytes - bytes of an entry in a compacted copy
   * @param largestTaskBytes - bytes that the largest merge read
   * @param flushedBytesOf - bytes that so many puts and deletes take in tables
   */
  figures(
    entryBytes: number,
    largestTaskBytes: number,
    flushedBytesOf: (puts: number, deletes: number) => number,
  ): CellFigures {
    const userBytes = this.#sum('userBytes');
    const written = this.#sum('flushBytes') + this.#sum('compactionWriteBytes');
    const spaces = this.#measured
      .filter(({ liveEntries }) => liveEntries > 0)
      .map(({ bytes, liveEntries }) => bytes / (liveEntries * entryBytes));
    const runs = this.#measured.map((sample) => sample.runs);
    const live = this.#measured.at(-1)?.liveEntries ?? 0;
    return {
      writeAmplification: userBytes === 0 ? null : written / userBytes,
      runsMean: mean(runs),
      runsMax: Math.max(0, ...runs),
      spaceMean: mean(spaces),
      spaceMax: Math.max(0, ...spaces),
      hit: costOf(this.#reads.hit),
      miss: costOf(this.#reads.miss),
      scan: costOf(this.#reads.scan),
      largestTask: largestTaskBytes / Math.max(1, live * entryBytes),
      facts: this.#facts(largestTaskBytes, flushedBytesOf),
      samples: thinned(this.#samples),
    };
  }

  #facts(
    largestTaskBytes: number,
    flushedBytesOf: (puts: number, deletes: number) => number,
  ): CellFacts {
    const flushBytes = this.#sum('flushBytes');
    const readBytes = this.#sum('compactionReadBytes');
    const mergeBytes = this.#sum('compactionWriteBytes');
    const writes = this.#puts + this.#deletes;
    const unhidden = flushedBytesOf(this.#puts, this.#deletes);
    return {
      userBytes: this.#sum('userBytes'),
      flushes: this.#sum('flushes'),
      flushBytes,
      mergeBytes,
      merges: this.#sum('compactions'),
      moves: this.#sum('moves'),
      largestTaskBytes,
      flushedShare: unhidden === 0 ? 1 : flushBytes / unhidden,
      obsoleteShare: readBytes === 0 ? 0 : 1 - mergeBytes / readBytes,
      deleteShare: writes === 0 ? 0 : this.#deletes / writes,
      levelsMean: mean(
        this.#measured.map(
          ({ levels, bytes }) =>
            levels.filter((level) => level.bytes > bytes * LEVEL_SHARE_MIN).length,
        ),
      ),
      lastLevelShare: mean(
        this.#measured.map(({ levels, bytes }) => {
          const last = Math.max(0, ...levels.map(({ level }) => level));
          return (levels.find(({ level }) => level === last)?.bytes ?? 0) / Math.max(1, bytes);
        }),
      ),
    };
  }

  async #look(reads: number): Promise<void> {
    const { levels, runs, tableBytes } = this.#store.stats!();
    const sample: TreeSample = {
      operations: this.#operations,
      runs,
      bytes: tableBytes,
      liveEntries: this.#context.model.liveEntries,
      levels: levels.map(({ level, runs: count, bytes }) => ({ level, runs: count, bytes })),
    };
    this.#samples.push(sample);
    if (!this.#counts) return;
    this.#measured.push(sample);
    await this.#read('hit', reads, (index) => this.#steps.get(index));
    await this.#read('miss', reads, (index) => this.#steps.miss(index));
    await this.#read('scan', Math.ceil(reads * SCANS_SHARE), (index) =>
      this.#steps.scanFrom(index, SCAN_ENTRIES),
    );
  }

  async #read(
    kind: 'hit' | 'miss' | 'scan',
    count: number,
    step: (index: number) => OperationKind | Promise<OperationKind>,
  ): Promise<void> {
    const before = this.#store.stats!();
    const sums = this.#reads[kind];
    for (let i = 0; i < count; i++) {
      const index = this.#liveIndex();
      if (index < 0) break;
      const done = step(index);
      if (typeof done !== 'string') await done;
      sums.reads++;
    }
    const after = this.#store.stats!();
    // A scan looks into every run.
    sums.runs += kind === 'scan' ? after.runs * count : runsAsked(before, after);
    sums.blocks += blocksOf(after) - blocksOf(before);
  }

  #liveIndex(): number {
    const { model } = this.#context;
    for (let i = 0; i < TRIES_MAX; i++) {
      const index = this.#draws.below(model.inserted);
      if (model.version(index) > 0) return index;
    }
    return -1;
  }

  #sum(name: keyof PhaseCounters): number {
    return this.#phases.reduce((sum, phase) => sum + phase[name], 0);
  }
}

function runsAsked(before: StoreStats, after: StoreStats): number {
  return after.counters.runsProbed - before.counters.runsProbed;
}

function blocksOf({ cache }: StoreStats): number {
  return cache.hits + cache.misses;
}

function costOf({ reads, runs, blocks }: Sums): ReadCost {
  return { reads, runs: runs / Math.max(1, reads), blocks: blocks / Math.max(1, reads) };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

/** Evenly as many as a chart can show, the last one always. */
function thinned(samples: readonly TreeSample[]): TreeSample[] {
  const step = Math.ceil(samples.length / SAMPLES_MAX);
  return samples.filter((_, i) => i % step === 0 || i === samples.length - 1);
}
