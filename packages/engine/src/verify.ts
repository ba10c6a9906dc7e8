/** `db.verify()`: reads every byte of the live tables and compares them with what the manifest says. */
import { corruption } from '@lsm/core';
import type { Core } from './database-core.ts';

/** What was checked. */
export interface VerifyReport {
  readonly tables: number;
  readonly blocks: number;
  readonly bytes: number;
}

/** Checks all tables of the present version, yielding to the event loop between tables. */
export async function verifyDatabase(core: Core): Promise<VerifyReport> {
  const pinned = core.pinSources();
  let tables = 0;
  let blocks = 0;
  let bytes = 0;
  try {
    for (const run of pinned.view.runs) {
      for (const { table, metadata, path } of run.files) {
        const checked = table.verifyAll();
        if (table.properties.entries !== metadata.entries) {
          throw corruption(
            `The table holds ${table.properties.entries} entries, the manifest says ${metadata.entries}`,
            path,
          );
        }
        tables++;
        blocks += checked.blocks;
        bytes += checked.bytes;
        await new Promise<void>((resolve) => core.clock.defer(resolve));
        core.checkOpen();
      }
    }
  } finally {
    core.releaseSources(pinned);
  }
  return { tables, blocks, bytes };
}
