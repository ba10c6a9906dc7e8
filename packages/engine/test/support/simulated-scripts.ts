/** What crash and fault sweeps put a database through: short lives that visit every kind of change of the disk. */
import { type FileSystem, seededRandom } from '@lsm/core';
import type { ModelWrite, SimulatedFileSystem } from '@lsm/testkit';
import { openSimulated, type SimulationOptions, STRATEGIES } from './simulated-database.ts';
import { bytes, del, type Fact, Historian, put } from './simulated-history.ts';

/** A life of a database. */
export interface Script {
  readonly name: string;
  readonly options: SimulationOptions;
  readonly run: (fs: SimulatedFileSystem, note: (fact: Fact) => void) => Promise<void>;
}

/** Memtables that a few entries fill. */
const SMALL: SimulationOptions = { memtableBytes: 4096 };

type Body = (historian: Historian, fs: SimulatedFileSystem) => Promise<void>;

/** A script that opens a database, does something and closes it. */
export function script(name: string, options: SimulationOptions, body: Body): Script {
  const all = { ...SMALL, ...options };
  return {
    name,
    options: all,
    async run(fs, note) {
      const historian = new Historian(note, all.durability ?? 'os');
      historian.database = await openSimulated(fs, all);
      await body(historian, fs);
      await historian.close();
    },
  };
}

/** Opens once more, as the next process does after the end of this one: handles stay behind, the lock does not. */
export async function reopenAfterKill(
  historian: Historian,
  fs: SimulatedFileSystem,
  options: SimulationOptions,
): Promise<void> {
  const seed = (options.seed ?? 1) + 1000 + fs.operations;
  historian.database = await openSimulated(unlocked(fs), { ...SMALL, ...options, seed });
}

