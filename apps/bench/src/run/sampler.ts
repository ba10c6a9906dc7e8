/** Looks at the tree every 100 ms and listens to what the engine reports, for the charts over time. */
import type { EventResult, ShapeSample } from '../results.ts';
import type { Store, StoreStats } from '../stores/store.ts';
import type { RunProgress } from './phase-runner.ts';

/** ms between samples. */
const SAMPLE_EVERY_MS = 100;
/** Beyond so many samples every second one is dropped and the distance doubled, so that reports stay small. */
const SAMPLES_MAX = 600;
const EVENTS_MAX = 5000;

/** See the head of the file. */
export class Sampler {
  readonly #store: Store;
  readonly #progress: RunProgress;
  readonly #start: number = performance.now();
  readonly #timer: NodeJS.Timeout;
  #samples: ShapeSample[] = [];
  #everyMs = SAMPLE_EVERY_MS;
  #dueMs = 0;
  readonly events: EventResult[] = [];

  constructor(store: Store, progress: RunProgress) {
    this.#store = store;
    this.#progress = progress;
    store.onEvent?.((event) => {
      if (this.events.length >= EVENTS_MAX) return;
      const endMs = this.elapsedMs();
      const { kind, detail } = event;
      this.events.push({ kind, detail, startMs: Math.max(0, endMs - event.ms), endMs });
    });
    this.#timer = setInterval(() => this.#tick(), SAMPLE_EVERY_MS);
    this.sample();
  }

  /** ms since the run began. */
  elapsedMs(): number {
    return performance.now() - this.#start;
  }

  get samples(): readonly ShapeSample[] {
    return this.#samples;
  }

  /** Takes a sample now. */
  sample(): void {
    const stats = this.#store.stats?.();
    if (stats === undefined) return;
    this.#samples.push({
      atMs: Math.round(this.elapsedMs()),
      phase: this.#progress.phase,
      operations: this.#progress.operations,
      levels: stats.levels.map(({ level, runs, tables, bytes }) => ({
        level,
        runs,
        tables,
        bytes,
      })),
      diskBytes: diskBytesOf(stats),
    });
    if (this.#samples.length > SAMPLES_MAX) {
      this.#samples = this.#samples.filter((_, i) => i % 2 === 0);
      this.#everyMs *= 2;
    }
  }

  /** Ends the sampling. */
  stop(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const now = this.elapsedMs();
    if (now < this.#dueMs) return;
    this.#dueMs = now + this.#everyMs * 0.9;
    this.sample();
  }
}

/** Bytes that the engine has on disk by its own account. */
function diskBytesOf(stats: StoreStats): number {
  return stats.tableBytes + stats.obsoleteTableBytes + stats.logBytes + stats.manifestBytes;
}
