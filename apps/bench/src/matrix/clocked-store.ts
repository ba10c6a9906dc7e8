/** The engine as the matrix runs it: by the bench's own clock, with what would hide the tree's own cost switched off. */
import { monkey } from '@lsm/bloom';
import type { CompactionStrategy } from '@lsm/core';
import { EngineStore } from '../stores/engine-store.ts';
import type { Store } from '../stores/store.ts';
import type { MatrixConfig } from './matrix-config.ts';
import { SteppedClock } from './stepped-clock.ts';

/** An engine that forgets by the bench's own clock. */
export class ClockedStore {
  readonly store: EngineStore & Store;
  readonly clock: SteppedClock;
  largestTaskBytes = 0;
  #flushed = false;

  private constructor(store: EngineStore, clock: SteppedClock, expires: boolean) {
    this.clock = clock;
    this.store = Object.assign(store, {
      expires,
      advance: (ms: number): void => clock.advance(ms),
    });
    store.db.on('flushBegin', () => {
      this.#flushed = true;
    });
    store.db.on('compactionEnd', ({ readBytes }) => {
      this.largestTaskBytes = Math.max(this.largestTaskBytes, readBytes);
    });
  }

  /** Opens a new database. */
  static async open(
    directory: string,
    config: MatrixConfig,
    strategy: CompactionStrategy,
  ): Promise<ClockedStore> {
    const clock = new SteppedClock();
    const store = await EngineStore.open(directory, engineOptions(config, strategy, clock));
    return new ClockedStore(store, clock, strategy.lossy === true);
  }

  /** Whether a flush has begun since the last call. */
  takeFlushed(): boolean {
    const flushed = this.#flushed;
    this.#flushed = false;
    return flushed;
  }
}

function engineOptions(
  config: MatrixConfig,
  strategy: CompactionStrategy,
  clock: SteppedClock,
): Record<string, unknown> {
  return {
    memtableBytes: config.memtableBytes,
    tableBytes: config.tableBytes,
    cacheBytes: config.cacheBytes,
    filter: monkey({ bitsPerKey: config.filterBitsPerKey, hashIndex: false }),
    compression: 'none',
    combinedIndex: 'off',
    durability: 'memory',
    reads: 'sync',
    compaction: strategy,
    lossy: strategy.lossy === true,
    clock,
  };
}
