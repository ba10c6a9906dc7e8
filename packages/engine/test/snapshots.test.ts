/** Snapshots: they see exactly what was written before them, whatever the database does afterwards. */

import type { Db, Snapshot } from '@lsm/engine';
import { ModelDatabase } from '@lsm/testkit';
import { describe, expect, it } from 'vitest';
import { openInMemory, pairs, text } from './support/open.ts';
import { refused } from './support/refused.ts';

const bytes = (value: string): Uint8Array => Buffer.from(value);

/** Reads everything in all ways and compares. */
async function check(db: Db, snapshot: Snapshot | undefined, expected: string[]): Promise<void> {
  const options = snapshot === undefined ? {} : { snapshot };
  expect(pairs(db, options)).toEqual(expected);
  expect(pairs(db, { ...options, reverse: true })).toEqual(expected.toReversed());
  const map = new Map(expected.map((pair) => pair.split('=') as [string, string]));
  for (let i = 0; i < 40; i++) {
    const key = `k${String(i).padStart(2, '0')}`;
    expect(text(db.getSync(key, options))).toBe(map.get(key));
    expect(db.hasSync(key, options)).toBe(map.has(key));
    expect(db.getInto(key, new Uint8Array(32), options)).toBe(map.get(key)?.length ?? -1);
  }
  const many = await db.getMany([...map.keys()], options);
  expect(many.map(text)).toEqual([...map.values()]);
}

describe('a snapshot', () => {
  it.each(['leveled', 'tiered', 'hybrid'] as const)(
    'stays as it was across flush, compaction, range deletes and a swap of the strategy (%s)',
    async (compaction) => {
      const db = await openInMemory({
        compaction,
        memtable: compaction === 'tiered' ? 'hash' : 'art',
      });
      const model = new ModelDatabase();
      const held: { snapshot: Snapshot; commit: number }[] = [];
      let state = 12_345;
      const random = (below: number): number => {
        state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
        return (state >> 8) % below;
      };
      const key = (i: number): string => `k${String(i).padStart(2, '0')}`;
      const strategies = ['tiered', 'hybrid', 'leveled'] as const;
      for (let step = 0; step < 600; step++) {
        const action = random(20);
        if (action < 12) {
          const [k, v] = [key(random(40)), `v${step}`];
          db.putSync(k, v);
          model.commit([{ type: 'put', key: bytes(k), value: bytes(v) }]);
        } else if (action < 15) {
          const k = key(random(40));
          await db.del(k);
          model.commit([{ type: 'del', key: bytes(k) }]);
        } else if (action < 16) {
          const [gte, lt] = [key(random(40)), key(random(40))];
          await db.delRange({ gte, lt });
          model.commit([{ type: 'delRange', gte: bytes(gte), lt: bytes(lt) }]);
        } else if (action < 17) {
          held.push({ snapshot: db.snapshot(), commit: model.commits });
        } else if (action < 18) {
          if (held.length > 3) held.splice(random(held.length), 1)[0]!.snapshot.close();
        } else if (action < 19) {
          await db.flush();
        } else {
          if (random(3) === 0) await db.setCompaction(strategies[random(3)]!);
          await (random(2) === 0 ? db.compact() : db.idle());
        }
        if (step % 60 === 59) {
          for (const { snapshot, commit } of held) {
            const expected = model.entries({}, commit).map(([k, v]) => `${text(k)}=${text(v)}`);
            await check(db, snapshot, expected);
          }
          await check(
            db,
            undefined,
            model.entries().map(([k, v]) => `${text(k)}=${text(v)}`),
          );
        }
      }
      for (const { snapshot } of held) snapshot.close();
      expect(db.stats().snapshots).toBe(0);
      await db.compact();
      // Nothing keeps old versions any more: one entry for each key, no tombstone.
      const live = model.entries().length;
      expect(db.stats().levels.reduce((sum, level) => sum + level.entries, 0)).toBe(live);
      expect(db.stats().levels.reduce((sum, level) => sum + level.tombstones, 0)).toBe(0);
    },
  );

  it('taken between writes of one turn sees exactly those before it', async () => {
    const db = await openInMemory();
    const first = db.put('k', '1');
    using one = db.snapshot();
    const second = db.put('k', '2');
    using two = db.snapshot();
    db.delSync('k');
    expect(text(db.getSync('k', { snapshot: one }))).toBe('1');
    expect(text(await db.get('k', { snapshot: two }))).toBe('2');
    expect(db.getSync('k')).toBeUndefined();
    await Promise.all([first, second]);
  });

  it('iterators opened on it outlive it', async () => {
    const db = await openInMemory();
    db.putSync('k', 'old');
    const snapshot = db.snapshot();
    const iterator = db.entries({ snapshot });
    db.putSync('k', 'new');
    snapshot.close();
    await db.compact();
    expect([...iterator].map(([k, v]) => `${text(k)}=${text(v)}`)).toEqual(['k=old']);
  });

  it('is refused when closed, of another database, or none at all', async () => {
    const db = await openInMemory();
    const other = await openInMemory();
    const snapshot = db.snapshot();
    snapshot.close();
    snapshot.close();
    expect(snapshot.closed).toBe(true);
    const foreign = other.snapshot();
    const uses: ((options: never) => unknown)[] = [
      (options) => db.get('k', options),
      (options) => db.getSync('k', options),
      (options) => db.getInto('k', new Uint8Array(1), options),
      (options) => db.getMany(['k'], options),
      (options) => db.getManySync(['k'], options),
      (options) => db.has('k', options),
      (options) => db.hasSync('k', options),
      (options) => db.entries(options),
      (options) => db.keys(options),
      (options) => db.values(options),
    ];
    for (const use of uses) {
      await refused('LSM_SNAPSHOT_CLOSED', () => use({ snapshot } as never));
      await refused('LSM_INVALID_ARGUMENT', () => use({ snapshot: foreign } as never));
      await refused('LSM_INVALID_ARGUMENT', () => use({ snapshot: 5 } as never));
      await refused('LSM_INVALID_ARGUMENT', () => use({ snapshot: null } as never));
      const message = await refused('LSM_INVALID_ARGUMENT', () => use({ snapshto: 1 } as never));
      expect(message).toContain('"snapshot"');
      await refused('LSM_INVALID_ARGUMENT', () => use('snapshot' as never));
    }
    expect(db.stats().iterators).toBe(0);
  });
});
