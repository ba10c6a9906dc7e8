/** What one call's failure means for another's acknowledgement. */
import { SimulatedFileSystem } from '@lsm/testkit';
import { describe, expect, it } from 'vitest';
import { openInMemory, text } from './support/open.ts';

describe('an acknowledgement', () => {
  it('with fsync does not fail because a later write of another call cannot be handed over', async () => {
    const fs = new SimulatedFileSystem();
    const db = await openInMemory({ durability: 'memory' }, fs);
    db.putSync('first', '0', { durability: 'fsync' });
    const put = db.put('a', '1', { durability: 'fsync' });
    // The group of `put` is written in the microtask before this one; its sync is still to come.
    queueMicrotask(() => {
      fs.inject({ at: ({ kind }) => kind === 'write', errno: 'ENOSPC', persistent: true });
      db.putSync('b', '2');
    });
    await put;
    expect(text(db.getSync('a'))).toBe('1');
    fs.clearFaults();
  });
});
