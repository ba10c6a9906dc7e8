/** Runs the plug-ins of plan.ts under the published engine; the last line that it prints says what came of them. */
import { type OpenOptions, open } from '@lsm/engine';
import { freshOnly, oneRun } from './plan.js';

const options: OpenOptions = { compaction: oneRun(2), filter: freshOnly, memoryBytes: 2 ** 22 };
const db = await open('third-party.db', options);
const reasons: string[] = [];
db.on('compactionEnd', ({ reason }) => reasons.push(reason));
for (let round = 0; round < 3; round++) {
  for (let i = 0; i < 1000; i++) db.putSync(`key ${i}`, `value ${i} of round ${round}`);
  await db.flush();
}
await db.idle();
const { strategy, runs, filters } = db.stats();
const value = db.getSync('key 7')?.toString() ?? '';
await db.close();
console.log([strategy, runs, filters.bitsPerKey[0]?.bits, reasons.join(), value].join(' | '));
