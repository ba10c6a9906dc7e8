/**
 * Rows of the calls that other stores have too, a round of each store in turn: the same keys and values, the same
 * minutes. Every store hands its writes to the operating system and syncs nothing; all values are read as copies that
 * the caller owns. The engine's memtable takes all its puts; its gets are of tables.
 */
import { type Db, open } from '@lsm/engine';
import { ClassicLevelStore } from '../peers/classic-level-store.ts';
import { LmdbStore } from '../peers/lmdb-store.ts';
import { peerInstalled } from '../peers/load-peer.ts';
import { SqliteStore } from '../peers/sqlite-store.ts';
import type { WorkDirectory } from '../run/work-directory.ts';
import type { Store } from '../stores/store.ts';
import { openTables } from './open-tables.ts';
import { rawWrites } from './raw-writes.ts';
import {
  SpeedKeys,
  type SpeedRows,
  type SpeedTask,
  scattered,
  speedValue as value,
} from './speed-rows.ts';

const ROUNDS = 5;
const SMALL_ENTRIES = 100_000;
const LOOKUPS = 100_000;
const BATCH = 1000;
const BATCHED = 50 * BATCH;
/** Name of the floor among the stores. */
export const RAW_WRITE = 'raw writeSync';
/** Numbers of the keys that come in batches. */
const ENTRIES_APART = 10_000_000;
/** Puts of a round; the engine's. */
const PUTS = 50_000;
/** Operations of a round of a peer whose calls take tens of µs or more. */
const SLOW_PUTS = 1000;
const SLOW_GETS = 5000;

const keys = new SpeedKeys();

/** Names of the peers that are there and of those that aren't. */
export function findPeers(): { readonly there: string[]; readonly missing: string[] } {
  const packages = ['lmdb', 'classic-level'];
  return {
    there: [...packages.filter(peerInstalled), 'node:sqlite'],
    missing: packages.filter((name) => !peerInstalled(name)),
  };
}

/** Adds the rows. */
export async function measurePeers(
  rows: SpeedRows,
  directory: WorkDirectory,
  entries: number,
): Promise<void> {
  const { there } = findPeers();
  await comparePuts(rows, directory, there);
  await compareGets(rows, directory, there, SMALL_ENTRIES);
  await compareGets(rows, directory, there, entries);
}

async function comparePuts(
  rows: SpeedRows,
  directory: WorkDirectory,
  peers: readonly string[],
): Promise<void> {
  const path = directory.next();
  const db = await open(path, { memoryBytes: 1 << 30, memtableBytes: 512 << 20 });
  const stores = await openPeers(peers, directory);
  const call = { name: 'await put, one by one', durability: 'os' };
  const puts = tasks(
    { ...call, operations: PUTS, work: (round) => putAll(db, PUTS, round * PUTS) },
    stores,
    {
      operations: SLOW_PUTS,
      work: (store, round) => putEach(store, SLOW_PUTS, round * PUTS),
    },
  );
  const floor = { ...rawWrites(directory, PUTS), ...call, store: RAW_WRITE };
  await rows.inTurns([floor, ...puts], ROUNDS);
  const batch = { name: `batch of ${BATCH}, per entry`, durability: 'os', operations: BATCHED };
  await rows.inTurns(
    tasks({ ...batch, work: (round) => batchEach(db, round) }, stores, {
      operations: BATCHED,
      work: batchEach,
    }),
    ROUNDS,
  );
  await db.close();
  directory.drop(path);
  await closePeers(stores, directory);
}

async function putEach(store: Store, count: number, first: number): Promise<void> {
  for (let i = 0; i < count; i++) await store.put(keys.of(first + i), value(i));
}

async function batchEach(store: Pick<Store, 'batch'>, round: number): Promise<void> {
  const first = ENTRIES_APART + round * BATCHED;
  for (let i = 0; i < BATCHED; i += BATCH) await store.batch(entriesFrom(first + i));
}

