/** Crash sweeps of scripts, with figures on what they met. */
import { type CrashContext, crashSweep, type SimulatedFileSystem } from '@lsm/testkit';
import { checkHistory, type Fact, imageHashes } from './simulated-history.ts';
import type { Script } from './simulated-scripts.ts';

/** How often each state was met in this process. */
export const reached: Map<string, number> = new Map();

/** What a sweep may be given beside its script. */
export interface SweepExtras {
  readonly start?: SimulatedFileSystem;
  /** A further check, after the usual one; on its own copy of the disk. */
  readonly also?: (image: SimulatedFileSystem, context: CrashContext<Fact>) => Promise<void>;
}

/**
 * Crashes a script after every operation and checks what is left.
 *
 * @throws the first violation, with operation, variant and seed
 */
export async function expectNoViolation(
  script: Script,
  { start, also }: SweepExtras = {},
): Promise<ReadonlyMap<string, number>> {
  const check = checkHistory(script.options);
  const report = await crashSweep<Fact>({
    script: script.run,
    async check(image, context) {
      const copy = also === undefined ? null : image.fork();
      const states = await check(image, context);
      if (copy !== null) await also!(copy, context);
      return states;
    },
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
