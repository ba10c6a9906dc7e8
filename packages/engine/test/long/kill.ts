/** Long run: sixty kills of writing processes on one database. `node --conditions=@lsm/source test/long/kill.ts [cycles]` */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { killCycles } from '../support/kill-cycle.ts';

const directory = mkdtempSync(join(tmpdir(), 'lsm-kill-'));
const report = await killCycles(directory, Number(process.argv[2] ?? 60));
rmSync(directory, { recursive: true, force: true });
console.info(JSON.stringify(report));
if (report.lost + report.halves > 0) process.exitCode = 1;