/** The file system without its locks: those of a killed process are gone. */
export function unlocked(fs: SimulatedFileSystem): FileSystem {
  return new Proxy(fs, {
    get(target, name) {
      if (name === 'lock') return async () => ({ kind: 'simulated', release() {} });
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}

/** Writes rounds of overlapping keys with a flush after each. */
export async function rounds(historian: Historian, count: number, entries = 8): Promise<void> {
  for (let round = 0; round < count; round++) {
    for (let i = 0; i < entries; i++) {
      const key = `k${(i * 7 + round * 3) % 17}`;
      historian.writeSync([round % 3 === 2 && i % 3 === 0 ? del(key) : put(key, round, 40 + i)]);
    }
    await historian.flush();
  }
}

/** Scripts for one durability: the way of writes. */
export function writingScripts(durability: 'memory' | 'os' | 'fsync'): Script[] {
  return [
    script(`create, write and close (${durability})`, { durability }, async (historian) => {
      historian.writeSync([put('a', 1, 10)]);
      await historian.write([put('b', 2, 10)]);
    }),
    script(
      `puts, deletes, syncs and flushes (${durability})`,
      { durability },
      async (historian) => {
        for (let i = 0; i < 24; i++) {
          const key = `k${i % 7}`;
          const write = i % 5 === 4 ? del(key) : put(key, i, 10 + i * 9);
          if (i % 2 === 0) historian.writeSync([write]);
          else await historian.write([write], i % 7 === 0 ? { durability: 'fsync' } : {});
          if (i === 8) await historian.sync();
          if (i === 15) await historian.flush();
        }
      },
    ),
    script(
      `awaited writes, each the first of its segment (${durability})`,
      { durability },
      async (historian) => {
        for (let i = 0; i < 3; i++) {
          await historian.write([put(`k${i}`, i, 40)], { durability: 'fsync' });
          await historian.flush();
        }
      },
    ),
    script(`batches (${durability})`, { durability }, async (historian) => {
      for (let i = 0; i < 14; i++) {
        const batch: ModelWrite[] = [];
        for (let key = 0; key < 6; key++) batch.push(put(`k${key}`, i, 30 + i * 11));
        if (i % 4 === 3) batch.push(del('k0'));
        if (i % 3 === 0) historian.writeSync(batch);
        else await historian.write(batch, i % 5 === 0 ? { durability: 'fsync' } : {});
      }
    }),
    script(`range deletes (${durability})`, { durability }, async (historian) => {
      for (let i = 0; i < 6; i++) {
        for (let key = 0; key < 8; key++) historian.writeSync([put(`k${key}`, i, 20)]);
        const range = { gte: bytes(`k${i}`), lt: bytes(`k${i + 3}`) };
        await historian.write([{ type: 'delRange', ...range }]);
        if (i === 1 || i === 4) await historian.flush();
        if (i === 3) await historian.sync();
      }
    }),
    script(`memtables that fill up (${durability})`, { durability }, async (historian) => {
      for (let i = 0; i < 50; i++) {
        const writes = [put(`k${i % 23}`, i, 380)];
        if (i % 9 === 8) await historian.write(writes, { durability: 'fsync' });
        else if (i % 2 === 0) historian.writeSync(writes);
        else await historian.write(writes);
        if (i % 16 === 15) await historian.database.run(historian.database.db.idle());
      }
    }),
  ];
}

/** Scripts that change the tree. */
export function treeScripts(): Script[] {
  const scripts = STRATEGIES.map((compaction) =>
    script(`compaction, ${compaction}`, { compaction, tableBytes: 16_384 }, async (historian) => {
      await rounds(historian, 6, 6);
      await historian.database.run(historian.database.db.idle());
      await historian.database.compact();
      await rounds(historian, 2);
    }),
  );
  scripts.push(
    script('changes of the strategy', { compaction: 'leveled' }, async (historian) => {
      for (const strategy of ['tiered', 'hybrid', 'leveled'] as const) {
        await rounds(historian, 3, 4);
        await historian.setCompaction(strategy);
        historian.writeSync([put('s', 1, 30)], { durability: 'fsync' });
      }
      await historian.database.run(historian.database.db.idle());
    }),
    script('tables hidden by range deletes', { compaction: 'tiered' }, async (historian) => {
      for (let i = 0; i < 3; i++) {
        await rounds(historian, 2, 6);
        const snapshot = historian.database.db.snapshot();
        await historian.write([{ type: 'delRange', gte: bytes('k'), lt: bytes('l') }]);
        await historian.flush();
        snapshot.close();
        await historian.write([put('k3', i, 30)], { durability: 'fsync' });
        await historian.flush();
      }
      await historian.database.run(historian.database.db.idle());
    }),
    script('snapshots held over merges', {}, async (historian) => {
      const { db } = historian.database;
      for (let i = 0; i < 3; i++) {
        const snapshot = db.snapshot();
        await rounds(historian, 2, 6);
        await historian.write([{ type: 'delRange', gte: bytes('k1'), lt: bytes('k4') }]);
        await historian.database.compact();
        if (i % 2 === 1) snapshot.close();
      }
    }),
  );
  return scripts;
}

/** Makes a checkpoint, and goes on. */
export const checkpointScript: Script = script('a checkpoint', {}, async (historian) => {
  await rounds(historian, 3);
  await historian.checkpoint('copy');
  historian.writeSync([put('after', 1, 30)], { durability: 'fsync' });
  await historian.flush();
});

/** Scripts in which processes end without a close, and the next one recovers. */
export function recoveryScripts(): Script[] {
  return (['memory', 'os', 'fsync'] as const).flatMap((durability) => [
    script(
      `recovery after the end of the process (${durability})`,
      { durability },
      async (historian, fs) => {
        for (let life = 0; life < 4; life++) {
          for (let i = 0; i < 5; i++) historian.writeSync([put(`k${i}`, life, 30 + i)]);
          if (durability === 'memory') await historian.sync();
          if (life > 0) await reopenAfterKill(historian, fs, { durability });
          if (life === 1) historian.writeSync([put('durable', life, 40)], { durability: 'fsync' });
          if (life === 2) await historian.flush();
          if (life === 3) await historian.sync();
        }
      },
    ),
    script(
      `recovery of flushes and merges (${durability})`,
      { durability },
      async (historian, fs) => {
        for (let life = 0; life < 2; life++) {
          await rounds(historian, 3, 5);
          for (let i = 0; i < 25; i++) historian.writeSync([put(`l${i}`, life, 300)]);
          if (durability === 'memory') await historian.sync();
          await reopenAfterKill(historian, fs, { durability });
          if (life === 0) await historian.database.compact();
        }
      },
    ),
  ]);
}

/** A database whose manifest is about to be replaced. */
export async function fillManifest(fs: SimulatedFileSystem): Promise<void> {
  const random = seededRandom(7);
  const historian = new Historian(() => {}, 'os');
  historian.database = await openSimulated(fs, SMALL);
  const { db } = historian.database;
  while (db.stats().manifestBytes < 65_000) {
    await historian.database.run(db.setCompaction(STRATEGIES[random.next() % STRATEGIES.length]!));
  }
  await historian.close();
}

/** Replaces the manifest that {@link fillManifest} left. */
export const manifestScript: Script = script('a new manifest', {}, async (historian) => {
  for (let i = 0; i < 6; i++) {
    historian.writeSync([put(`k${i}`, i, 30)]);
    await historian.flush();
    await historian.setCompaction(STRATEGIES[i % 3]!);
  }
});
