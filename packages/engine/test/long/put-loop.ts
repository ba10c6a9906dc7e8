/**
 * Long run: 5 million synchronous puts in one loop that never lets the event loop run, with each executor; memory has
 * to stay bounded. `node --conditions=@lsm/source test/long/put-loop.ts [puts]`
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { putLoop } from '../support/put-loop.ts';

const puts = Number(process.argv[2] ?? 5_000_000);
for (const executor of ['worker', 'inline'] as const) {
  const directory = mkdtempSync(join(tmpdir(), 'lsm-loop-'));
  const memoryBytes = 64 << 20;
  const report = await putLoop(directory, { puts, executor, memoryBytes, memtableBytes: 8 << 20 });
  rmSync(directory, { recursive: true, force: true });
  console.info(JSON.stringify({ executor, ...report }));
  if (report.missing > 0 || report.growthBytes > 8 * memoryBytes) process.exitCode = 1;
}
