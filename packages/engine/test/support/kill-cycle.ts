/**
 * One database, killed again and again: a process writes and reports each acknowledged write before the next one; it
 * is killed at some report; the next process opens what is left, checks all of it and goes on.
 *
 * Write number n sets `k<n mod 500>` to `<n>:<filler>`; batch number n sets 8 keys `b<n mod 50>-<0…7>` to n. So the
 * expected state after m writes is known without remembering anything but m.
 */
import { type Db, open } from '@lsm/engine';
import { runScript, watch } from './child.ts';

const text = (value: Uint8Array | undefined): string | undefined =>
  value === undefined ? undefined : Buffer.from(value).toString();

/** How the killed process writes. */
type WriteMode = 'await' | 'sync' | 'batch';

const OPTIONS = { memoryBytes: 1 << 20, memtableBytes: 65_536, tableBytes: 65_536 };

/** Figures of a run of cycles. */
export interface KillReport {
  cycles: number;
  acknowledged: number;
  lost: number;
  halves: number;
  /** Writes that survived without having been reported. */
  unreported: number;
}

/** Runs `cycles` kills on one directory. */
export async function killCycles(directory: string, cycles: number): Promise<KillReport> {
  const report: KillReport = { cycles: 0, acknowledged: 0, lost: 0, halves: 0, unreported: 0 };
  const modes: WriteMode[] = ['await', 'sync', 'batch'];
  let next = 1;
  for (let cycle = 0; cycle < cycles; cycle++) {
    const stopAfter = 50 + ((cycle * 977) % 2500);
    const acknowledged = await writeAndDie(directory, modes[cycle % 3]!, next, stopAfter);
    report.acknowledged += acknowledged - next + 1;
    const db = await open(directory, OPTIONS);
    const survived = check(db, acknowledged, report);
    report.unreported += survived - acknowledged;
    next = survived + 1;
    report.cycles++;
    if (cycle % 2 === 0) await db.close();
    else await abandon(db);
  }
  return report;
}

/** Writes until a report says that `count` more are acknowledged, then kills; the last acknowledged number. */
async function writeAndDie(
  directory: string,
  mode: WriteMode,
  first: number,
  count: number,
): Promise<number> {
  const write = {
    await: 'await db.put(`k${n % 500}`, `${n}:${filler}`);',
    sync: 'db.putSync(`k${n % 500}`, `${n}:${filler}`);',
    batch: `await db.batch([
      { type: 'put', key: \`k\${n % 500}\`, value: \`\${n}:\${filler}\` },
      ...Array.from({ length: 8 }, (_, i) => ({ type: 'put', key: \`b\${n % 50}-\${i}\`, value: String(n) })),
    ]);`,
  }[mode];
  const child = runScript(
    directory,
    `const db = await open(path, ${JSON.stringify(OPTIONS)});
     const filler = 'x'.repeat(100);
     for (let n = ${first}; ; n++) { ${write} say(String(n)); }`,
  );
  let last = first - 1;
  const { errors, signal } = await watch(child, (line) => {
    last = Number(line);
    if (last - first >= count) child.kill('SIGKILL');
  });
  if (signal !== 'SIGKILL') throw new Error(`The writer ended by itself: ${errors}`);
  return last;
}

/** Compares what is there with what was acknowledged; returns the number of the last write that survived. */
function check(db: Db, acknowledged: number, report: KillReport): number {
  let survived = 0;
  const newest = new Map<number, number>();
  for (const [key, value] of db.entries({ prefix: 'k' })) {
    const n = Number(text(value)!.split(':')[0]);
    newest.set(Number(text(key)!.slice(1)), n);
    survived = Math.max(survived, n);
  }
  for (let n = Math.max(1, acknowledged - 499); n <= acknowledged; n++) {
    if ((newest.get(n % 500) ?? 0) < n) report.lost++;
  }
  for (let group = 0; group < 50; group++) {
    const values = new Set<string | undefined>();
    for (let i = 0; i < 8; i++) values.add(text(db.getSync(`b${group}-${i}`)));
    if (values.size !== 1) report.halves++;
  }
  return Math.max(survived, acknowledged);
}

/** Lets go of a database as a crash would: what it still does in the background is cut off by close. */
async function abandon(db: Db): Promise<void> {
  void db.compact().catch(() => undefined);
  await db.close();
}
