/** Strategies by name: each is found again when a database is opened without saying which it has. */
import {
  type Trace,
  withDeadline,
  withMaxTaskBytes,
  withPicker,
  withReadTriggers,
} from '@lsm/compaction';
import { fifo, timeWindow } from '@lsm/compaction-fifo';
import { fluidPreset, hybrid } from '@lsm/compaction-hybrid';
import { leveled } from '@lsm/compaction-leveled';
import { unified } from '@lsm/compaction-unified';
import type { CompactionStrategy } from '@lsm/core';
import { memoryFileSystem } from '@lsm/fs';
import { expect, test } from 'vitest';
import { open, type StrategySetting } from '../src/index.ts';
import { openInMemory, pairs, TINY } from './support/open.ts';
import { refused } from './support/refused.ts';

/** What tells two strategies of this process apart. */
function described(strategy: CompactionStrategy): unknown {
  const { name, formatVersion, settings, lossy = false } = strategy;
  return { name, formatVersion, settings, lossy };
}

const HOUR = 3_600_000;

test.each<[string, StrategySetting, CompactionStrategy]>([
  ['unified', 'unified', unified()],
  [
    'unified, set',
    { strategy: 'unified', scaling: ['T8', 'L10'] },
    unified({ scaling: ['T8', 'L10'] }),
  ],
  ['fifo', { strategy: 'fifo', maxAgeMs: HOUR }, fifo({ maxAgeMs: HOUR })],
  ['time windows', 'time-window', timeWindow()],
  [
    'a fluid preset',
    { strategy: 'hybrid', preset: '1-leveling' },
    hybrid(fluidPreset('1-leveling')),
  ],
  [
    'a fluid preset with a ratio',
    { strategy: 'hybrid', preset: 'tiering', ratio: 6, level0Runs: 3 },
    hybrid({ ...fluidPreset('tiering', 6), level0Runs: 3 }),
  ],
  [
    'with a deadline',
    withDeadline(hybrid({ ratio: 5 }), HOUR),
    withDeadline(hybrid({ ratio: 5 }), HOUR),
  ],
  [
    'wrapped twice',
    withMaxTaskBytes(withDeadline(fifo(), HOUR), 1e6),
    withMaxTaskBytes(withDeadline(fifo(), HOUR), 1e6),
  ],
  [
    'merging what reads waste their time on',
    withReadTriggers(leveled(), { minReads: 10 }),
    withReadTriggers(leveled(), { minReads: 10 }),
  ],
  [
    'with a picker',
    withPicker(leveled({ ratio: 7 }), 'oldest'),
    leveled({ ratio: 7, picker: 'oldest' }),
  ],
])('%s: known by what the database recorded', async (_, compaction, expected) => {
  const fs = memoryFileSystem();
  const db = await open('/db', { ...TINY, fs, compaction, lossy: expected.lossy === true });
  db.putSync('key', 'value');
  await db.flush();
  expect(described(db.compaction.strategy)).toEqual(described(expected));
  await db.close();
  // Consent to loss is recorded as well.
  const again = await open('/db', { ...TINY, fs });
  expect(described(again.compaction.strategy)).toEqual(described(expected));
  expect(pairs(again)).toEqual(['key=value']);
  await again.close();
});

test('the lossy ones are refused by name as well, unless loss was allowed', async () => {
  for (const compaction of ['fifo', 'time-window'] as const) {
    const fs = memoryFileSystem();
    const call = () => open('/db', { ...TINY, fs, compaction });
    expect(await refused('LSM_INVALID_ARGUMENT', call)).toContain('lossy: true');
    expect(fs.statSync('/db')).toBe(null);
    const db = await openInMemory({ compaction: 'hybrid' });
    await refused('LSM_INVALID_ARGUMENT', () => db.setCompaction(compaction));
    await db.setCompaction(compaction, { lossy: true });
    expect(db.compaction.strategy.name).toBe(compaction);
    await db.close();
  }
});

test('a wrapper around a strategy of somebody else has to be given again', async () => {
  const own: CompactionStrategy = { ...hybrid(), name: 'my-own' };
  for (const compaction of [withDeadline(own, HOUR), { ...own, name: 'toString' }]) {
    const fs = memoryFileSystem();
    await (await open('/db', { ...TINY, fs, compaction })).close();
    const message = await refused('LSM_INVALID_ARGUMENT', () => open('/db', { ...TINY, fs }));
    expect(message).toContain(`"${compaction.name}", which is not built in; pass it as an object`);
    const db = await open('/db', { ...TINY, fs, compaction });
    expect(db.compaction.strategy.name).toBe(compaction.name);
    await db.close();
  }
});

test('a preset that does not exist names the nearest, and one is for hybrid only', async () => {
  const refusal = (compaction: StrategySetting) =>
    refused('LSM_INVALID_ARGUMENT', () => openInMemory({ compaction }));
  expect(await refusal({ strategy: 'hybrid', preset: 'lazy-levelling' })).toContain(
    'lazy-leveling',
  );
  await refusal({ strategy: 'hybrid', preset: 7 });
  await refusal({ strategy: 'hybrid', preset: 'tiering', ratio: 1 });
  await refusal({ strategy: 'tiered', preset: 'tiering' });
});

test('what is no strategy, no list of them and no trace is refused as a bad argument', async () => {
  const db = await openInMemory();
  db.putSync('a', 'b');
  await db.flush();
  for (const wrong of [undefined, null, 1, {}, ['leveled']]) {
    const setting = { strategy: wrong } as unknown as StrategySetting;
    await refused('LSM_INVALID_ARGUMENT', () => db.setCompaction(setting));
    await refused('LSM_INVALID_ARGUMENT', () => openInMemory({ compaction: setting }));
  }
  for (const wrong of ['leveled', null, {}, 1n]) {
    const list = wrong as unknown as StrategySetting[];
    await refused('LSM_INVALID_ARGUMENT', async () => db.compaction.shadow(list));
    await refused('LSM_INVALID_ARGUMENT', () => db.compaction.advise({ candidates: list }));
  }
  for (const wrong of [{}, null, 'trace', { header: {} }]) {
    const trace = wrong as unknown as Trace;
    await refused('LSM_INVALID_ARGUMENT', () => db.compaction.advise({ trace }));
  }
  for (const wrong of [null, 1, {}, { bytesPerMs: '1' }]) {
    const writes = wrong as unknown as { bytesPerMs: number };
    await refused('LSM_INVALID_ARGUMENT', async () => db.compaction.plan('leveled', { writes }));
  }
  const scaling = { strategy: 'unified', scaling: 1n } as unknown as StrategySetting;
  await refused('LSM_INVALID_ARGUMENT', () => db.setCompaction(scaling));
  await db.close();
});
