/**
 * Cuts the power after every file-system operation of flushes, merges, changes of the strategy, checkpoints, new
 * manifests and recoveries, as crash-writes.test.ts does for writes.
 */
import { SimulatedFileSystem } from '@lsm/testkit';
import { afterAll, describe, expect, it } from 'vitest';
import { openSimulated } from './support/simulated-database.ts';
import { imageHashes } from './support/simulated-history.ts';
import {
  fillManifest,
  manifestScript,
  recoveryScripts,
  treeScripts,
} from './support/simulated-scripts.ts';
import { expectNoViolation, reached } from './support/simulated-sweep.ts';

describe('after any crash', () => {
  it.each([...treeScripts(), ...recoveryScripts()])(
    'what was acknowledged is there, as a prefix of the commits: $name',
    { timeout: 300_000 },
    async (script) => void (await expectNoViolation(script)),
  );

  it('one of two manifests is in force while one replaces the other', {
    timeout: 300_000,
  }, async () => {
    const start = new SimulatedFileSystem();
    await fillManifest(start);
    const states = await expectNoViolation(manifestScript, { start });
    expect(states.get('two manifests')).toBeGreaterThan(0);
  });

  it('a checkpoint is whole or has no name', { timeout: 300_000 }, async () => {
    const script = treeScripts().find(({ name }) => name === 'a checkpoint')!;
    await expectNoViolation(script, {
      async also(image, { ended }) {
        if (image.statSync('copy') === null) {
          if (ended) throw new Error('The checkpoint is gone');
          return;
        }
        const copy = await openSimulated(image, script.options, 'copy');
        if ([...copy.db.keys()].length === 0) throw new Error('The checkpoint is empty');
        await copy.run(copy.db.verify());
        await copy.close();
      },
    });
  });

  afterAll(() => {
    for (const state of [
      'table before its edit',
      'torn manifest edit',
      'input after its edit',
      'log after its flush',
      'sealed and active log',
      'recycled log, stale frames',
      'commits lost',
      'recovered twice',
    ]) {
      expect(reached.get(state) ?? 0, state).toBeGreaterThanOrEqual(100);
    }
    expect(imageHashes.size).toBeGreaterThanOrEqual(10_000);
  });
});
