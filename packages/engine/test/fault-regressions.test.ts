/** Bugs that were found by failing disks before, each with the shortest life that meets it. */
import { isLsmError, type LsmError } from '@lsm/core';
import { readManifest } from '@lsm/manifest';
import { type Fault, type Operation, SimulatedFileSystem } from '@lsm/testkit';
import { describe, expect, it } from 'vitest';
import {
  DIRECTORY,
  type DrivenDatabase,
  openSimulated,
  type SimulationOptions,
} from './support/simulated-database.ts';
import { unlocked } from './support/simulated-scripts.ts';

const DURABLE = { durability: 'fsync' } as const;

/** Lets every operation of these kinds on a path fail until the faults are lifted. */
function failAll(fs: SimulatedFileSystem, kinds: readonly Operation['kind'][], path: RegExp): void {
  const at: Fault['at'] = (operation) =>
    kinds.includes(operation.kind) && path.test(operation.path);
  fs.inject({ at, errno: 'EIO', persistent: true });
}

async function fresh(
  options: SimulationOptions = {},
): Promise<DrivenDatabase & { readonly fs: SimulatedFileSystem }> {
  const fs = new SimulatedFileSystem();
  return Object.assign(await openSimulated(fs, options), { fs });
}

/** The error that a call ends with. */
async function refusalOf(call: () => unknown): Promise<LsmError> {
  try {
    await call();
  } catch (error) {
    if (isLsmError(error)) return error;
    throw error;
  }
  throw new Error('The call was not refused');
}

describe('the log', () => {
  it('acknowledges a durable write although the manifest cannot note where replay begins', async () => {
    const { db, fs } = await fresh();
    const noted = (): number => {
      const { idLow, idHigh } = readManifest(fs, DIRECTORY).state.replayFrom;
      return idLow | idHigh;
    };
    db.putSync('a', '1');
    // A rescue would need a new file.
    failAll(fs, ['write', 'create'], /MANIFEST|\d\.log/);
    db.batchSync([], DURABLE);
    expect(noted()).toBe(0);
    fs.clearFaults();
    db.putSync('b', '2', DURABLE);
    expect(noted()).not.toBe(0);
  });

  it('names the file in LSM_COMMIT_UNKNOWN when no segment is active', async () => {
    const { db, clock, fs } = await fresh();
    db.putSync('a', '1');
    void db.flush();
    failAll(fs, ['sync', 'syncDirectory', 'create'], /./);
    const error = await refusalOf(() => clock.run(db.sync()));
    expect(error).toMatchObject({ code: 'LSM_COMMIT_UNKNOWN', file: expect.any(String) });
    fs.clearFaults();
    await clock.run(db.close());
  });

  it('moves frames out of a segment whose sync failed before their memtable is sealed', async () => {
    const { db, clock, fs } = await fresh();
    db.putSync('a', '1');
    failAll(fs, ['sync', 'create'], /\.log$/);
    const error = await refusalOf(() => clock.run(db.sync()));
    expect(error).toMatchObject({ code: 'LSM_COMMIT_UNKNOWN' });
    fs.clearFaults();
    const flushed = db.flush();
    // The flush is not done yet, so this has to make the sealed frames durable as well.
    db.putSync('b', '2', DURABLE);
    await clock.run(flushed);
  });

  it('does not show a refused write again from a new segment whose name could not be synced', async () => {
    const { db, fs } = await fresh();
    db.putSync('a', '1', DURABLE);
    let syncs = 0;
    fs.inject({ at: ({ kind }) => kind === 'sync' && syncs++ === 0, errno: 'EIO' });
    failAll(fs, ['syncDirectory'], /./);
    const error = await refusalOf(() => db.putSync('b', '2', DURABLE));
    expect(error).toMatchObject({ code: 'LSM_COMMIT_UNKNOWN' });
    expect(await refusalOf(() => db.putSync('c', '3'))).toMatchObject({ code: 'LSM_IO' });
    // Also if what was begun cannot be removed.
    failAll(fs, ['unlink'], /./);
    expect(await refusalOf(() => db.putSync('d', '4'))).toMatchObject({ code: 'LSM_IO' });
    fs.clearFaults();
    const next = await openSimulated(unlocked(fs), { seed: 2 });
    expect([...next.db.keys()].map(String)).toEqual(['a', 'b']);
  });

  it('forgets a refused range delete, also when the memtable is flushed', async () => {
    const { db, clock, fs } = await fresh();
    db.putSync('a', '1');
    await clock.run(db.flush());
    db.putSync('b', '2');
    failAll(fs, ['write'], /\.log$/);
    expect(await refusalOf(() => db.delRangeSync({}))).toMatchObject({ code: 'LSM_IO' });
    fs.clearFaults();
    await clock.run(db.flush());
    expect([...db.keys()].map(String)).toEqual(['a', 'b']);
  });

  it('leaves no file behind when a recycled one cannot be opened', async () => {
    const { db, clock, fs } = await fresh();
    db.putSync('a', '1');
    await clock.run(db.flush());
    const logs = (): string[] => fs.listSync(DIRECTORY).filter((name) => name.endsWith('.log'));
    expect(logs()).toHaveLength(1);
    failAll(fs, ['open'], /\.log$/);
    expect(await refusalOf(() => db.putSync('b', '2'))).toMatchObject({ code: 'LSM_IO' });
    expect(logs()).toHaveLength(0);
    fs.clearFaults();
    db.putSync('b', '2');
    expect(logs()).toHaveLength(1);
    await clock.run(db.close());
  });

  it('is cut, and the cut reported, once and not at every opening', async () => {
    const { db, fs } = await fresh();
    const logs = (): string[] => fs.listSync(DIRECTORY).filter((name) => name.endsWith('.log'));
    db.putSync('a', '1');
    const [first] = logs();
    const second = await openSimulated(unlocked(fs), { seed: 2 });
    second.db.putSync('b', '2');
    expect(logs()).toHaveLength(2);
    // The older segment loses its frames, the newer one does not.
    const path = `${DIRECTORY}/${first}`;
    fs.putBytes(path, fs.bytesOf(path).slice(0, 72));
    const cuts: number[] = [];
    for (const seed of [3, 4, 5]) {
      const next = await openSimulated(unlocked(fs), { seed });
      let count = 0;
      next.db.on('truncated', () => void count++);
      for (let i = 0; i < 4; i++) next.clock.step();
      expect([...next.db.keys()]).toEqual([]);
      await next.close();
      cuts.push(count);
    }
    expect(cuts).toEqual([1, 0, 0]);
    expect(logs()).toEqual([]);
  });
});

