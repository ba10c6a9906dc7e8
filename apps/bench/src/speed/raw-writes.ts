/** The floor of every write that reaches the system: one `writeSync` of the bytes of one put. */
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { WorkDirectory } from '../run/work-directory.ts';
import { SPEED_FRAME_BYTES, type SpeedTask } from './speed-rows.ts';

/** A task that writes into a fresh file in each round. */
export function rawWrites(directory: WorkDirectory, operations: number): SpeedTask {
  const path = directory.next();
  const bytes = new Uint8Array(SPEED_FRAME_BYTES);
  let file: number;
  return {
    name: `(raw writeSync of ${bytes.length} bytes)`,
    durability: 'os',
    operations,
    async before() {
      mkdirSync(path);
      file = openSync(join(path, 'raw'), 'w');
    },
    work() {
      for (let i = 0; i < operations; i++) {
        writeSync(file, bytes, 0, SPEED_FRAME_BYTES, i * SPEED_FRAME_BYTES);
      }
    },
    async after() {
      closeSync(file);
      directory.drop(path);
    },
  };
}
