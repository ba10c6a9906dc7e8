import { isLsmError } from '@lsm/core';
import { readFileBytes, writeFileDurably } from '@lsm/fs';
import { faultSweep, type SimulatedFileSystem } from '@lsm/testkit';
import { describe, expect, it } from 'vitest';

const before = Uint8Array.of(1, 1, 1);
const after = Uint8Array.of(2, 2);

function replaceTwice(fs: SimulatedFileSystem, note: (fact: string) => void): void {
  writeFileDurably(fs, 'f', before);
  note('before');
  writeFileDurably(fs, 'f', after);
  note('after');
}

describe('faultSweep', () => {
  it('lets each operation fail in each way, and the durable replacement keeps its word', async () => {
    const report = await faultSweep({
      script: replaceTwice,
      check(fs, { notes, error }) {
        expect(isLsmError(error)).toBe(true);
        const bytes = fs.statSync('f') === null ? null : [...readFileBytes(fs, 'f')];
        if (notes.includes('before')) expect([[...before], [...after]]).toContainEqual(bytes);
        // The disk works again: so does everything else.
        writeFileDurably(fs, 'f', before);
        expect(readFileBytes(fs, 'f')).toEqual(before);
      },
    });
    expect(report.operations).toBe(12);
    expect(report.runs).toBeGreaterThan(100);
  });

  it('names operation and fault when a check fails', async () => {
    const sweep = faultSweep({
      script(fs) {
        fs.openSync('f', 'create').close();
      },
      check(fs) {
        if (fs.statSync('f') === null) throw new Error('no file');
      },
    });
    await expect(sweep).rejects.toThrow('fault at #0 create f, {"errno":"EIO"}. no file');
  });
});
