/** FIFO and time windows on the engine: what is old goes by itself, its space comes back, and only with consent. */
import { fifo, timeWindow } from '@lsm/compaction-fifo';
import { open } from '@lsm/engine';
import { memoryFileSystem } from '@lsm/fs';
import { SimulatedFileSystem } from '@lsm/testkit';
import { expect, it } from 'vitest';
import { pairs, TINY } from './support/open.ts';
import { refused } from './support/refused.ts';
import { DIRECTORY, type DrivenDatabase, openSimulated } from './support/simulated-database.ts';

const MINUTE = 60_000;

/** Lets so much time pass, and the engine's timers run. */
async function wait({ clock }: DrivenDatabase, ms: number): Promise<void> {
  const time = { isOver: false };
  clock.after(ms, () => {
    time.isOver = true;
  });
  while (!time.isOver && clock.step()) {
    for (let turn = 0; turn < 16; turn++) await Promise.resolve();
  }
}

/** One flush of so many keys that begin with a letter. */
async function write(
  database: DrivenDatabase,
  letter: string,
  count = 20,
  suffix = '',
): Promise<void> {
  for (let i = 0; i < count; i++) {
    database.db.putSync(`${letter}${String(i).padStart(3, '0')}${suffix}`, 'x'.repeat(500));
  }
  await database.flush();
}

/** Bytes of all tables in the directory, as the file system counts them. */
function tableBytes(fs: SimulatedFileSystem): number {
  let bytes = 0;
  for (const name of fs.listSync(DIRECTORY)) {
    if (name.endsWith('.sst')) bytes += fs.statSync(`${DIRECTORY}/${name}`)!.size;
  }
  return bytes;
}

const letters = ({ db }: DrivenDatabase): string =>
  [...new Set(pairs(db).map((pair) => pair[0]))].join('');

it('tables go one by one as their time comes, without a write or a call, and their files with them', async () => {
  const fs = new SimulatedFileSystem();
  const compaction = fifo({ maxAgeMs: 10 * MINUTE });
  const database = await openSimulated(fs, { compaction, lossy: true });
  for (const letter of 'abcd') {
    await write(database, letter);
    await wait(database, 2 * MINUTE);
  }
  const full = tableBytes(fs);
  expect(letters(database)).toBe('abcd');
  // 8 minutes have passed; a is due at 10, b at 12.
  const seen: string[] = [];
  const sizes: number[] = [];
  for (const ms of [MINUTE, 1.5 * MINUTE, 2 * MINUTE, 2 * MINUTE, 2 * MINUTE]) {
    await wait(database, ms);
    seen.push(letters(database));
    sizes.push(Math.round((4 * tableBytes(fs)) / full));
  }
  expect(seen).toEqual(['abcd', 'bcd', 'cd', 'd', '']);
  expect(sizes).toEqual([4, 3, 2, 1, 0]);
  expect(database.db.stats().counters.compactionReadBytes).toBe(0);
  await database.close();
});

it('a key that was written again stays, however old its first version, and does not come back as it was', async () => {
  const compaction = fifo({ maxAgeMs: 10 * MINUTE });
  const database = await openSimulated(new SimulatedFileSystem(), { compaction, lossy: true });
  const { db } = database;
  db.putSync('k', 'old');
  await write(database, 'a');
  await wait(database, 6 * MINUTE);
  db.putSync('k', 'new');
  await write(database, 'b');
  await wait(database, 6 * MINUTE);
  expect(letters(database)).toBe('bk');
  expect(Buffer.from(db.getSync('k')!).toString()).toBe('new');
  await wait(database, 6 * MINUTE);
  expect(pairs(db)).toEqual([]);
  await database.close();
});

it('is remembered with its consent: what grew too old while nobody ran goes after the next opening', async () => {
  const fs = new SimulatedFileSystem();
  const compaction = { strategy: 'fifo', maxAgeMs: 10 * MINUTE } as const;
  const first = await openSimulated(fs, { compaction, lossy: true });
  await write(first, 'a');
  await wait(first, 6 * MINUTE);
  await write(first, 'b');
  const end = first.clock.now();
  await first.close();
  const again = await openSimulated(fs);
  expect(again.db.compaction.strategy).toMatchObject({ name: 'fifo', lossy: true });
  expect(again.db.compaction.strategy.settings).toMatchObject({ maxAgeMs: 10 * MINUTE });
  // The simulated clock begins anew.
  again.clock.jump(end - again.clock.now() + 5 * MINUTE);
  await write(again, 'c');
  await wait(again, 2 * MINUTE);
  expect(letters(again)).toBe('bc');
  await wait(again, 60 * MINUTE);
  expect(tableBytes(fs)).toBe(0);
  await again.close();
});

it('windows are merged when they are over, never with another, and dropped whole', async () => {
  const fs = new SimulatedFileSystem();
  const windowMs = 10 * MINUTE;
  const compaction = timeWindow({ windowMs, maxAgeMs: 30 * MINUTE });
  const database = await openSimulated(fs, { compaction, lossy: true });
  const toNextWindow = (): Promise<void> =>
    wait(database, windowMs - (database.clock.now() % windowMs) + 100);
  await toNextWindow();
  for (const letter of 'abcdef') {
    for (let flush = 0; flush < 3; flush++) {
      await write(database, letter, 5, `${flush}`);
      await wait(database, 2 * MINUTE);
    }
    await toNextWindow();
    // The window that is over became one run.
    await wait(database, 2000);
    expect(database.db.stats().runs).toBe(letter < 'd' ? letter.charCodeAt(0) - 96 : 3);
  }
  expect(letters(database)).toBe('def');
  const { compactionReadBytes } = database.db.stats().counters;
  expect(compactionReadBytes).toBeGreaterThan(0);
  const seen = new Set<string>();
  for (let minute = 0; minute < 40; minute++) {
    await wait(database, MINUTE);
    // Three flushes of five keys each, all of them or none.
    expect(pairs(database.db).length % 15).toBe(0);
    seen.add(letters(database));
  }
  expect([...seen]).toEqual(['def', 'ef', 'f', '']);
  expect(database.db.stats().counters.compactionReadBytes).toBe(compactionReadBytes);
  expect(tableBytes(fs)).toBe(0);
  await database.close();
});

it.each(['fifo', 'time-window'] as const)(
  '%s is refused without consent, at each door',
  async (strategy) => {
    const fs = memoryFileSystem();
    const compaction = { strategy, maxAgeMs: 1000 };
    await refused('LSM_INVALID_ARGUMENT', () => open('/db', { ...TINY, fs, compaction }));
    const db = await open('/db', { ...TINY, fs });
    db.putSync('k', 'v');
    await db.flush();
    await refused('LSM_INVALID_ARGUMENT', () => db.setCompaction(compaction));
    await refused('LSM_INVALID_ARGUMENT', () => db.compaction.plan(compaction));
    expect(db.compaction.strategy.name).toBe('hybrid');
    expect(pairs(db)).toEqual(['k=v']);
    await db.close();
  },
);
