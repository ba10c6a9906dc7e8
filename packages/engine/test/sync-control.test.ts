/**
 * The positive control of the crash tests: leaves out one sync after the other, and the oracle of crash-writes.test.ts
 * and crash-tree.test.ts has to notice. Short scripts here, until each call site was noticed once; LSM_SYNCS=1: each
 * single sync of every script, with figures.
 */
import { SimulatedFileSystem, type SyncControl, syncControls } from '@lsm/testkit';
import { describe, expect, it } from 'vitest';
import { checkHistory, type Fact } from './support/simulated-history.ts';
import {
  checkpointScript,
  fillManifest,
  manifestScript,
  recoveryScripts,
  type Script,
  treeScripts,
  writingScripts,
} from './support/simulated-scripts.ts';
import { troubleScripts } from './support/simulated-trouble.ts';
import { syncLines, syncSite } from './support/sync-sites.ts';

/** What became of the syncs of one call site. */
interface SiteFigures {
  syncs: number;
  /** Had nothing to make durable. */
  idle: number;
  noticed: number;
  /** Nobody missed them: a later sync came before anything was relied on. */
  madeUpFor: number;
}

class Figures {
  readonly sites: Map<string, SiteFigures> = new Map();

  of(site: string): SiteFigures {
    let figures = this.sites.get(site);
    if (figures === undefined) {
      figures = { syncs: 0, idle: 0, noticed: 0, madeUpFor: 0 };
      this.sites.set(site, figures);
    }
    return figures;
  }

  add({ site, isIdle, failure }: SyncControl): void {
    const figures = this.of(site);
    figures.syncs++;
    if (isIdle) figures.idle++;
    else if (failure === null) figures.madeUpFor++;
    else figures.noticed++;
  }

  get unnoticed(): string[] {
    return [...this.sites].filter(([, { noticed }]) => noticed === 0).map(([site]) => site);
  }
}

async function control(
  script: Script,
  figures: Figures,
  wanted: (site: string) => boolean,
  start?: SimulatedFileSystem,
): Promise<void> {
  const controls = syncControls<Fact>({
    script: script.run,
    check: checkHistory(script.options),
    disk: { keepLog: false },
    seeds: 1,
    siteOf: syncSite,
    wanted: (_, site) => wanted(site),
    ...(start === undefined ? {} : { start }),
  });
  for await (const one of controls) figures.add(one);
}

describe('a sync that is left out', () => {
  it('is noticed, whichever call site it is from', { timeout: 120_000 }, async () => {
    const figures = new Figures();
    const controlOnce = (script: Script): Promise<void> =>
      control(script, figures, (site) => figures.of(site).noticed === 0);
    const short = [
      ...troubleScripts(),
      ...(['memory', 'os', 'fsync'] as const).map((durability) => writingScripts(durability)[0]!),
      checkpointScript,
      recoveryScripts()[0]!,
      writingScripts('os')[1]!,
      writingScripts('os')[2]!,
    ];
    for (const script of short) await controlOnce(script);
    // Whether a script has somebody rely on a sync before the next one comes is a matter of its timing.
    for (const script of [...writingScripts('fsync'), ...treeScripts(), ...recoveryScripts()]) {
      if (figures.unnoticed.length > 0) await controlOnce(script);
    }
    expect(figures.unnoticed).toEqual([]);
    expect(figures.sites.size).toBeGreaterThanOrEqual(28);
  });

  it('is one of those that the sources make', { timeout: 120_000 }, async () => {
    const seen = new Set<string>();
    for (const script of [...troubleScripts(), checkpointScript]) {
      const siteOf = (path: string, fs: SimulatedFileSystem): string => {
        for (const line of syncSite(path, fs).split(/[ ,]/)) seen.add(line);
        return '';
      };
      const fs: SimulatedFileSystem = new SimulatedFileSystem({
        keepLog: false,
        dropSync: (_, path) => siteOf(path, fs) !== '',
      });
      await script.run(fs, () => {});
    }
    expect(syncLines().filter((line) => !seen.has(line))).toEqual([]);
  });
});

describe.skipIf(process.env['LSM_SYNCS'] === undefined)('each single sync that is left out', () => {
  const figures = new Figures();
  const all = [
    ...(['memory', 'os', 'fsync'] as const).flatMap(writingScripts),
    ...treeScripts(),
    ...recoveryScripts(),
    ...troubleScripts(),
    checkpointScript,
  ];

  it.each(all)('$name', { timeout: 3_600_000 }, async (script) => {
    await control(script, figures, () => true);
  });

  it('a new manifest', { timeout: 3_600_000 }, async () => {
    const start = new SimulatedFileSystem();
    await fillManifest(start);
    await control(manifestScript, figures, () => true, start);
  });

  it('leaves no call site that nobody misses', () => {
    const total = new Figures();
    for (const [site, { syncs, idle, noticed, madeUpFor }] of figures.sites) {
      const sum = total.of('all');
      sum.syncs += syncs;
      sum.idle += idle;
      sum.noticed += noticed;
      sum.madeUpFor += madeUpFor;
      console.log(site, { syncs, idle, noticed, madeUpFor });
    }
    console.log(figures.sites.size, 'sites', total.of('all'));
    expect(figures.unnoticed).toEqual([]);
  });
});
