/**
 * One strategy under one trace, in the simulator, with a clock.
 *
 * 1. What was there before is written first and merged until the strategy is satisfied; nothing of it is counted.
 * 2. Operations come at the times of the trace. A full memtable is flushed; what the device can't do in time waits: a
 *    third unflushed memtable stops the writers until the first is flushed, and so does a tree that the strategy judges
 *    `stop`, until merges have brought it out of that. Stops move all that follows.
 * 3. The device reads and writes `bytesPerMs`, flushes first, then the oldest task. Tasks end in order.
 * 4. At the end the strategy works off what it owes; that is counted as well.
 * 5. Of lookups and scans a part is asked of the tables as they are at the moment; filters count by their rates.
 *
 * Bytes are real ones (replay-script.ts). Caches are left out: tables read are not disk reads.
 */
import { type CompactionStrategy, LsmError } from '@lsm/core';
import { Simulator } from '../simulator.ts';
import { type FilterModel, filterRates } from './filter-rates.ts';
import { NO_UPPER, type ReplayScript } from './replay-script.ts';
import { TraceKind } from './trace.ts';

/** What a replay assumes. */
export interface ReplayOptions {
  /** Bytes that flushes and merges read and write in a millisecond, all together; default 100,000 (100 MB/s). */
  readonly bytesPerMs?: number;
  /** How filter memory is dealt; default `'monkey'`. */
  readonly filter?: FilterModel;
  /** Filter bits ÷ entries; default 10. */
  readonly bitsPerKey?: number;
  /** Lookups, and scans, that are asked of the tables; default 4000 and 400. */
  readonly maxLookups?: number;
  readonly maxScans?: number;
}

/** What a strategy costs under a trace. Bytes are those of the whole database, not of the sample. */
export interface ReplayResult {
  /** Bytes of flushes and merges ÷ bytes that callers wrote; the log would add 1. */
  readonly writeAmplification: number;
  /** Bytes of tables ÷ bytes of live entries: mean and most after each flush. */
  readonly spaceAmplification: number;
  readonly peakSpaceAmplification: number;
  /** After each flush. */
  readonly meanRuns: number;
  readonly maxRuns: number;
  /** Bytes that the largest merge read. */
  readonly largestTaskBytes: number;
  /** ms in which writers stood still. */
  readonly stallMs: number;
  /** Share of memtables after whose flush the strategy wanted writers slowed or stopped. */
  readonly slowShare: number;
  /** ms of work that was left at the end. */
  readonly debtMs: number;
  /** Tables read for a lookup that finds its key in one, and for one of an absent key; `null`: none in the trace. */
  readonly tablesPerHit: number | null;
  readonly tablesPerMiss: number | null;
  /** Runs that a scan has to merge, and entries that it passes for each that it returns. */
  readonly runsPerScan: number | null;
  readonly entriesPerScanned: number | null;
  readonly flushes: number;
  readonly tasks: number;
  readonly moves: number;
  /** Tasks that admission refused. */
  readonly refused: number;
}

/** Memtables that may wait for their flush before writers stop. */
const WAITING_MAX = 2;
/** Tasks between two flushes after which a strategy is taken to never end. */
const TASKS_MAX = 20_000;
/** Entries that a simulated scan passes at most. */
const SCAN_ENTRIES_MAX = 1000;

/**
 * Replays a script.
 *
 * @param strategy - borrowed; asked for its initial state
 * @returns a generator that pauses after each flush and gives the costs at its end
 * @throws what the strategy throws, LSM_STRATEGY if it never ends
 */
export function* replaySteps(
  script: ReplayScript,
  strategy: CompactionStrategy,
  options: ReplayOptions = {},
): Generator<void, ReplayResult, void> {
  const replay = new Replay(script, strategy, options);
  for (const key of script.existing) if (replay.load(key)) yield;
  replay.begin();
  for (let i = 0; i < script.kinds.length; i++) if (replay.apply(i)) yield;
  return replay.end();
}

/** Sums over samples. */
class Mean {
  #sum = 0;
  #count = 0;
  most = 0;

  add(value: number): void {
    this.#sum += value;
    this.#count++;
    this.most = Math.max(this.most, value);
  }

  get value(): number {
    return this.#count === 0 ? 0 : this.#sum / this.#count;
  }

  get orNull(): number | null {
    return this.#count === 0 ? null : this.value;
  }
}

/** What is left of a running task, and what it writes. */
interface TaskWork {
  ms: number;
  readonly outputBytes: number;
}

