/**
 * `peers`: the engine beside other stores. Each (store, workload, repeat) runs in a process of its own, so that no
 * store inherits another's compiled code, heap or page faults; stores are interleaved.
 */
import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { nearestName } from '@lsm/core';
import { captureEnvironment, type Environment, loadAfter, packageVersion } from '../environment.ts';
import { peerInstalled, peersFile } from '../peers/load-peer.ts';
import { createDisplay } from '../progress.ts';
import { mixWord } from '../random.ts';
import type { BenchResults, RunResult } from '../results.ts';
import { VoidFigure } from '../run/checks.ts';
import { WorkDirectory } from '../run/work-directory.ts';
import { UsageError } from '../usage-error.ts';
import { findWorkloads } from '../workloads/catalogue.ts';
import type { Workload } from '../workloads/workload.ts';
import { finish } from './bench-session.ts';
import type { SessionFlags } from './compare.ts';
import { PEER_STORES, type PeerRunSetting, type PeerStoreName } from './peer-run.ts';

const WORKLOADS = [
  'fillseq',
  'fillrandom',
  'fillawait',
  'fillbatch',
  'overwrite',
  'readrandom',
  'readmissing',
  'readhot',
  'seekrandom',
  'scan',
  'scanreverse',
  'ycsb-a',
  'ycsb-b',
  'ycsb-f',
];

/** Our memory beside LevelDB's defaults: the same write buffer, the same cache. */
const ENGINE_OPTIONS = { memtableBytes: 4 << 20, cacheBytes: 8 << 20, indexBytes: 8 << 20 };

type CommonSetting = Omit<PeerRunSetting, 'store' | 'directory' | 'workload' | 'repeat'>;

const OUTPUT_BYTES_MAX = 256 << 20;

const runFile = promisify(execFile);

/** Runs the comparison. Returns the path of the report. */
export async function comparePeers(
  flags: Record<string, unknown>,
  session: SessionFlags,
  print: (text: string) => void,
): Promise<string> {
  const startedAt = new Date();
  const start = performance.now();
  const stores = storesOf(flags['stores'] as string[] | undefined, print);
  const workloads = findWorkloads((flags['workloads'] as string[] | undefined) ?? WORKLOADS);
  const setting = settingOf(flags);
  const { durability, seed } = setting;
  const repeats = Number(flags['repeats'] ?? 3);
  const directory = new WorkDirectory(session.directory, session.keep);
  const display = createDisplay(session.quiet);
  const runs: RunResult[] = [];
  try {
    const environment = captureEnvironment(directory.path);
    display.begin(workloads.length * repeats * stores.length);
    for (const { name: workload } of workloads) {
      for (let repeat = 1; repeat <= repeats; repeat++) {
        for (const store of stores) {
          display.runBegins(`${workload} · ${store} · repeat ${repeat}`);
          const path = directory.next();
          const run = await runInProcess({
            ...setting,
            store,
            workload,
            repeat,
            seed: mixWord(seed + repeat),
            directory: path,
          });
          runs.push(run);
          directory.drop(path);
          rmSync(`${path}-warm`, { recursive: true, force: true });
          display.runEnds(run.seconds);
        }
      }
    }
    display.end();
    const results = resultsOf(setting, stores, workloads, repeats, runs, environment);
    const seconds = (performance.now() - start) / 1000;
    const command = 'peers';
    const timed = { ...results, command, startedAt: startedAt.toISOString(), seconds };
    return finish({ ...session, durability }, timed, directory, print);
  } finally {
    directory.remove();
  }
}

function resultsOf(
  setting: CommonSetting,
  stores: readonly PeerStoreName[],
  workloads: readonly Workload[],
  repeats: number,
  runs: readonly RunResult[],
  environment: Environment,
): Omit<BenchResults, 'command' | 'startedAt' | 'seconds'> {
  const versions = ['classic-level', 'lmdb'].map((name) => [name, packageVersion(name, peersFile)]);
  return {
    format: 1,
    durability: setting.durability,
    repeats,
    seed: setting.seed,
    rate: null,
    environment: {
      ...environment,
      ...(Object.fromEntries(versions) as Environment),
      'load average after': loadAfter(),
    },
    experiments: [
      {
        name: 'peers',
        title: 'The engine beside other stores, each run in a process of its own',
        data: `${setting.entries} generated entries, keys of ${setting.keyBytes} bytes, values of ${setting.valueBytes} bytes`,
        variants: stores.map((name) => ({
          name,
          options: name === 'lsm' ? ENGINE_OPTIONS : { defaults: true },
        })),
        workloads: workloads.map(({ name, title }) => ({ name, title })),
        runs,
      },
    ],
  };
}

function settingOf(flags: Record<string, unknown>): CommonSetting {
  const number = (name: string, standard: number): number => Number(flags[name] ?? standard);
  const entries = number('entries', 200_000);
  return {
    durability: (flags['durability'] ?? 'os') as PeerRunSetting['durability'],
    entries,
    keyBytes: number('keyBytes', 16),
    valueBytes: number('valueBytes', 100),
    operations: number('operations', entries),
    inFlight: number('inFlight', 256),
    seed: number('seed', 1),
    options: ENGINE_OPTIONS,
  };
}

function storesOf(
  names: readonly string[] | undefined,
  print: (text: string) => void,
): PeerStoreName[] {
  const wanted = names ?? PEER_STORES;
  return wanted
    .map((name) => {
      const known: readonly string[] = PEER_STORES;
      if (!known.includes(name)) {
        throw new UsageError(
          `No store is named "${name}"; did you mean "${nearestName(name, known)}"?`,
        );
      }
      return name as PeerStoreName;
    })
    .filter((name) => {
      const there = name === 'lsm' || name === 'sqlite' || peerInstalled(name);
      if (!there) print(`${name} is not installed in apps/bench/peers and is left out.`);
      return there;
    });
}

async function runInProcess(setting: PeerRunSetting): Promise<RunResult> {
  const program = fileURLToPath(new URL('../main.ts', import.meta.url));
  const args = [...process.execArgv, program, 'peer-run', JSON.stringify(setting)];
  const { stdout } = await runFile(process.execPath, args, { maxBuffer: OUTPUT_BYTES_MAX }).catch(
    (error: Error & { stderr?: string }) => {
      const { store, workload } = setting;
      throw new VoidFigure(`${store} failed at ${workload}: ${error.stderr ?? error.message}`);
    },
  );
  return JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as RunResult;
}
