/** Strategies that drop data: only where somebody asked for loss, at each place where a strategy can come from. */
import type { CompactionStrategy } from '@lsm/core';
import { memoryFileSystem } from '@lsm/fs';
import { expect, it } from 'vitest';
import { type Db, open } from '../src/index.ts';
import { describeImage, takeImage } from './support/image.ts';
import { openInMemory, pairs, TINY } from './support/open.ts';
import { refused } from './support/refused.ts';

/** Keeps the newest runs and drops the others, whether it may or not. */
function keepNewest(count: number, lossy: boolean): CompactionStrategy {
  const plan: CompactionStrategy['plan'] = ({ runs }) => ({
    tasks: runs.slice(count).map((run) => ({
      kind: 'drop',
      inputs: run.tables.map((table) => table.id),
      reason: 'old',
      score: 1,
    })),
  });
  return {
    name: 'keep-newest',
    formatVersion: 1,
    settings: { count },
    lossy,
    plan,
    assess: (snapshot) => ({
      debtBytes: 0,
      pressure: 0,
      delay: 'none',
      quiescent: plan(snapshot, null).tasks.length === 0,
    }),
  };
}

const compaction = keepNewest(2, true);

async function writeRuns(db: Db, runs: readonly number[]): Promise<void> {
  for (const run of runs) {
    db.putSync(`k${run}`, 'v');
    await db.flush();
    await db.idle();
  }
}

it('a lossy strategy is refused at open unless lossy is set; then nothing was made or changed', async () => {
  const fs = memoryFileSystem();
  const message = await refused('LSM_INVALID_ARGUMENT', () =>
    open('/new', { ...TINY, fs, compaction }),
  );
  expect(message).toMatch(/keep-newest.*may drop data.*lossy: true/);
  expect(fs.statSync('/new')).toBe(null);
  const db = await open('/db', { ...TINY, fs });
  await writeRuns(db, [1, 2, 3]);
  await db.close();
  const before = describeImage(takeImage(fs, '/db'));
  await refused('LSM_INVALID_ARGUMENT', () => open('/db', { ...TINY, fs, compaction }));
  await refused('LSM_INVALID_ARGUMENT', () =>
    open('/db', { ...TINY, fs, compaction, lossy: false }),
  );
  expect(describeImage(takeImage(fs, '/db'))).toEqual(before);
  const again = await open('/db', { ...TINY, fs });
  expect(pairs(again).length).toBe(3);
  await again.close();
});

it('allowed once, it drops what it wants to, is kept at reopening, and is asked about anew after another one', async () => {
  const fs = memoryFileSystem();
  const db = await open('/db', { ...TINY, fs, compaction, lossy: true });
  await writeRuns(db, [1, 2, 3, 4]);
  expect(pairs(db)).toEqual(['k3=v', 'k4=v']);
  await db.close();

  const kept = await open('/db', { ...TINY, fs, compaction });
  await writeRuns(kept, [5]);
  expect(pairs(kept)).toEqual(['k4=v', 'k5=v']);
  await kept.close();
  await refused('LSM_INVALID_ARGUMENT', () =>
    open('/db', { ...TINY, fs, compaction, lossy: false }),
  );

  const other = await open('/db', { ...TINY, fs, compaction: 'leveled' });
  await other.close();
  await refused('LSM_INVALID_ARGUMENT', () => open('/db', { ...TINY, fs, compaction }));
  const last = await open('/db', { ...TINY, fs });
  expect(pairs(last)).toEqual(['k4=v', 'k5=v']);
  await last.close();
});

it('setCompaction refuses it unless asked for, there or at open', async () => {
  const fs = memoryFileSystem();
  const db = await open('/db', { ...TINY, fs });
  await writeRuns(db, [1, 2, 3]);
  await refused('LSM_INVALID_ARGUMENT', () => db.setCompaction(compaction));
  await refused('LSM_INVALID_ARGUMENT', () => db.setCompaction(compaction, { lossy: false }));
  await refused('LSM_INVALID_ARGUMENT', () => db.setCompaction(compaction, { lossy: 1 as never }));
  await refused('LSM_INVALID_ARGUMENT', () => db.setCompaction('tiered', { loss: true } as never));
  expect(db.compaction.strategy.name).toBe('hybrid');
  expect(pairs(db).length).toBe(3);
  await db.setCompaction(compaction, { lossy: true });
  await db.idle();
  expect(pairs(db)).toEqual(['k2=v', 'k3=v']);
  await db.close();
  const kept = await open('/db', { ...TINY, fs, compaction });
  await kept.close();
  const allowed = await open('/db', { ...TINY, fs, compaction: 'tiered', lossy: true });
  await allowed.setCompaction(compaction);
  await allowed.setCompaction('tiered');
  await refused('LSM_INVALID_ARGUMENT', () => allowed.setCompaction(compaction, { lossy: false }));
  await allowed.close();
});

it('drop tasks of a strategy that does not call itself lossy are not admitted, and end in quarantine', async () => {
  const db = await openInMemory({ compaction: keepNewest(1, false), lossy: true });
  const told: string[] = [];
  db.on('strategyQuarantined', ({ strategy, reason }) => told.push(`${strategy}: ${reason}`));
  const runs = Array.from({ length: 12 }, (_, i) => i + 10);
  await writeRuns(db, runs);
  expect(pairs(db)).toEqual(runs.map((run) => `k${run}=v`));
  expect(told).toEqual([
    'keep-newest: 16 tasks in a row were refused, the last by A6: This tree does not allow loss.',
  ]);
});

it('a reader may look at a database of a lossy strategy without consent', async () => {
  const fs = memoryFileSystem();
  const db = await open('/db', { ...TINY, fs, compaction, lossy: true });
  await writeRuns(db, [1]);
  await db.close();
  const reader = await open('/db', { ...TINY, fs, compaction, readOnly: true, lossy: false });
  expect(pairs(reader)).toEqual(['k1=v']);
  await reader.close();
});
