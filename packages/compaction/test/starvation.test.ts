import { isRejection, Simulator, TaskLedger } from '@lsm/compaction';
import type { CompactionStrategy, CompactionTask, Placement } from '@lsm/core';
import { IDLE_STRATEGY as IDLE, treeRun as run, treeTable as table } from '@lsm/testkit';
import { describe, expect, test } from 'vitest';

const shape = { tableBytes: 100 };
const merge = (inputs: readonly number[], to: Placement, score = 1): CompactionTask => ({
  kind: 'merge',
  inputs,
  to,
  shape,
  reason: 'test',
  score,
});

const tree = [
  run(10, 0, [table(1, 'a-c'), table(2, 'd-f'), table(3, 'm-p')]),
  run(11, 1, [table(4, 'a-z')]),
  run(12, 2, [table(5, 'a-z')]),
];

function ledger(starvedPlansMax: number): TaskLedger {
  let next = 100;
  return new TaskLedger({ nextRunId: () => next++, starvedPlansMax });
}

const passedOver = merge([4, 5], { into: 12 });
const favourite = merge([3], { into: 10 });

describe('the override against starvation', () => {
  test('leaves the order to the strategy until urgent work has waited too long', () => {
    const tasks = ledger(3);
    for (let plan = 0; plan < 3; plan++) {
      expect(tasks.order(tree, [favourite, passedOver])).toEqual([favourite, passedOver]);
      tasks.propose(tree, favourite);
      tasks.abort(tasks.running[0]!.id);
    }
    expect(tasks.order(tree, [favourite, passedOver])).toEqual([passedOver, favourite]);
  });

  test('does not count what is not urgent, nor what was started, nor plans without it', () => {
    const idle = merge([4, 5], { into: 12 }, 0.9);
    const tasks = ledger(2);
    for (let plan = 0; plan < 5; plan++) tasks.order(tree, [favourite, idle]);
    expect(tasks.order(tree, [favourite, idle])).toEqual([favourite, idle]);
    const started = ledger(2);
    for (let plan = 0; plan < 5; plan++) {
      expect(started.order(tree, [favourite, passedOver])[0]).toBe(favourite);
      for (const task of [passedOver, favourite]) {
        const answer = started.propose(tree, task);
        if (isRejection(answer)) throw new Error(answer.message);
        started.abort(answer.id);
      }
    }
    const paused = ledger(2);
    for (let plan = 0; plan < 9; plan++) {
      const plans = plan % 2 === 0 ? [favourite, passedOver] : [favourite];
      expect(paused.order(tree, plans)[0]).toBe(favourite);
    }
  });

  test('holds the place of a starved task that running tasks keep out', () => {
    const tasks = ledger(1);
    const low = merge([1, 4], { into: 11 });
    tasks.propose(tree, low);
    const blocker = merge([2, 4], { into: 11 }, 0.5);
    for (let plan = 0; plan < 2; plan++) tasks.order(tree, [blocker, passedOver]);
    // A task that stays above is not in the way of runs 11 and 12.
    const above = merge([3], { into: 10 });
    const ordered = tasks.order(tree, [blocker, above, passedOver]);
    expect(ordered).not.toContain(passedOver);
    expect(ordered).not.toContain(blocker);
    expect(ordered).toContain(above);
    tasks.abort(tasks.running[0]!.id);
    expect(tasks.order(tree, [blocker, passedOver])[0]).toBe(passedOver);
  });

  test.each([
    [16, true],
    [Number.POSITIVE_INFINITY, false],
  ])('serves an old run that would never be reached (after %d plans: %s)', (plans, serves) => {
    const greedy: CompactionStrategy = {
      ...IDLE,
      name: 'greedy',
      plan({ runs }) {
        if (runs.length < 3) return { tasks: [] };
        const pair = (from: number): CompactionTask => {
          const inputs = runs
            .slice(from, from + 2)
            .flatMap((one) => one.tables.map(({ id }) => id));
          return merge(inputs, { into: runs[from + 1]!.id });
        };
        return { tasks: [pair(0), pair(runs.length - 2)] };
      },
    };
    const simulator = new Simulator(greedy, {
      keyCount: 60,
      flushEntries: 1,
      settles: false,
      starvedPlansMax: plans,
    });
    let served = 0;
    for (let key = 0; key < 60; key++) {
      simulator.put(key);
      // The first runs pile up, so that there is more than one pair.
      if (key < 6) continue;
      const bytes = simulator.runs.at(-1)!.tables[0]!.bytes;
      simulator.plan();
      simulator.step();
      if (simulator.runs.at(-1)!.tables[0]!.bytes > bytes) served++;
    }
    expect(served > 0).toBe(serves);
  });
});
