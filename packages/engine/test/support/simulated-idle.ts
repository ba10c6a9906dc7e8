/** A life in which a database gives space back while nobody writes: a flush, merges, and files of the log that go. */
import type { DrivenDatabase } from './simulated-database.ts';
import { bytes, del, put } from './simulated-history.ts';
import { type Script, script } from './simulated-scripts.ts';

/** Engine time in which an idle database finds what there is to do, ms. */
const IDLE_MS = 15_000;

const OPTIONS = {
  compaction: 'leveled',
  memtableBytes: 16_384,
  tableBytes: 16_384,
  compression: 'none',
} as const;

/** Lets the engine's timers run until so many ms have passed. */
async function beIdle({ clock }: DrivenDatabase, ms: number): Promise<void> {
  const end = clock.elapsed() + ms;
  while (clock.elapsed() < end && clock.step()) {
    for (let turn = 0; turn < 16; turn++) await Promise.resolve();
  }
}

/** Deletes nearly everything, rests, and writes again. */
export const idleScript: Script = script('rest after deletes', OPTIONS, async (historian) => {
  const { database } = historian;
  for (let i = 0; i < 22; i++) historian.writeSync([put(`k${i % 20}`, i, 2000)]);
  await database.run(database.db.idle());
  const before = database.db.stats().tableBytes;
  await historian.write([{ type: 'delRange', gte: bytes('k1'), lt: bytes('k7') }]);
  for (const i of [0, 7, 9]) historian.writeSync([del(`k${i}`)]);
  await beIdle(database, IDLE_MS);
  if (database.db.stats().tableBytes > before / 2) throw new Error('No space was given back.');
  historian.writeSync([put('k5', 1, 40)], { durability: 'fsync' });
});
