/**
 * Scripts for crash sweeps in which the disk fails now and then: what repairs the damage has syncs of its own, and the
 * power may go in the middle of a repair.
 */
import type { Operation, SimulatedFileSystem } from '@lsm/testkit';
import { DIRECTORY, openSimulated } from './simulated-database.ts';
import { Historian, put } from './simulated-history.ts';
import { reopenAfterKill, rounds, type Script, script, unlocked } from './simulated-scripts.ts';

/** Path of the newest file of a kind; no operation. */
function newest(fs: SimulatedFileSystem, pattern: RegExp): string {
  const paths = [...fs.image().keys()].filter((path) => pattern.test(path));
  return paths.sort().at(-1)!;
}

/** Lets the next operation of a kind on a path fail. */
function failNext(fs: SimulatedFileSystem, kind: Operation['kind'], path: string): void {
  fs.inject({
    at: (operation) => operation.kind === kind && operation.path === path,
    errno: 'EIO',
  });
}

/** The log's syncs fail while sealed, replayed and active segments wait for theirs. */
function failingLog(): Script {
  const options = { memtableBytes: 16_384 };
  return script('syncs of the log that fail', options, async (historian, fs) => {
    const fillOne = (): void => {
      for (let i = 0; i < 14; i++) historian.writeSync([put(`k${i}`, 1, 900)]);
      historian.writeSync([put('small', 1, 30)]);
    };
    // Frames of sealed memtables can't be saved by writing them again, so it is the active one's sync that fails.
    fillOne();
    failNext(fs, 'sync', newest(fs, /log$/));
    historian.writeSync([put('a', 2, 30)], { durability: 'fsync' });
    historian.writeSync([put('b', 3, 30)]);
    failNext(fs, 'sync', newest(fs, /log$/));
    await historian.write([put('c', 4, 30)], { durability: 'fsync' });
    historian.writeSync([put('d', 5, 30)]);
    await reopenAfterKill(historian, fs, options);
    historian.writeSync([put('e', 6, 30)]);
    failNext(fs, 'sync', newest(fs, /log$/));
    historian.writeSync([put('f', 7, 30)], { durability: 'fsync' });
    fillOne();
    failNext(fs, 'syncDirectory', DIRECTORY);
    historian.writeSync([put('g', 8, 30)], { durability: 'fsync' });
  });
}

/**
 * The sync of the log fails, and so does one of the two that follow for what replaces it, when all but its newest
 * write is lost. Nobody can make up for that; the process ends, and the next one goes on with what it reads.
 */
function failingRescue(which: 'first' | 'second'): Script {
  const options = { memtableBytes: 16_384 };
  const name = `a rescue of the log that fails with its ${which} sync`;
  return script(name, options, async (historian, fs) => {
    historian.writeSync([put('a', 1, 30)], { durability: 'fsync' });
    for (let i = 0; i < 3; i++) historian.writeSync([put(`k${i}`, 1, 40)]);
    const failed = newest(fs, /log$/);
    failNext(fs, 'sync', failed);
    let syncs = 0;
    fs.inject({
      at({ kind, path }) {
        const isRescue = kind === 'sync' && path.endsWith('.log') && path > failed;
        return isRescue && ++syncs === (which === 'first' ? 1 : 2);
      },
      errno: 'EIO',
      failedSync: 'torn',
    });
    await historian.database.sync().then(
      () => Promise.reject(new Error('The faults did not hit')),
      () => {},
    );
    await reopenAfterKill(historian, fs, options);
    historian.writeSync([put('b', 2, 30)], { durability: 'fsync' });
  });
}

/** The sync of the log's directory fails when only a sealed memtable has frames. */
function failingNames(): Script {
  return script('a sync of names that fails', {}, async (historian, fs) => {
    historian.writeSync([put('a', 1, 40)]);
    const { db } = historian.database;
    const flushed = db.flush();
    failNext(fs, 'syncDirectory', DIRECTORY);
    db.batchSync([], { durability: 'fsync' });
    historian.acknowledge('fsync');
    await historian.database.run(flushed);
  });
}

/** Neither an edit nor the manifest that replaces it can be synced; the next process goes on with what it reads. */
function failingManifestRescue(): Script {
  return script('a rescue of the manifest that fails', {}, async (historian, fs) => {
    await rounds(historian, 1, 4);
    historian.writeSync([put('a', 1, 40)], { durability: 'fsync' });
    const isManifest = (path: string): boolean => path.includes('MANIFEST-');
    fs.inject({
      at: ({ kind, path }) => kind === 'sync' && isManifest(path),
      errno: 'EIO',
      persistent: true,
    });
    await historian.flush().then(
      () => Promise.reject(new Error('The fault did not hit')),
      () => {},
    );
    fs.clearFaults();
    await reopenAfterKill(historian, fs, {});
    historian.writeSync([put('b', 1, 40)], { durability: 'fsync' });
    await historian.flush();
  });
}

/** Edits of the manifest that fail before, within and after their append. */
function failingManifest(): Script {
  return script('edits of the manifest that fail', {}, async (historian, fs) => {
    await rounds(historian, 1, 4);
    for (const [kind, shortBytes] of [
      ['write', 100_000],
      ['sync', 0],
      ['write', 30],
    ] as const) {
      historian.writeSync([put(`k${shortBytes}`, 1, 40)], { durability: 'fsync' });
      const path = newest(fs, /MANIFEST-\d+$/);
      fs.inject({
        at: (operation) => operation.kind === kind && operation.path === path,
        errno: 'ENOSPC',
        shortBytes,
      });
      await historian.flush().catch(() => {});
      await historian.flush();
    }
    historian.writeSync([put('after', 1, 40)], { durability: 'fsync' });
  });
}

/** A process that ended between the publication of a manifest and its sync, and the next one. */
function unnamedManifest(): Script {
  return {
    ...script('a manifest whose name was never synced', {}, async (historian) => {
      historian.writeSync([put('a', 1, 40)], { durability: 'fsync' });
      await historian.flush();
    }),
    async run(fs, note) {
      let renamed = false;
      fs.inject({
        at: ({ kind, path }) => {
          if (kind === 'rename' && path.includes('CURRENT')) renamed = true;
          return renamed && kind === 'syncDirectory' && path === DIRECTORY;
        },
        errno: 'EIO',
      });
      const options = { memtableBytes: 4096 };
      await openSimulated(unlocked(fs), options).then(
        () => Promise.reject(new Error('The fault did not hit')),
        () => {},
      );
      const historian = new Historian(note, 'os');
      historian.database = await openSimulated(unlocked(fs), options);
      historian.writeSync([put('a', 1, 40)], { durability: 'fsync' });
      await historian.flush();
      await historian.close();
    },
  };
}

/** A checkpoint to a place that takes no links and whose parents are to be made. */
function copiedCheckpoint(): Script {
  return script('a checkpoint that copies', {}, async (historian, fs) => {
    await rounds(historian, 2, 4);
    fs.inject({ at: ({ kind }) => kind === 'link', errno: 'EACCES', persistent: true });
    await historian.checkpoint('far/away/copy');
    historian.writeSync([put('after', 1, 30)], { durability: 'fsync' });
  });
}

/** All scripts with failures. */
export function troubleScripts(): Script[] {
  return [
    failingLog(),
    failingRescue('first'),
    failingRescue('second'),
    failingNames(),
    failingManifest(),
    failingManifestRescue(),
    unnamedManifest(),
    copiedCheckpoint(),
  ];
}
