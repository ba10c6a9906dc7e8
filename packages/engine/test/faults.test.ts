/**
 * Lets every file-system operation of a life fail, in every way, once and for good, and looks at the database all the
 * while: no read is wrong, no acknowledged write is lost, no rejected one comes back, nothing hangs, every error says
 * where it happened, and once the fault is gone everything works again without a reopening.
 */
import { readManifest } from '@lsm/manifest';
import {
  FAULT_KINDS,
  type FaultContext,
  type FaultKind,
  type FaultSweepOptions,
  faultSweep,
  type Operation,
  SimulatedFileSystem,
  type SurvivalVariant,
} from '@lsm/testkit';
import { describe, expect, it } from 'vitest';
import { Life, requireDiskError } from './support/life-under-faults.ts';
import {
  DIRECTORY,
  type DrivenDatabase,
  openSimulated,
  type SimulationOptions,
} from './support/simulated-database.ts';
import { expectCommit, put } from './support/simulated-history.ts';
import { unlocked } from './support/simulated-scripts.ts';

/** LSM_FAULTS=1 takes every operation, LSM_FAULTS=n every n-th. */
const LONG_STEP = Number(process.env['LSM_FAULTS'] ?? 0);
/** What CI takes, in each mode from another operation on. */
const SHORT_STEP = 96;
const FIRST = { memory: 0, os: 32, fsync: 64 };

/** All ways to fail that an engine may meet. */
const ALL_KINDS: readonly FaultKind[] = [
  ...FAULT_KINDS,
  { errno: 'EROFS' },
  { errno: 'EIO', failedSync: 'torn' },
];

const SYNCED_ONLY: SurvivalVariant = { name: 'synced-only', data: 'none', names: 'none' };

type Faults = Pick<FaultSweepOptions<string>, 'kinds' | 'only' | 'start'>;

/** Two seconds: repetitions that were put off have had their turn. */
async function passTime({ clock }: DrivenDatabase): Promise<void> {
  const end = clock.elapsed() + 2000;
  for (let i = 0; i < 400 && clock.elapsed() < end; i++) {
    clock.step();
    for (let turn = 0; turn < 8; turn++) await Promise.resolve();
  }
}

/**
 * Whatever failed before: reads are right, a durable write makes everything before it durable, and flushes succeed,
 * without a reopening.
 */
async function expectWorks(
  fs: SimulatedFileSystem,
  life: Life,
  mayLosePower: boolean,
): Promise<void> {
  const { model, options } = life;
  const database = life.database!;
  expectCommit(database, model, model.commits);
  await passTime(database);
  const writes = [put('healed', 1, 10)];
  database.db.batchSync(writes, { durability: 'fsync' });
  model.commit(writes);
  if (mayLosePower) {
    const cut = await openSimulated(fs.survivors(SYNCED_ONLY, 1), { ...options, seed: 4 });
    expectCommit(cut, model, model.commits);
    await cut.close();
  }
  await database.flush();
  await database.run(database.db.idle());
  expectCommit(database, model, model.commits);
  await database.run(database.db.verify());
}

/**
 * What the next processes find, and that what nobody needs is gone in the end: an open that cut a torn tail leaves it
 * in place, the one after a clean close does not.
 */
async function expectReopens(
  fs: SimulatedFileSystem,
  life: Life,
  floor: number,
  mayHaveArrived = false,
): Promise<void> {
  const { model, options } = life;
  let commits = floor;
  for (const seed of [2, 3]) {
    const again = await openSimulated(unlocked(fs), { ...options, seed });
    if (mayHaveArrived) takeArrived(again, life);
    commits = expectCommit(again, model, commits);
    await again.flush();
    await again.run(again.db.idle());
    await again.close();
    expect(fs.openHandles).toBe(0);
  }
  const { fileName, tables } = present(fs);
  const names = fs.listSync(DIRECTORY).filter((name) => !name.endsWith('.log'));
  expect(names.toSorted()).toEqual(['CURRENT', fileName, ...tables].toSorted());
}

/**
 * A disk that takes a write, says that it didn't, and refuses the cut until the process has ended, brings back what
 * was rejected last: one call's frames, or those of one turn. Notes them as committed if that is what happened.
 */
