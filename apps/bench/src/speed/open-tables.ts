/** A database whose entries are all in merged tables and fit into its block cache. */
import { type Db, open } from '@lsm/engine';
import { VoidFigure } from '../run/checks.ts';
import type { WorkDirectory } from '../run/work-directory.ts';
import { SpeedKeys, speedValue } from './speed-rows.ts';

const MEMORY = { memoryBytes: 2 * 2 ** 30, memtableBytes: 64 << 20, cacheBytes: 1 << 30 };

/** Makes the database and reads every entry once. The caller closes it and drops its path. */
export async function openTables(
  directory: WorkDirectory,
  entries: number,
): Promise<{ readonly db: Db; readonly path: string }> {
  const path = directory.next();
  const db = await open(path, { ...MEMORY, durability: 'memory' });
  const keys = new SpeedKeys();
  for (let i = 0; i < entries; i++) {
    db.putSync(keys.of(i), speedValue(i));
    if (i % 10_000 === 0) await new Promise(setImmediate);
  }
  await db.flush();
  await db.compact();
  await db.idle();
  for (let i = 0; i < entries; i++) {
    if (db.getSync(keys.of(i)) === undefined) throw new VoidFigure(`Key ${i} is missing.`);
  }
  if (db.stats().tables === 0) throw new VoidFigure('The entries are not in tables.');
  return { db, path };
}
