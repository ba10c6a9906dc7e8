import { readFileBytes, writeFileDurably } from '@lsm/fs';
import type { SimulatedFileSystem } from '@lsm/testkit';
import { type CrashSweepOptions, crashSweep, sweepWithoutEachSync } from '@lsm/testkit';
import { describe, expect, it } from 'vitest';

/** A log of fixed records, each 8 equal bytes; a record is acknowledged when it is synced. */
const RECORDS = 12;

function writeLog(fs: SimulatedFileSystem, note: (fact: number) => void): void {
  fs.makeDirectorySync('db');
  fs.syncDirectorySync('');
  const log = fs.openSync('db/log', 'create');
  fs.syncDirectorySync('db');
  for (let i = 1; i <= RECORDS; i++) {
    log.writeSync(new Uint8Array(8).fill(i), 0, 8, (i - 1) * 8);
    log.syncSync();
    note(i);
  }
  log.close();
}

function recordsIn(fs: SimulatedFileSystem): number {
  if (fs.statSync('db/log') === null) return 0;
  const bytes = readFileBytes(fs, 'db/log');
  let count = 0;
  while (bytes.subarray(count * 8, count * 8 + 8).every((byte) => byte === count + 1)) {
    if ((count + 1) * 8 > bytes.length) break;
    count++;
  }
  return count;
}

const sweep: CrashSweepOptions<number> = {
  script: writeLog,
  check(image, { notes }) {
    const found = recordsIn(image);
    const acknowledged = notes.at(-1) ?? 0;
    if (found < acknowledged) throw new Error(`${acknowledged} acknowledged, ${found} found`);
    return found > acknowledged ? 'unacknowledged survives' : 'exact';
  },
};

describe('crashSweep', () => {
  it('finds a synced log complete after every crash', async () => {
    const report = await crashSweep(sweep);
    expect(report.operations).toBe(4 + 2 * RECORDS);
    expect(report.images).toBeGreaterThan(500);
    expect(report.distinct).toBeGreaterThan(3 * RECORDS);
    expect(report.states.get('exact')).toBeGreaterThan(RECORDS);
    expect(report.states.get('unacknowledged survives')).toBeGreaterThan(0);
  });

  it('notices each sync that is left out', async () => {
    const controls = await sweepWithoutEachSync(sweep);
    expect(controls).toHaveLength(RECORDS + 2);
    expect(controls.filter(({ failure }) => failure === null)).toEqual([]);
  });

  it('names operation, variant and seed of a failure', async () => {
    const failing = crashSweep({ ...sweep, dropSync: 3 });
    await expect(failing).rejects.toThrow(/after operation #\d+ \w+ db\/log.*variant ".+", seed 1/);
  });

  it('reaches old, new and no other content when a file is replaced durably', async () => {
    const before = new Uint8Array(700).fill(1);
    const after = new Uint8Array(1500).fill(2);
    const script = (fs: SimulatedFileSystem, note: (fact: string) => void): void => {
      writeFileDurably(fs, 'CURRENT', before);
      note('before');
      writeFileDurably(fs, 'CURRENT', after);
      note('after');
    };
    const check = (image: SimulatedFileSystem, { notes }: { notes: readonly string[] }): string => {
      if (notes.length === 0 && image.statSync('CURRENT') === null) return 'missing';
      const bytes = readFileBytes(image, 'CURRENT');
      const state = bytes.length === before.length ? 'before' : 'after';
      expect(bytes).toEqual(state === 'before' ? before : after);
      if (notes.includes('after')) expect(state).toBe('after');
      return state;
    };
    const report = await crashSweep({ script, check });
    expect([...report.states.keys()].sort()).toEqual(['after', 'before', 'missing']);
    const controls = await sweepWithoutEachSync({ script, check });
    expect(controls.map(({ failure }) => failure !== null)).toEqual([true, true, true, true]);
  });

  it('crashes a recovery by a sweep within the check', async () => {
    let nested = 0;
    await crashSweep<number>({
      ...sweep,
      async check(image, { notes }) {
        const report = await crashSweep({
          start: image,
          seeds: 1,
          script: (fs) => {
            if (fs.statSync('db') === null) fs.makeDirectorySync('db');
            writeFileDurably(fs, 'db/copy', Uint8Array.of(recordsIn(fs)));
          },
          check(again) {
            expect(recordsIn(again)).toBeGreaterThanOrEqual(notes.at(-1) ?? 0);
          },
        });
        nested += report.distinct;
      },
    });
    expect(nested).toBeGreaterThan(500);
  });
});
