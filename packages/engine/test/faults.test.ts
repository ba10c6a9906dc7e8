/**
 * Lets every file-system operation of a life fail, in every way, once and for good, and looks at the database all the
 * while: no read is wrong, no acknowledged write is lost, no rejected one comes back, nothing hangs, and once the
 * fault is gone everything works again without a reopening.
 */
import { isLsmError } from '@lsm/core';
import {
  type FaultSweepOptions,
  faultSweep,
  ModelDatabase,
  type ModelWrite,
  type Operation,
  type SimulatedFileSystem,
} from '@lsm/testkit';
import { describe, expect, it } from 'vitest';
import {
  type DrivenDatabase,
  openSimulated,
  type SimulationOptions,
} from './support/simulated-database.ts';
import { bytes, del, expectCommit, put } from './support/simulated-history.ts';
import { unlocked } from './support/simulated-scripts.ts';

/** What a read may answer while the disk fails. */
const DISK_CODES = ['LSM_IO', 'LSM_DISK_FULL', 'LSM_READ_ONLY'];

/** One life under faults. */
class Life {
  readonly model = new ModelDatabase();
  readonly options: SimulationOptions;
  database: DrivenDatabase | null = null;

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
    this.model.commit(writes);
  }

  /** Reads everything; a read may fail while the disk does, it may not be wrong. */
  look(): void {
    try {
      expectCommit(this.database!, this.model, this.model.commits);
    } catch (error) {
      if (!isLsmError(error) || !DISK_CODES.includes(error.code)) throw error;
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

/** Whatever failed before: writes are durable again, and flushes succeed, without a reopening. */
async function expectWorks(database: DrivenDatabase, model: ModelDatabase): Promise<void> {
  const writes = [put('healed', 1, 10)];
  database.db.batchSync(writes, { durability: 'fsync' });
  model.commit(writes);
  await database.flush();
  expectCommit(database, model, model.commits);
}

async function sweep(
  options: SimulationOptions,
  faults: Pick<FaultSweepOptions<string>, 'kinds' | 'only'>,
): Promise<number> {
  let life: Life;
  const { runs } = await faultSweep({
    ...faults,
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
        await expectWorks(database, model);
        await database.run(database.db.close());
      }
      const again = await openSimulated(unlocked(fs), { ...options, memtableBytes: 4096, seed: 2 });
      expectCommit(again, model, database === null ? 0 : model.commits);
      await again.close();
    },
  });
  return runs;
}

describe('a disk that fails', () => {
  it.each(['memory', 'os', 'fsync'] as const)(
    'ENOSPC at each write index with reads between: %s',
    { timeout: 120_000 },
    async (durability) => {
      const only = ({ kind }: Operation): boolean => kind === 'write';
      expect(await sweep({ durability }, { kinds: [{ errno: 'ENOSPC' }], only })).toBeGreaterThan(
        200,
      );
    },
  );

  // Each run takes 8 ms; every operation is the long form's (4 minutes).
  const step = process.env['LSM_FAULTS'] === undefined ? 16 : 1;

  it.each(['memory', 'os', 'fsync'] as const)(
    'at any operation, in any way, loses nothing, shows nothing wrong, and all works again: %s',
    { timeout: 600_000 },
    async (durability) => {
      const runs = await sweep({ durability }, { only: ({ index }) => index % step === 0 });
      if (process.env['LSM_PRINT'] !== undefined) console.log(durability, runs);
      expect(runs).toBeGreaterThan(8000 / step);
    },
  );
});
