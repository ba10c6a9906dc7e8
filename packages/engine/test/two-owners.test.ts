/** Somebody deletes the lock of a database that is open: two owners run. The later one has it, and is not harmed. */
import { seededRandom } from '@lsm/core';
import { SimulatedClock, SimulatedFileSystem } from '@lsm/testkit';
import { expect, it } from 'vitest';
import { type Db, type OpenOptions, open } from '../src/index.ts';
import { pairs, TINY, text } from './support/open.ts';
import { refused } from './support/refused.ts';
import { unlocked } from './support/simulated-scripts.ts';

interface Owners {
  readonly fs: SimulatedFileSystem;
  readonly clock: SimulatedClock;
  readonly first: Db;
  /** Opens the database although it is open. */
  readonly second: (options?: OpenOptions) => Promise<Db>;
}

async function openFirst(options: OpenOptions = {}): Promise<Owners> {
  const fs = new SimulatedFileSystem();
  const clock = new SimulatedClock();
  let seed = 1;
  const openOne = (more: OpenOptions = {}): Promise<Db> => {
    const base = { ...TINY, clock, fs: unlocked(fs), random: seededRandom(seed++) };
    return clock.run(open('db', { ...base, ...more }));
  };
  const first = await openOne(options);
  first.putSync('first', '1');
  return { fs, clock, first, second: openOne };
}

it.each(['memory', 'os', 'fsync'] as const)(
  'the earlier owner stops after sixteen writes and 0.1 s at most: %s',
  async (durability) => {
    const { first, second, clock } = await openFirst({ durability });
    for (let i = 0; i < 100; i++) first.putSync('first', `${i}`);
    const later = await second({ durability });
    clock.advance(100);
    let written = 0;
    let code = '';
    for (; written < 1000 && code === ''; written++) {
      try {
        first.putSync('late', `${written}`);
      } catch (error) {
        code = (error as { code: string }).code;
      }
    }
    expect(code).toBe('LSM_LOCK_LOST');
    expect(written).toBeLessThanOrEqual(17);
    // From now on every write is refused, and so is everything else that writes; reads go on.
    await refused('LSM_LOCK_LOST', () => clock.run(first.put('late', 'x')));
    await refused('LSM_LOCK_LOST', () => first.batchSync([{ type: 'del', key: 'first' }]));
    await refused('LSM_LOCK_LOST', () => clock.run(first.flush()));
    expect(text(first.getSync('first'))).toBe('99');
    later.putSync('later', '1');
    await clock.run(later.flush());
    await clock.run(first.close().catch(() => undefined));
    await clock.run(later.close());
    const last = await second();
    expect(pairs(last)).toEqual(['first=99', 'later=1']);
    await clock.run(last.close());
  },
);

it('what the earlier owner writes until then gets into no file of the later one', async () => {
  const { first, second, clock, fs } = await openFirst();
  const later = await second();
  // The segment that both know is synced and flushed; the later owner's next segments may not stand in its file.
  later.putSync('later', '1', { durability: 'fsync' });
  await clock.run(later.flush());
  for (let round = 0; round < 4; round++) {
    later.putSync(`later ${round}`, 'x'.repeat(100));
    for (let i = 0; i < 3; i++) {
      try {
        first.putSync('late', 'y'.repeat(100));
      } catch {
        // Noticed.
      }
    }
    later.putSync(`later ${round}`, 'z');
    await clock.run(later.verify());
    await clock.run(later.flush());
  }
  const expected = pairs(later);
  await clock.run(later.close());
  await clock.run(first.close().catch(() => undefined));
  const last = await second();
  expect(pairs(last)).toEqual(expected);
  await clock.run(last.verify());
  await clock.run(last.close());
  expect(fs.usedBytes).toBeGreaterThan(0);
});
