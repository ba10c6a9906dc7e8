/** One run of one store in this process, started by `peers`; the result is the last line of the output, as JSON. */
import { GeneratedData } from '../data/generated.ts';
import { ClassicLevelStore } from '../peers/classic-level-store.ts';
import { LmdbStore } from '../peers/lmdb-store.ts';
import { SqliteStore } from '../peers/sqlite-store.ts';
import { runWorkload } from '../run/run-workload.ts';
import { EngineStore } from '../stores/engine-store.ts';
import type { Store } from '../stores/store.ts';
import { UsageError } from '../usage-error.ts';
import { findWorkloads } from '../workloads/catalogue.ts';
import { WARM_UP_ENTRIES } from './bench-session.ts';

/** Names of the stores. */
export const PEER_STORES = ['lsm', 'classic-level', 'lmdb', 'sqlite'] as const;
/** Name of a store. */
export type PeerStoreName = (typeof PEER_STORES)[number];

/** What to run. */
export interface PeerRunSetting {
  readonly store: PeerStoreName;
  readonly directory: string;
  readonly workload: string;
  readonly durability: 'memory' | 'os' | 'fsync';
  readonly entries: number;
  readonly keyBytes: number;
  readonly valueBytes: number;
  readonly operations: number;
  readonly inFlight: number;
  readonly repeat: number;
  readonly seed: number;
  /** Options of the engine's `open`. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** Runs and prints the result. */
export async function runPeer(raw: unknown, print: (text: string) => void): Promise<void> {
  const setting = raw as PeerRunSetting;
  const [workload] = findWorkloads([setting.workload]);
  const common = {
    experiment: 'peers',
    variant: setting.store,
    workload: workload!,
    repeat: setting.repeat,
    seed: setting.seed,
    sizes: { operations: setting.operations, inFlight: setting.inFlight },
    rate: null,
  };
  const { keyBytes, valueBytes, seed } = setting;
  const dataOf = (entries: number): GeneratedData =>
    new GeneratedData({ entries, keyBytes, valueBytes, seed });
  const warm = await openPeer(setting, `${setting.directory}-warm`);
  await runWorkload(warm, {
    ...common,
    sizes: { ...common.sizes, operations: WARM_UP_ENTRIES },
    data: dataOf(WARM_UP_ENTRIES),
    counts: false,
  });
  await warm.close();
  const store = await openPeer(setting, setting.directory);
  const result = await runWorkload(store, { ...common, data: dataOf(setting.entries) });
  await store.close();
  print(JSON.stringify(result));
}

async function openPeer(setting: PeerRunSetting, directory: string): Promise<Store> {
  const { durability } = setting;
  switch (setting.store) {
    case 'lsm':
      return EngineStore.open(directory, { ...setting.options, durability });
    case 'classic-level':
      return ClassicLevelStore.open(directory, durability);
    case 'lmdb':
      return LmdbStore.open(directory, durability);
    case 'sqlite':
      return SqliteStore.open(directory, durability);
    default:
      throw new UsageError(`No store is named "${String(setting.store)}".`);
  }
}
