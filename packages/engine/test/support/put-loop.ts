/** Synchronous puts in one loop that never yields, and what they take. */
import { type OpenOptions, open } from '@lsm/engine';

/** What came of it. */
export interface PutLoopReport {
  /** Growth of the process over the loop, bytes, at its highest. */
  growthBytes: number;
  /** Most memtables that waited for their flush at once. */
  waiting: number;
  /** Most runs of the tree at once. */
  runs: number;
  missing: number;
  flushes: number;
}

/** Puts `puts` keys in pseudo-random order, samples memory, and reads a sample back. */
export async function putLoop(
  directory: string,
  { puts, ...options }: OpenOptions & { readonly puts: number },
): Promise<PutLoopReport> {
  const db = await open(directory, options);
  const report: PutLoopReport = { growthBytes: 0, waiting: 0, runs: 0, missing: 0, flushes: 0 };
  const value = Buffer.alloc(100, 'v');
  const key = Buffer.alloc(8);
  const before = process.memoryUsage().rss;
  for (let i = 0; i < puts; i++) {
    key.writeUInt32BE(Math.imul(i, 2_654_435_761) >>> 0);
    value.writeUInt32LE(i);
    db.putSync(key, value);
    if ((i & 16_383) !== 0) continue;
    const stats = db.stats();
    report.growthBytes = Math.max(report.growthBytes, process.memoryUsage().rss - before);
    report.waiting = Math.max(report.waiting, stats.unflushedMemtables);
    report.runs = Math.max(report.runs, stats.runs);
  }
  for (let i = 0; i < puts; i += 97) {
    key.writeUInt32BE(Math.imul(i, 2_654_435_761) >>> 0);
    const found = db.getSync(key);
    if (found === undefined || Buffer.from(found).readUInt32LE() !== i) report.missing++;
  }
  report.flushes = db.stats().counters.flushes;
  await db.close();
  return report;
}
