/** How much a memtable and a table hold, found by filling them. */
import { join } from 'node:path';
import type { CompactionStrategy } from '@lsm/core';
import { GeneratedData } from '../data/generated.ts';
import { ClockedStore } from './clocked-store.ts';
import type { Calibration, MatrixConfig } from './matrix-config.ts';

/** Leaves the tree as the flushes make it. */
const IDLE: CompactionStrategy = {
  name: 'none',
  formatVersion: 1,
  settings: {},
  plan: () => ({ tasks: [] }),
  assess: () => ({ debtBytes: 0, pressure: 0, delay: 'none', quiescent: true }),
};

/** Fills a memtable with puts, then one with deletes, and looks at the tables that they became. */
export async function calibrate(config: MatrixConfig, directory: string): Promise<Calibration> {
  const { keyBytes, valueBytes, memtableBytes } = config;
  const entries = Math.ceil(memtableBytes / keyBytes);
  const data = new GeneratedData({ entries, inserts: 0, keyBytes, valueBytes });
  const { store } = await ClockedStore.open(join(directory, 'calibration'), config, IDLE);
  const { db } = store;
  const flushes = { begun: 0 };
  db.on('flushBegin', () => {
    flushes.begun++;
  });
  /** Writes until a memtable is full; the write that did not fit is in the next one, and not counted. */
  const fill = async (write: (index: number) => void): Promise<number> => {
    const { begun } = flushes;
    let count = 0;
    while (flushes.begun === begun) write(count++);
    await db.idle();
    return count - 1;
  };
  try {
    const memtablePuts = await fill((i) => {
      db.putSync(data.key(i % entries), data.value(i % entries, 1));
    });
    const first = db.stats().counters;
    const memtableDeletes = await fill((i) => {
      db.delSync(data.key(i % memtablePuts));
    });
    const { flushBytes, flushEntries } = db.stats().counters;
    return {
      memtablePuts,
      memtableDeletes,
      putBytes: first.flushBytes / first.flushEntries,
      deleteBytes: (flushBytes - first.flushBytes) / (flushEntries - first.flushEntries),
    };
  } finally {
    await store.close();
  }
}
