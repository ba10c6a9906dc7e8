/**
 * A long load under one strategy: `for (…) await db.put()` with random keys, then every key read back.
 *
 * What is watched: resident memory against its bound, runs, the delay of the event loop while the worker flushes and
 * merges, stalls, and every value. Runs in a process of its own, so that memory is that of one database.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type Db, open } from '@lsm/engine';
import { mixWord } from '../random.ts';

/** What is allowed beside cache, memtables and indexes, bytes. */
const OVERHEAD_BYTES = 200e6;
const KEY_BYTES = 16;
const VALUE_BYTES = 100;
const SAMPLE_EVERY = 16_384;

/** What an endurance run is given. */
export interface EnduranceSetting {
  readonly directory: string;
  readonly strategy: 'leveled' | 'tiered' | 'hybrid';
  readonly entries: number;
}

/** What it measured. Bytes, ms. */
export interface EnduranceResult {
  readonly strategy: string;
  readonly entries: number;
  readonly loadMs: number;
  readonly readMs: number;
  readonly wrong: number;
  readonly residentBytesMax: number;
  /** `cacheBytes` + memtables + loaded indexes + 200 MB, at the moment of the peak. */
  readonly residentBytesAllowed: number;
  readonly runsMax: number;
  readonly loopDelayP99Ms: number;
  readonly loopDelayMaxMs: number;
  readonly stallMs: number;
  readonly slowdownMs: number;
  readonly writeAmplification: number;
  readonly spaceAmplification: number;
}

/** Watches resident memory against its bound. */
class MemoryWatch {
  residentBytesMax = 0;
  residentBytesAllowed = 0;
  runsMax = 0;
  #excess = Number.NEGATIVE_INFINITY;

  sample(db: Db, cacheBytes: number, memtableBytes: number): void {
    const stats = db.stats();
    const resident = process.memoryUsage.rss();
    // Up to three memtables exist at once, and one more while a reader or job holds it.
    const allowed = cacheBytes + 4 * memtableBytes + stats.memory.indexBytes + OVERHEAD_BYTES;
    this.runsMax = Math.max(this.runsMax, stats.runs);
    if (resident - allowed <= this.#excess) return;
    this.#excess = resident - allowed;
    this.residentBytesMax = resident;
    this.residentBytesAllowed = allowed;
  }
}

/** Loads, watches, reads back. */
export async function runEndurance(setting: EnduranceSetting): Promise<EnduranceResult> {
  const { directory, strategy, entries } = setting;
  const memoryBytes = 256 * 1024 * 1024;
  const db = await open(directory, { compaction: strategy, memoryBytes });
  const watch = new MemoryWatch();
  const sample = (): void => watch.sample(db, memoryBytes / 2, memoryBytes / 8);
  const key = Buffer.alloc(KEY_BYTES);
  const value = Buffer.alloc(VALUE_BYTES);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const loadStart = performance.now();
  for (let i = 0; i < entries; i++) {
    fillKey(key, i);
    fillValue(value, i);
    await db.put(key, value);
    if (i % SAMPLE_EVERY === 0) sample();
  }
  const loadMs = performance.now() - loadStart;
  delay.disable();
  const { counters } = db.stats();
  await db.idle();
  sample();
  const { writeAmplification, spaceAmplification } = db.stats();
  const readStart = performance.now();
  let wrong = 0;
  for (let i = 0; i < entries; i++) {
    fillKey(key, i);
    fillValue(value, i);
    const found = db.getSync(key);
    if (found === undefined || Buffer.compare(found, value) !== 0) wrong++;
    if (i % SAMPLE_EVERY === 0) sample();
  }
  const readMs = performance.now() - readStart;
  await db.close();
  return {
    strategy,
    entries,
    loadMs,
    readMs,
    wrong,
    residentBytesMax: watch.residentBytesMax,
    residentBytesAllowed: watch.residentBytesAllowed,
    runsMax: watch.runsMax,
    loopDelayP99Ms: delay.percentile(99) / 1e6,
    loopDelayMaxMs: delay.max / 1e6,
    stallMs: counters.stallMs,
    slowdownMs: counters.slowdownMs,
    writeAmplification,
    spaceAmplification,
  };
}

/** The i-th key: 16 bytes without order. */
function fillKey(key: Buffer, i: number): void {
  key.writeUInt32LE(mixWord(i), 0);
  key.writeUInt32LE(mixWord(i ^ 0x5bd1e995), 4);
  key.writeUInt32LE(i, 8);
  key.writeUInt32LE(mixWord(i + 0x3c6ef372), 12);
}

/** The i-th value: half of it compresses. */
function fillValue(value: Buffer, i: number): void {
  for (let offset = 0; offset < 48; offset += 4) {
    value.writeUInt32LE(mixWord(i * 31 + offset), offset);
  }
}
