/** The override against starvation, in a database: the order of its tasks is not the strategy's alone. */
import type { CompactionStrategy, CompactionTask, TreeSnapshot } from '@lsm/core';
import { expect, test } from 'vitest';
import { openInMemory, pairs } from './support/open.ts';

const RUNS = 40;
/** Plans that urgent work may be passed over (starvation-guard.ts). */
const PASSED_OVER_MAX = 16;

/** Merges the newest two runs before the oldest two, as long as there are more than two. */
function greedy(score: number): CompactionStrategy {
  const pair = ({ runs, limits }: TreeSnapshot, from: number, reason: string): CompactionTask => ({
    kind: 'merge',
    inputs: runs.slice(from, from + 2).flatMap(({ tables }) => tables.map(({ id }) => id)),
    to: { into: runs[from + 1]!.id },
    shape: { tableBytes: limits.tableBytes },
    reason,
    score,
  });
  const plan = (snapshot: TreeSnapshot): readonly CompactionTask[] => {
    const { length } = snapshot.runs;
    return length < 4 ? [] : [pair(snapshot, 0, 'newest'), pair(snapshot, length - 2, 'oldest')];
  };
  return {
    name: 'greedy',
    formatVersion: 1,
    settings: { score },
    plan: (snapshot) => ({ tasks: plan(snapshot) }),
    assess: (snapshot) => ({
      debtBytes: 0,
      pressure: 0,
      delay: 'none',
      quiescent: snapshot.inProgress.length === 0 && plan(snapshot).length === 0,
    }),
  };
}

test.each([
  ['urgent work that a strategy always puts last is done after some plans', 1],
  ['work that is not urgent stays where the strategy puts it', 0.5],
])('%s', async (_, score) => {
  const db = await openInMemory({ compaction: greedy(score), maxTasks: 1 });
  await db.compaction.pause();
  const expected: string[] = [];
  for (let run = 0; run < RUNS; run++) {
    db.putSync('key', `${run}`);
    db.putSync(`k${10 + run}`, `${run}`);
    expected.push(`k${10 + run}=${run}`);
    await db.flush();
  }
  const reasons: string[] = [];
  db.on('compactionBegin', ({ reason }) => reasons.push(reason));
  db.compaction.resume();
  await db.idle();
  expect(reasons).toHaveLength(RUNS - 3);
  const first = reasons.indexOf('oldest');
  if (score < 1) expect(first).toBe(-1);
  else expect(first).toBe(PASSED_OVER_MAX);
  expect(pairs(db)).toEqual([...expected, `key=${RUNS - 1}`]);
  expect(db.compaction.strategy.name).toBe('greedy');
});