class Replay {
  readonly #script: ReplayScript;
  readonly #strategy: CompactionStrategy;
  readonly #options: Required<ReplayOptions>;
  readonly #simulator: Simulator;
  readonly #isLive: Uint8Array;
  /** The memtable in which a key was written last, from 1. */
  readonly #writtenIn: Uint32Array;
  #live = 0;
  #memtable = 1;
  #pending = 0;
  #userBytes = 0;
  /** Clock of the operations: what stops added to the times of the trace. */
  #delayMs = 0;
  /** When the device has done all that it was given. */
  #deviceMs = 0;
  /** Flushes that have not ended, by their end. */
  #flushEnds: number[] = [];
  readonly #work = new Map<number, TaskWork>();
  #before: { tasks: number; moves: number; rejections: number };
  #writtenBefore = 0;
  #stallMs = 0;
  #slow = 0;
  #flushes = 0;
  /** Of all flushes, those before the trace included. */
  #flushedBytes = 0;
  #largestTaskBytes = 0;
  readonly #runs = new Mean();
  readonly #space = new Mean();
  #peakSpace = 0;
  readonly #hits = new Mean();
  readonly #misses = new Mean();
  readonly #scans = new Mean();
  #scanned = 0;
  #passed = 0;
  readonly #lookupStep: number;
  readonly #scanStep: number;
  #lookups = 0;
  #scanCalls = 0;

