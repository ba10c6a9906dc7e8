/** What the platform itself costs in the same minutes: an await, a durable write. */
import { closeSync, fdatasyncSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { WorkDirectory } from '../run/work-directory.ts';
import { SPEED_FRAME_BYTES, type SpeedRows } from './speed-rows.ts';

const AWAITS = 1_000_000;
const SYNCS = 100;

/** Adds the calibration rows. */
export async function calibrate(rows: SpeedRows, directory: WorkDirectory): Promise<void> {
  const path = directory.next();
  mkdirSync(path);
  const file = openSync(join(path, 'calibration'), 'w');
  const bytes = new Uint8Array(SPEED_FRAME_BYTES);
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
}
