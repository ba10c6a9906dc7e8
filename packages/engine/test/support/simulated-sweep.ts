/** Crash sweeps of scripts, with figures on what they met. */
import { crashSweep, type SimulatedFileSystem } from '@lsm/testkit';
import { expect } from 'vitest';
import { checkHistory, type Fact, imageHashes, imageVariants } from './simulated-history.ts';
import type { Script } from './simulated-scripts.ts';

/** How often each state was met in this process: by images that differ in bytes or notes. */
const reached = new Map<string, number>();
const scripts = new Set<string>();

/**
 * The least that a file of crash tests has to have gone through: scripts, variants, images that differ in their bytes
 * (counted once however many scripts and moments led to them), and images in each of the states that are hard to reach.
 */
const LEAST = { scripts: 8, variants: 8, images: 20_000, ofEachState: 100 };

/** Checks, after all sweeps of a file, that they went through enough. */
export function expectReached(states: readonly string[]): void {
  if (process.env['LSM_PRINT'] !== undefined) {
    console.log({ scripts: scripts.size, variants: imageVariants.size, images: imageHashes.size });
    console.log(Object.fromEntries(reached));
  }
  expect(scripts.size).toBeGreaterThanOrEqual(LEAST.scripts);
  expect(imageVariants.size).toBeGreaterThanOrEqual(LEAST.variants);
  expect(imageHashes.size).toBeGreaterThanOrEqual(LEAST.images);
  for (const state of states) {
    expect(reached.get(state) ?? 0, state).toBeGreaterThanOrEqual(LEAST.ofEachState);
  }
}

/**
 * Crashes a script after every operation and checks what is left.
 *
 * @throws the first violation, with operation, variant and seed
 */
export async function expectNoViolation(
  script: Script,
  start?: SimulatedFileSystem,
): Promise<ReadonlyMap<string, number>> {
  scripts.add(script.name);
  const report = await crashSweep<Fact>({
    script: script.run,
    check: checkHistory(script.options),
    disk: { keepLog: false },
    seeds: Number(process.env['LSM_SEEDS'] ?? 1),
    seed: Number(process.env['LSM_SEED'] ?? 1),
    ...(start === undefined ? {} : { start }),
  });
  for (const [state, count] of report.states) reached.set(state, (reached.get(state) ?? 0) + count);
  if (process.env['LSM_PRINT'] !== undefined) {
    const { operations, images, distinct } = report;
    const states = JSON.stringify(Object.fromEntries(report.states));
    console.log(script.name, { operations, images, distinct, hashes: imageHashes.size }, states);
  }
  return report.states;
}
