/**
 * Cuts the power after every file-system operation of flushes, merges, changes of the strategy, checkpoints, new
 * manifests, recoveries and of what an idle database does, as crash-writes.test.ts does for writes.
 */
import { SimulatedFileSystem } from '@lsm/testkit';
import { afterAll, describe, expect, it } from 'vitest';
import { idleScript } from './support/simulated-idle.ts';
import {
  checkpointScript,
  fillManifest,
  manifestScript,
  recoveryScripts,
  treeScripts,
} from './support/simulated-scripts.ts';
import { expectNoViolation, expectReached } from './support/simulated-sweep.ts';
import { troubleScripts } from './support/simulated-trouble.ts';

describe('after any crash', () => {
  it.each([...treeScripts(), ...recoveryScripts(), idleScript])(
    'what was acknowledged is there, as a prefix of the commits: $name',
    { timeout: 300_000 },
    async (script) => void (await expectNoViolation(script)),
  );

  it('one of two manifests is in force while one replaces the other', {
    timeout: 300_000,
  }, async () => {
    const start = new SimulatedFileSystem();
    await fillManifest(start);
    const states = await expectNoViolation(manifestScript, start);
    expect(states.get('two manifests')).toBeGreaterThan(0);
  });

  it('a checkpoint is whole or has no name', { timeout: 300_000 }, async () => {
    await expectNoViolation(checkpointScript);
  });

  it.each(troubleScripts())(
    'what was acknowledged is there, as a prefix of the commits: $name',
    { timeout: 300_000 },
    async (script) => void (await expectNoViolation(script)),
  );

  afterAll(() => {
    expectReached([
      'table before its edit',
      'unfinished table',
      'torn manifest edit',
      'input after its edit',
      'log after its flush',
      'sealed and active log',
      'recycled log, stale frames',
      'commits lost',
      'recovered twice',
    ]);
  });
});