async function putAll(db: Db, count: number, first: number): Promise<void> {
  for (let i = 0; i < count; i++) await db.put(keys.of(first + i), value(i));
}

async function compareGets(
  rows: SpeedRows,
  directory: WorkDirectory,
  peers: readonly string[],
  entries: number,
): Promise<void> {
  const { db, path } = await openTables(directory, entries);
  const stores = await openPeers(peers, directory);
  for (const store of stores) await fill(store, entries);
  const place = (i: number, round: number): number => scattered(i + round * LOOKUPS, entries);
  const row = (name: string) => ({
    name: `${name}, ${entries} keys`,
    durability: '–',
    operations: LOOKUPS,
  });
  const get = (round: number): void => {
    for (let i = 0; i < LOOKUPS; i++) db.getSync(keys.of(place(i, round)));
  };
  const peerGet = (store: Store, round: number): void => {
    for (let i = 0; i < LOOKUPS; i++) store.getSync!(keys.of(place(i, round)));
  };
  const miss = (round: number): void => {
    for (let i = 0; i < LOOKUPS; i++) db.getSync(keys.missing(place(i, round)));
  };
  const peerMiss = (store: Store, round: number): void => {
    for (let i = 0; i < LOOKUPS; i++) store.getSync!(keys.missing(place(i, round)));
  };
  const awaitGet = async (round: number): Promise<void> => {
    for (let i = 0; i < LOOKUPS; i++) await db.get(keys.of(place(i, round)));
  };
  const peerAwaitGet = async (store: Store, round: number): Promise<void> => {
    for (let i = 0; i < SLOW_GETS; i++) await store.get(keys.of(place(i, round)));
  };
  const calls = [
    tasks({ ...row('getSync'), work: get }, stores, { operations: LOOKUPS, work: peerGet }),
    tasks({ ...row('getSync of missing keys'), work: miss }, stores, {
      operations: LOOKUPS,
      work: peerMiss,
    }),
    tasks({ ...row('await get'), work: awaitGet }, stores, {
      operations: SLOW_GETS,
      work: peerAwaitGet,
    }),
  ];
  for (const call of calls) await rows.inTurns(call, ROUNDS);
  await db.close();
  directory.drop(path);
  await closePeers(stores, directory);
}

/** The engine's task and the peers'. */
function tasks(
  engine: SpeedTask,
  stores: readonly Store[],
  peer: {
    readonly operations: number;
    readonly work: (store: Store, round: number) => void | Promise<void>;
  },
): SpeedTask[] {
  const { name, durability } = engine;
  return [
    engine,
    ...stores.map((store) => ({
      name,
      durability,
      store: store.name,
      operations: peer.operations,
      work: (round: number) => peer.work(store, round),
    })),
  ];
}

/** Opens a new database of each peer. */
async function openPeers(names: readonly string[], directory: WorkDirectory): Promise<Store[]> {
  const stores: Store[] = [];
  for (const name of names) {
    const path = directory.next();
    if (name === 'lmdb') stores.push(await LmdbStore.open(path, 'os'));
    else if (name === 'classic-level') stores.push(await ClassicLevelStore.open(path, 'os'));
    else stores.push(await SqliteStore.open(path, 'os'));
  }
  return stores;
}

async function closePeers(stores: readonly Store[], directory: WorkDirectory): Promise<void> {
  for (const store of stores) {
    await store.close();
    directory.drop(store.directory);
  }
}

async function fill(store: Store, entries: number): Promise<void> {
  for (let i = 0; i < entries; i += BATCH) {
    await store.batch(entriesFrom(i, Math.min(BATCH, entries - i)));
  }
  await store.flush();
}

function entriesFrom(first: number, count = BATCH) {
  return Array.from({ length: count }, (_, i) => ({
    type: 'put' as const,
    key: keys.of(first + i).slice(),
    value: value(i),
  }));
}
