/**
 * Cuts the power after every file-system operation of the way of a write, in every way in which unsynced bytes and
 * names survive, and opens what is left. LSM_SEEDS (default 1) tries chance more often; LSM_SEED moves its first seed.
 */
import { afterAll, describe, it } from 'vitest';
import { writingScripts } from './support/simulated-scripts.ts';
import { expectNoViolation, expectReached } from './support/simulated-sweep.ts';

describe.each(['memory', 'os', 'fsync'] as const)(
  'after any crash, durability %s',
  (durability) => {
    it.each(writingScripts(durability))(
      'what was acknowledged is there, as a prefix of the commits: $name',
      { timeout: 300_000 },
      async (script) => void (await expectNoViolation(script)),
    );
  },
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
