/** What the platform itself costs in the same minutes: a write of the bytes of one put, an await, a durable write. */
import { closeSync, fdatasyncSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { LmdbStore } from '../peers/lmdb-store.ts';
import { peerInstalled } from '../peers/load-peer.ts';
import type { WorkDirectory } from '../run/work-directory.ts';
import { SPEED_ENTRY_BYTES, SPEED_VALUES, SpeedKeys, type SpeedRows } from './speed-rows.ts';

const WRITES = 200_000;
const AWAITS = 1_000_000;
const SYNCS = 100;
const PEER_ENTRIES = 100_000;
/** Header of a frame and of a record beside key and value. */
const OVERHEAD_BYTES = 44;

/** Adds the calibration rows. */
export async function calibrate(rows: SpeedRows, directory: WorkDirectory): Promise<void> {
  const path = directory.next();
  mkdirSync(path);
  const file = openSync(join(path, 'calibration'), 'w');
  const bytes = new Uint8Array(SPEED_ENTRY_BYTES + OVERHEAD_BYTES);
  await rows.time(`(raw writeSync of ${bytes.length} bytes)`, 'os', WRITES, () => {
    for (let i = 0; i < WRITES; i++) writeSync(file, bytes);
  });
  await rows.time('(raw write + fdatasync)', 'fsync', SYNCS, () => {
    for (let i = 0; i < SYNCS; i++) {
      writeSync(file, bytes);
      fdatasyncSync(file);
    }
  });
  closeSync(file);
  const resolved = Promise.resolve();
  await rows.time('(one await)', '–', AWAITS, async () => {
    for (let i = 0; i < AWAITS; i++) await resolved;
  });
  directory.drop(path);
  if (peerInstalled('lmdb')) await calibrateLmdb(rows, directory);
}

async function calibrateLmdb(rows: SpeedRows, directory: WorkDirectory): Promise<void> {
  const path = directory.next();
  const store = await LmdbStore.open(path, 'os');
  const keys = new SpeedKeys();
  for (let i = 0; i < PEER_ENTRIES; i++) {
    const done = store.put(keys.of(i), SPEED_VALUES[i & 63]!);
    if (i % 1000 === 999) await done;
  }
  await store.flush();
  await rows.time(`(lmdb getBinary, owned, ${PEER_ENTRIES} keys)`, '–', PEER_ENTRIES, (round) => {
    for (let i = 0; i < PEER_ENTRIES; i++) {
      store.getSync(keys.of((Math.imul(i + round, 0x9e3779b1) >>> 0) % PEER_ENTRIES));
    }
  });
  await store.close();
  directory.drop(path);
}