  constructor(script: ReplayScript, strategy: CompactionStrategy, options: ReplayOptions) {
    this.#script = script;
    this.#strategy = strategy;
    this.#options = {
      bytesPerMs: 100_000,
      filter: 'monkey',
      bitsPerKey: 10,
      maxLookups: 4000,
      maxScans: 400,
      ...options,
    };
    const { keyCount, maxTasks, entryBytes, tombstoneBytes, flushEntries } = script;
    const { tableEntries, maxTaskEntries } = script;
    this.#simulator = new Simulator(strategy, {
      keyCount,
      maxTasks,
      entryBytes,
      tombstoneBytes,
      flushEntries,
      tableEntries,
      maxTaskEntries,
      settles: false,
      flushMs: 0,
    });
    this.#isLive = new Uint8Array(keyCount);
    this.#writtenIn = new Uint32Array(keyCount);
    this.#before = this.#simulator.stats;
    let lookups = 0;
    let scans = 0;
    for (const kind of script.kinds) {
      if (kind === TraceKind.getHit || kind === TraceKind.getMiss) lookups++;
      else if (kind >= TraceKind.scan) scans++;
    }
    this.#lookupStep = Math.max(1, Math.floor(lookups / this.#options.maxLookups));
    this.#scanStep = Math.max(1, Math.floor(scans / this.#options.maxScans));
  }

  /** Writes a key that was there before; true after a flush. */
  load(key: number): boolean {
    this.#put(key);
    if (this.#pending < this.#script.flushEntries) return false;
    this.#flushed();
    this.#settle();
    return true;
  }

  /** From here on, costs count. */
  begin(): void {
    if (this.#pending > 0) {
      this.#simulator.flush();
      this.#flushed();
      this.#settle();
    }
    this.#before = this.#simulator.stats;
    this.#writtenBefore = this.#writtenBytes();
    this.#largestTaskBytes = 0;
    this.#userBytes = 0;
    this.#peakSpace = 0;
    this.#deviceMs = 0;
    this.#flushes = 0;
  }

  /** Does the i-th operation; true after a flush. */
  apply(i: number): boolean {
    const { kinds, keys, times, flushEntries } = this.#script;
    const key = keys[i]!;
    const argument = this.#script.arguments[i]!;
    const atMs = times[i]! + this.#delayMs;
    // What the device has done by now, it has done before the flush that this write may bring.
    if (this.#pending === flushEntries - 1) this.#workUntil(atMs);
    switch (kinds[i]!) {
      case TraceKind.put:
        this.#put(key);
        break;
      case TraceKind.delete:
        this.#delete(key);
        break;
      case TraceKind.rangeDelete:
        this.#deleteRange(key, argument);
        break;
      case TraceKind.getHit:
      case TraceKind.getMiss:
        if (this.#lookups++ % this.#lookupStep === 0) this.#lookUp(key);
        break;
      case TraceKind.scan:
        if (this.#scanCalls++ % this.#scanStep === 0) this.#scan(key, argument);
        break;
      default:
        if (this.#scanCalls++ % this.#scanStep === 0) {
          this.#scan(Math.max(0, key - argument), argument);
        }
    }
    if (this.#pending < flushEntries) return false;
    this.#flushAt(atMs);
    return true;
  }

  end(): ReplayResult {
    const { times } = this.#script;
    const endMs = (times.at(-1) ?? 0) + this.#delayMs;
    this.#workUntil(endMs);
    this.#deviceMs = Math.max(this.#deviceMs, endMs);
    this.#settle();
    const { tasks, moves, rejections } = this.#simulator.stats;
    const writtenBytes = this.#writtenBytes() - this.#writtenBefore;
    return {
      writeAmplification: writtenBytes / Math.max(1, this.#userBytes),
      spaceAmplification: this.#space.value,
      peakSpaceAmplification: this.#peakSpace,
      meanRuns: this.#runs.value,
      maxRuns: this.#runs.most,
      largestTaskBytes: this.#largestTaskBytes,
      stallMs: this.#stallMs,
      slowShare: this.#slow / Math.max(1, this.#flushes),
      debtMs: Math.max(0, this.#deviceMs - endMs),
      tablesPerHit: this.#hits.orNull,
      tablesPerMiss: this.#misses.orNull,
      runsPerScan: this.#scans.orNull,
      entriesPerScanned: this.#scanned === 0 ? null : this.#passed / this.#scanned,
      flushes: this.#flushes,
      tasks: tasks - this.#before.tasks,
      moves: moves - this.#before.moves,
      refused: rejections - this.#before.rejections,
    };
  }

  #put(key: number): void {
    this.#wrote(key);
    if (this.#isLive[key] === 0) this.#live++;
    this.#isLive[key] = 1;
    this.#userBytes += this.#script.putBytes;
    this.#simulator.put(key);
  }

  #delete(key: number): void {
    this.#wrote(key);
    this.#live -= this.#isLive[key]!;
    this.#isLive[key] = 0;
    this.#userBytes += this.#script.deleteBytes;
    this.#simulator.del(key);
  }

  #deleteRange(lower: number, argument: number): void {
    const { keyCount, deleteBytes } = this.#script;
    const upper = Math.min(argument, keyCount);
    // A range without sampled keys stands for many without effect on the sample.
    if (lower >= upper) return;
    for (let key = lower; key < upper; key++) {
      this.#live -= this.#isLive[key]!;
      this.#isLive[key] = 0;
    }
    this.#pending++;
    this.#userBytes += deleteBytes;
    this.#simulator.delRange(lower, argument === NO_UPPER || upper === keyCount ? null : upper);
  }

  #wrote(key: number): void {
    this.#pending++;
    this.#writtenIn[key] = this.#memtable;
  }

  #flushAt(fullMs: number): void {
    // The simulator has flushed with the write that filled the memtable.
    const written = this.#flushed();
    const { bytesPerMs } = this.#options;
    this.#deviceMs = Math.max(this.#deviceMs, fullMs) + written / bytesPerMs;
    let nowMs = fullMs;
    this.#flushEnds = this.#flushEnds.filter((end) => end > nowMs);
    this.#flushEnds.push(this.#deviceMs);
    if (this.#flushEnds.length > WAITING_MAX) nowMs = this.#flushEnds.at(-1 - WAITING_MAX)!;
    this.#start();
    nowMs = this.#stopped(nowMs);
    this.#stallMs += nowMs - fullMs;
    this.#delayMs += nowMs - fullMs;
    this.#note();
  }

  /** Lets writers wait while the strategy wants it; returns when they go on. */
  #stopped(fromMs: number): number {
    let nowMs = fromMs;
    let { delay } = this.#strategy.assess(this.#simulator.tree());
    if (delay !== 'none') this.#slow++;
    for (let i = 0; delay === 'stop' && i < TASKS_MAX; i++) {
      if (!this.#finishFirst()) break;
      nowMs = Math.max(nowMs, this.#deviceMs);
      ({ delay } = this.#strategy.assess(this.#simulator.tree()));
    }
    return nowMs;
  }

  /** A memtable became a run; returns the bytes written. */
  #flushed(): number {
    this.#pending = 0;
    this.#memtable++;
    this.#flushes++;
    const { flushedBytes } = this.#simulator.stats;
    const bytes = flushedBytes - this.#flushedBytes;
    this.#flushedBytes = flushedBytes;
    return bytes * this.#script.flushScale;
  }

  /** Bytes of flushes and merges so far. */
  #writtenBytes(): number {
    const { writtenBytes, flushedBytes } = this.#simulator.stats;
    return writtenBytes + flushedBytes * (this.#script.flushScale - 1);
  }

  /** Lets the device work on tasks up to a time. */
  #workUntil(untilMs: number): void {
    for (let i = 0; this.#deviceMs < untilMs; i++) {
      const [first] = this.#simulator.running;
      if (first === undefined || i > TASKS_MAX) break;
      const work = this.#work.get(first.id)!;
      if (this.#deviceMs + work.ms > untilMs) {
        work.ms -= untilMs - this.#deviceMs;
        this.#deviceMs = untilMs;
        break;
      }
      this.#finishFirst();
    }
    const idleMs = untilMs - this.#simulator.now;
    if (idleMs > 0) this.#simulator.advance(idleMs);
  }

  /** Ends the oldest task and asks for more; false if there is none. */
  #finishFirst(): boolean {
    const [first] = this.#simulator.running;
    if (first === undefined) return false;
    this.#deviceMs += this.#work.get(first.id)!.ms;
    this.#work.delete(first.id);
    this.#simulator.step();
    this.#start();
    return true;
  }

  /** Asks the strategy and starts what may start. */
  #start(): void {
    const simulator = this.#simulator;
    if (simulator.isBreakerTripped) {
      const { name } = this.#strategy;
      throw new LsmError(
        'LSM_STRATEGY',
        `"${name}" repeats fruitless work; it would be quarantined.`,
      );
    }
    const before = simulator.stats.writtenBytes;
    const known = new Set(simulator.running.map(({ id }) => id));
    simulator.plan();
    const started = simulator.running.filter(({ id }) => !known.has(id));
    if (started.length === 0) return;
    const outputBytes = simulator.stats.writtenBytes - before;
    let inputBytes = 0;
    for (const task of started) inputBytes += readBytes(task);
    for (const task of started) {
      const bytes = readBytes(task);
      const written = inputBytes === 0 ? 0 : (outputBytes * bytes) / inputBytes;
      const ms = (bytes + written) / this.#options.bytesPerMs;
      this.#work.set(task.id, { ms, outputBytes: written });
      this.#largestTaskBytes = Math.max(this.#largestTaskBytes, bytes);
    }
    let takenBytes = simulator.stats.treeBytes;
    for (const work of this.#work.values()) takenBytes += work.outputBytes;
    this.#peakSpace = Math.max(this.#peakSpace, this.#spaceOf(takenBytes));
  }

  #settle(): void {
    this.#start();
    for (let i = 0; this.#finishFirst(); i++) {
      if (i > TASKS_MAX) {
        throw new LsmError('LSM_STRATEGY', `"${this.#strategy.name}" is never satisfied.`);
      }
    }
  }

  /** Bytes by what is alive; 0 if nothing is. */
  #spaceOf(bytes: number): number {
    return this.#live === 0 ? 0 : bytes / (this.#live * this.#script.entryBytes);
  }

  #note(): void {
    const { runs, treeBytes } = this.#simulator.stats;
    this.#runs.add(runs);
    if (this.#live === 0) return;
    const space = this.#spaceOf(treeBytes);
    this.#space.add(space);
    this.#peakSpace = Math.max(this.#peakSpace, space);
  }

  #lookUp(key: number): void {
    // What the active memtable knows needs no table.
    if (this.#writtenIn[key] === this.#memtable) return;
    const { vain, ended } = this.#simulator.probe(key);
    const rates = this.#rates();
    let tables = ended >= 0 ? 1 : 0;
    for (const place of vain) tables += rates[place]!;
    if (ended >= 0 && this.#isLive[key] === 1) this.#hits.add(tables);
    else this.#misses.add(tables);
  }

  #rates(): readonly number[] {
    const { filter, bitsPerKey } = this.#options;
    const entries = this.#simulator.runs.map((run) =>
      run.tables.reduce((sum, table) => sum + table.entries, 0),
    );
    return filterRates(entries, filter, bitsPerKey);
  }

  #scan(key: number, limit: number): void {
    if (key >= this.#script.keyCount) return;
    const { returned, passed } = this.#simulator.probeScan(key, Math.min(limit, SCAN_ENTRIES_MAX));
    const met = passed.filter((count) => count >= 0);
    this.#scans.add(met.length);
    this.#scanned += returned;
    for (const count of met) this.#passed += count;
  }
}

/** Bytes that a task reads: moves and drops read nothing. */
function readBytes({
  kind,
  inputBytes,
}: {
  readonly kind: string;
  readonly inputBytes: number;
}): number {
  return kind === 'merge' || kind === 'rewrite' ? inputBytes : 0;
}
