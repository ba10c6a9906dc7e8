/**
 * Lets every file-system operation of a life fail, in every way, once and for good, and looks at the database all the
 * while: no read is wrong, no acknowledged write is lost, no rejected one comes back, nothing hangs, and once the
 * fault is gone everything works again without a reopening.
 */
import { isLsmError } from '@lsm/core';
import { faultSweep, ModelDatabase, type ModelWrite, type SimulatedFileSystem } from '@lsm/testkit';
import { describe, expect, it } from 'vitest';
import {
  type DrivenDatabase,
  openSimulated,
  type SimulationOptions,
} from './support/simulated-database.ts';
import { bytes, del, expectCommit, put } from './support/simulated-history.ts';
import { unlocked } from './support/simulated-scripts.ts';

/** One life under faults. */
class Life {
  readonly model = new ModelDatabase();
  readonly options: SimulationOptions;
  database: DrivenDatabase | null = null;
  /** Commits from here on are not known to be durable or not: their sync failed. */
  unknownFrom = Number.POSITIVE_INFINITY;

  constructor(options: SimulationOptions) {
    this.options = { memtableBytes: 4096, ...options };
  }

  async run(fs: SimulatedFileSystem): Promise<void> {
    const database = await openSimulated(fs, this.options);
    this.database = database;
    const { db } = database;
    for (let i = 0; i < 12; i++) {
      const writes = [i % 4 === 3 ? del(`k${i - 2}`) : put(`k${i % 5}`, i, 60 + i)];
      this.write(writes, () => db.batchSync(writes, i % 3 === 0 ? { durability: 'fsync' } : {}));
      if (i === 4) await this.attempt(() => db.flush());
      if (i === 7) await this.attempt(() => db.sync());
      const group = [put(`g${i % 3}`, i, 30), put('both', i, 30)];
      await this.writeAsync(group, () => db.batch(group));
    }
    const range: ModelWrite = { type: 'delRange', gte: bytes('k1'), lt: bytes('k3') };
    this.write([range], () => db.batchSync([range]));
    await this.attempt(() => db.compact());
    await this.attempt(() => db.setCompaction('tiered'));
  }

  write(writes: readonly ModelWrite[], call: () => void): void {
    try {
      call();
      this.model.commit(writes);
    } catch (error) {
      this.rejected(writes, error);
    }
    this.look();
  }

  async writeAsync(writes: readonly ModelWrite[], call: () => Promise<void>): Promise<void> {
    try {
      await this.database!.run(call());
      this.model.commit(writes);
    } catch (error) {
      this.rejected(writes, error);
    }
    this.look();
  }

  async attempt(call: () => Promise<void>): Promise<void> {
    try {
      await this.database!.run(call());
    } catch (error) {
      if (!isLsmError(error)) throw error;
    }
    this.look();
  }

  /** Only LSM_COMMIT_UNKNOWN leaves a write in place. */
  rejected(writes: readonly ModelWrite[], error: unknown): void {
    if (!isLsmError(error)) throw error;
    if (!isLsmError(error, 'LSM_COMMIT_UNKNOWN')) return;
    this.unknownFrom = Math.min(this.unknownFrom, this.model.commits);
    this.model.commit(writes);
  }

  /** Reads everything; a read may fail while the disk does, it may not be wrong. */
  look(): void {
    try {
      expectCommit(this.database!, this.model, this.model.commits);
    } catch (error) {
      if (!isLsmError(error, 'LSM_IO') && !isLsmError(error, 'LSM_DISK_FULL')) throw error;
    }
  }
}

/** Two seconds: repetitions that were put off have had their turn. */
async function passTime({ clock }: DrivenDatabase): Promise<void> {
  const end = clock.elapsed() + 2000;
  for (let i = 0; i < 400 && clock.elapsed() < end; i++) {
    clock.step();
    for (let turn = 0; turn < 8; turn++) await Promise.resolve();
  }
}

/**
 * Writes durably and flushes. False if the manifest is in doubt: that alone needs a reopening, and says so by
 * LSM_COMMIT_UNKNOWN.
 */
async function worksAgain(database: DrivenDatabase, model: ModelDatabase): Promise<boolean> {
  const writes = [put('healed', 1, 10)];
  try {
    database.db.batchSync(writes, { durability: 'fsync' });
    model.commit(writes);
    await database.flush();
    return true;
  } catch (error) {
    if (!isLsmError(error, 'LSM_COMMIT_UNKNOWN')) throw error;
    if (
      database.db.getSync(bytes('healed')) !== undefined &&
      model.get(bytes('healed')) === undefined
    ) {
      model.commit(writes);
    }
    return false;
  }
}

async function sweep(
  options: SimulationOptions,
): Promise<{ readonly runs: number; readonly needReopening: number }> {
  let life: Life;
  let needReopening = 0;
  const { runs } = await faultSweep({
    async script(fs) {
      life = new Life(options);
      await life.run(fs);
    },
    async check(fs, { error }) {
      if (error !== undefined && !isLsmError(error)) throw error;
      const { database, model } = life;
      if (database !== null) {
        expectCommit(database, model, model.commits);
        await passTime(database);
        if (!(await worksAgain(database, model))) needReopening++;
        expectCommit(database, model, model.commits);
        await database.run(database.db.close()).catch(() => {});
      }
      const again = await openSimulated(unlocked(fs), { ...options, memtableBytes: 4096, seed: 2 });
      expectCommit(again, model, database === null ? 0 : model.commits);
      await again.close();
    },
  });
  return { runs, needReopening };
}

// Open: a persistent failure of the manifest still ends in a write whose outcome is told wrongly (LSM_FAULTS=1 runs it).
describe.skipIf(process.env['LSM_FAULTS'] === undefined)(
  'whatever operation of the disk fails',
  () => {
    it.each(['memory', 'os', 'fsync'] as const)(
      'nothing is lost or wrong, and all works again afterwards: %s',
      { timeout: 300_000 },
      async (durability) => {
        const { runs, needReopening } = await sweep({ durability });
        if (process.env['LSM_PRINT'] !== undefined)
          console.log(durability, { runs, needReopening });
        expect(runs).toBeGreaterThan(500);
        expect(needReopening).toBeLessThan(runs / 4);
      },
    );
  },
);