describe('the manifest', () => {
  it('in doubt does not make a write that found no room look as if it might survive', async () => {
    const { db, clock, fs } = await fresh();
    failAll(fs, ['sync', 'create'], /MANIFEST/);
    const value = new Uint8Array(1000);
    let key = '';
    const error = await refusalOf(() => {
      for (let i = 0; i < 1000; i++) db.putSync((key = `k${i}`), value);
    });
    expect(error).toMatchObject({ code: 'LSM_IO', file: expect.stringContaining('MANIFEST') });
    expect(db.getSync(key)).toBeUndefined();
    fs.clearFaults();
    for (let i = 0; i < 40; i++) {
      clock.advance(100);
      clock.step();
    }
    db.putSync(key, value, DURABLE);
    await clock.run(db.flush());
    await clock.run(db.close());
  });
});

describe('a flush', () => {
  it('that could not be committed leaves no table behind', async () => {
    const { db, clock, fs } = await fresh();
    const tables = (): string[] => fs.listSync(DIRECTORY).filter((name) => name.endsWith('.sst'));
    db.putSync('a', '1');
    fs.inject({
      at: ({ kind, path }) => kind === 'write' && path.includes('MANIFEST'),
      errno: 'EIO',
    });
    expect(await refusalOf(() => clock.run(db.flush()))).toMatchObject({ code: 'LSM_IO' });
    expect(tables()).toEqual([]);
    await clock.run(db.flush());
    expect(tables()).toHaveLength(1);
    await clock.run(db.close());
  });
});

describe('an iterator', () => {
  it('whose seek failed has ended: it would leave out what it could not read', async () => {
    let failures = 0;
    for (let nth = 0; nth < 12; nth++) {
      const { db, clock, fs } = await fresh({ compaction: 'tiered', cacheBytes: 65_536 });
      await db.compaction.pause();
      for (let run = 0; run < 3; run++) {
        for (let i = run; i < 300; i += 3) db.putSync(`k${1000 + i}`, new Uint8Array(200));
        await clock.run(db.flush());
      }
      const iterator = db.keys({ reverse: nth % 2 === 1 });
      for (let i = 0; i < 5; i++) iterator.nextSync();
      let reads = 0;
      fs.inject({ at: ({ kind }) => kind === 'read' && reads++ === nth >> 1, errno: 'EIO' });
      try {
        iterator.seek('k1150');
      } catch (error) {
        expect(isLsmError(error, 'LSM_IO')).toBe(true);
        expect(() => iterator.nextSync()).toThrow(
          expect.objectContaining({ code: 'LSM_ITERATOR_CLOSED' }),
        );
        failures++;
      }
      fs.clearFaults();
      await clock.run(db.close());
    }
    expect(failures).toBeGreaterThan(4);
  });
});

describe('a checkpoint', () => {
  it('whose name could not be made durable can be made again in the same place', async () => {
    const { db, clock, fs } = await fresh();
    db.putSync('a', '1');
    await clock.run(db.flush());
    let isNamed = false;
    fs.inject({
      at({ kind, path }) {
        if (kind === 'rename' && path.endsWith('.partial')) isNamed = true;
        return isNamed && kind === 'syncDirectory';
      },
      errno: 'EIO',
    });
    expect(await refusalOf(() => clock.run(db.checkpoint('copy')))).toMatchObject({
      code: 'LSM_IO',
    });
    await clock.run(db.checkpoint('copy'));
    const copy = await openSimulated(fs, {}, 'copy');
    expect([...copy.db.keys()]).toEqual([Buffer.from('a')]);
    await copy.close();
    await clock.run(db.close());
  });
});