function takeArrived({ db }: DrivenDatabase, { model, rejected }: Life): void {
  const content = [...db.entries()];
  const { commits } = model;
  if (model.findCommit(content, commits) >= 0) return;
  for (let from = 0; from < rejected.length; from++) {
    for (let to = from + 1; to <= rejected.length; to++) {
      for (const writes of rejected.slice(from, to)) model.commit(writes);
      if (model.findCommit(content, model.commits) >= 0) return;
      model.rollBackTo(commits);
    }
  }
}

function present(fs: SimulatedFileSystem): { fileName: string; tables: string[] } {
  const { state, segment } = readManifest(fs, DIRECTORY);
  const tables = [...state.version.tables()].map(({ id }) => `${String(id).padStart(6, '0')}.sst`);
  return { fileName: segment.path.slice(DIRECTORY.length + 1), tables };
}

/** Commits that have to be there when the next process opens the database. */
function floorOf(life: Life, { kind }: FaultContext<string>): number {
  // A disk that lets go of written pages takes what was never synced, whoever holds the database.
  const isForgetful = kind.failedSync === 'old' || kind.failedSync === 'torn';
  const isUnwritten = life.options.durability === 'memory' && life.closed === 'failed';
  return isForgetful || isUnwritten ? life.durableCommits : life.model.commits;
}

/** A life on an empty disk; then the same process goes on. */
async function sweepFresh(options: SimulationOptions, faults: Faults): Promise<number> {
  let life: Life;
  const { runs } = await faultSweep({
    ...faults,
    async script(fs) {
      life = new Life(options);
      await life.fresh(fs);
    },
    async check(fs, { error, kind, persistent }) {
      if (error !== undefined) requireDiskError(error);
      if (life.database === null) return expectReopens(fs, life, 0);
      await expectWorks(fs, life, LONG_STEP > 0 || (persistent && kind.errno === 'EIO'));
      await life.database.run(life.database.db.close());
      await expectReopens(fs, life, life.model.commits);
    },
  });
  return runs;
}

/** A life on a disk with data, with the close under faults as well; then the next process goes on. */
async function sweepInherited(options: SimulationOptions, faults: Faults): Promise<number> {
  let life = new Life(options);
  const start = await life.ancestor(new SimulatedFileSystem());
  const { runs } = await faultSweep({
    ...faults,
    start,
    async script(fs) {
      life = new Life(options);
      await life.inherited(fs);
    },
    async check(fs, context) {
      if (context.error !== undefined) requireDiskError(context.error);
      if (life.copied >= 0) {
        const copy = await openSimulated(fs, { seed: 3 }, 'copy');
        expectCommit(copy, life.model, life.copied);
        await copy.close();
      }
      const mayHaveArrived = context.persistent && context.kind.shortBytes !== undefined;
      await expectReopens(fs, life, floorOf(life, context), mayHaveArrived);
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
      const kinds = [{ errno: 'ENOSPC' } as const];
      expect(await sweepFresh({ durability }, { kinds, only })).toBeGreaterThan(200);
    },
  );

  const step = LONG_STEP || SHORT_STEP;
  const kinds = LONG_STEP > 0 ? ALL_KINDS : FAULT_KINDS;
  const from =
    (first: number) =>
    ({ index }: Operation): boolean =>
      index % step === first % step;

  it.each(['memory', 'os', 'fsync'] as const)(
    'at any operation, in any way, loses nothing, shows nothing wrong, and all works again: %s',
    { timeout: 1_800_000 },
    async (durability) => {
      const runs = await sweepFresh({ durability }, { only: from(FIRST[durability]), kinds });
      if (process.env['LSM_PRINT'] !== undefined) console.log(durability, runs);
      expect(runs).toBeGreaterThan(8000 / step);
    },
  );

  it.each([
    ['memory', 'auto'],
    ['os', 'async'],
    ['fsync', 'sync'],
  ] as const)(
    'at any operation of recovery, open readers, checkpoint and close harms neither them nor the next process: %s, reads %s',
    { timeout: 1_800_000 },
    async (durability, reads) => {
      const runs = await sweepInherited(
        { durability, reads },
        { only: from(FIRST[durability]), kinds },
      );
      if (process.env['LSM_PRINT'] !== undefined) console.log(durability, reads, runs);
      expect(runs).toBeGreaterThan(6000 / step);
    },
  );
});
