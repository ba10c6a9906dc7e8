import { admit, type RunningTask, type RunView } from '@lsm/compaction';
import type { CompactionTask, Placement } from '@lsm/core';
import { treeRun as run, treeTable as table } from '@lsm/testkit';
import { describe, expect, test } from 'vitest';

const shape = { tableBytes: 100 };

function merge(inputs: readonly number[], to: Placement): CompactionTask {
  return { kind: 'merge', inputs, to, shape, reason: 'test', score: 1 };
}

function move(inputs: readonly number[], to: Placement): CompactionTask {
  return { kind: 'move', inputs, to, reason: 'test', score: 1 };
}

function running(inputs: readonly number[], target: number, kind: RunningTask['kind'] = 'merge') {
  return { id: 77, kind, inputs, target, inputBytes: 100 * inputs.length };
}

/** L0 with two runs, one run at level 1 of three tables, one at level 2 of two. */
const tree: readonly RunView[] = [
  run(10, 0, [table(1, 'c-m')]),
  run(11, 0, [table(2, 'a-f')]),
  run(12, 1, [table(3, 'a-d'), table(4, 'e-k'), table(5, 'm-p')]),
  run(13, 2, [table(6, 'b-g'), table(7, 'q-z')]),
];

const ruleOf = (
  task: CompactionTask,
  others: readonly RunningTask[] = [],
  context: Parameters<typeof admit>[3] = {},
): string | null => admit(tree, others, task, context)?.rule ?? null;

describe('admit', () => {
  test('admits an ordinary leveled merge of wider tables below', () => {
    expect(ruleOf(merge([1, 2, 3, 4, 5], { into: 12 }))).toBe(null);
    expect(ruleOf(merge([3, 6], { into: 13 }))).toBe(null);
  });

  test('admit-A1: inputs exist, once each, idle, and the task is well-formed', () => {
    expect(ruleOf(merge([1, 99], { into: 12 }))).toBe('A1');
    expect(ruleOf(merge([5, 5], { into: 12 }))).toBe('A1');
    expect(ruleOf(merge([], { into: 12 }))).toBe('A1');
    expect(ruleOf(merge([5], { into: 13 }), [running([5], 13)])).toBe('A1');
    const broken: unknown[] = [
      null,
      7,
      {},
      { kind: 'merge' },
      { kind: 'explode', inputs: [5] },
      { kind: 'merge', inputs: 'all', to: { into: 13 }, shape },
      { kind: 'merge', inputs: [5], to: null, shape },
      { kind: 'merge', inputs: [5], to: {}, shape },
      { kind: 'merge', inputs: [5], to: { newRun: { level: -1, before: 13 } }, shape },
      { kind: 'merge', inputs: [5], to: { newRun: { level: 1.5, before: 13 } }, shape },
      { kind: 'merge', inputs: [5], to: { into: 13 }, shape: { tableBytes: Number.NaN } },
      { kind: 'merge', inputs: [5], to: { into: 13 } },
    ];
    for (const task of broken) expect(ruleOf(task as CompactionTask)).toBe('A1');
  });

  test('admit-A2: no input jumps over a table that overlaps it, downwards or upwards', () => {
    expect(ruleOf(merge([1, 3, 4, 5], { into: 12 }))).toBe('A2');
    expect(ruleOf(merge([6], { newRun: { level: 1, before: 12 } }))).toBe('A2');
    expect(ruleOf(move([7], { newRun: { level: 1, before: 12 } }))).toBe(null);
  });

  test('admit-A3: outputs fit beside the tables of the target, bounds inclusive, tags in order', () => {
    expect(ruleOf(merge([1, 2, 3, 4], { into: 12 }))).toBe('A3');
    expect(ruleOf(merge([3, 5], { into: 12 }))).toBe('A3');
    expect(ruleOf(merge([5], { into: 99 }))).toBe('A3');
    expect(ruleOf(merge([5], { newRun: { level: 0, before: 13 } }))).toBe('A3');
    expect(ruleOf(merge([5], { newRun: { level: 3, before: 13 } }))).toBe('A3');
    expect(ruleOf(merge([5], { newRun: { level: 2, before: 98 } }))).toBe('A3');
    const rewrite: CompactionTask = {
      kind: 'rewrite',
      inputs: [3, 6],
      shape,
      reason: '',
      score: 1,
    };
    expect(ruleOf(rewrite)).toBe('A3');
  });

  test('admit-A3: the range of a table includes its range tombstones', () => {
    const wide = [run(1, 0, [table(1, 'a-*')]), run(2, 1, [table(2, 'c-d'), table(3, 'x-y')])];
    expect(admit(wide, [], merge([1, 2], { into: 2 }))?.rule).toBe('A3');
    expect(admit(wide, [], merge([1, 2, 3], { into: 2 }))).toBe(null);
  });

  test('admit-A4: regions of running tasks do not meet', () => {
    // Running: table 4 down to run 13. Its staircase crosses e–k in both rows, its hull there is b–k.
    const others = [running([4, 6], 13)];
    expect(ruleOf(merge([5], { into: 13 }), others)).toBe(null);
    expect(ruleOf(move([3], { into: 12 }), others)).toBe('A5');
    expect(ruleOf(merge([3], { newRun: { level: 2, before: 13 } }), others)).toBe(null);
    expect(ruleOf(merge([3, 7], { newRun: { level: 2, before: null } }), others)).toBe('A2');
    const reserved = [run(20, 0, [table(1, 'a-c')]), run(21, 0, [table(2, 'a-c')]), run(22, 1, [])];
    const first = [running([2], 22)];
    expect(admit(reserved, first, merge([1], { newRun: { level: 0, before: 21 } }))).toBe(null);
    expect(admit(reserved, first, merge([1], { into: 22 }))?.rule).toBe('A2');
    const gap = [run(30, 0, [table(1, 'a'), table(2, 'm'), table(3, 'z')]), run(31, 1, [])];
    expect(admit(gap, [running([1, 3], 31)], move([2], { into: 31 }))?.rule).toBe('A4');
    expect(admit(gap, [running([1, 3], 31, 'move')], move([2], { into: 31 }))).toBe(null);
  });

  test('admit-A5: what is moved together is disjoint, and goes somewhere else', () => {
    const free = [run(1, 0, [table(1, 'a-f')]), run(2, 0, [table(2, 'c-g')]), run(3, 1, [])];
    expect(admit(free, [], move([1, 2], { into: 3 }))?.rule).toBe('A5');
    expect(admit(free, [], merge([1, 2], { into: 3 }))).toBe(null);
    expect(admit(free, [], move([1], { into: 1 }))?.rule).toBe('A5');
  });

  test('admit-A6: drops need a tree that allows loss, and leave nothing older behind', () => {
    const drop = (inputs: readonly number[]): CompactionTask => ({
      kind: 'drop',
      inputs,
      reason: 'test',
      score: 1,
    });
    expect(ruleOf(drop([7]))).toBe('A6');
    expect(ruleOf(drop([7]), [], { lossy: true })).toBe(null);
    expect(ruleOf(drop([4]), [], { lossy: true })).toBe('A6');
    expect(ruleOf(drop([4, 6]), [], { lossy: true })).toBe(null);
  });

  test('admit-A7: outputs fit on the disk, beside those of running tasks and a reserve', () => {
    const task = merge([5], { into: 13 });
    expect(ruleOf(task, [], { freeDiskBytes: 100 })).toBe(null);
    expect(ruleOf(task, [], { freeDiskBytes: 99 })).toBe('A7');
    expect(ruleOf(task, [], { freeDiskBytes: 100, reserveBytes: 1 })).toBe('A7');
    expect(ruleOf(task, [running([3], 12)], { freeDiskBytes: 150 })).toBe('A7');
    expect(ruleOf(move([5], { into: 13 }), [], { freeDiskBytes: 0 })).toBe(null);
  });

  test('says in a sentence what is wrong', () => {
    const rejection = admit(tree, [], merge([1], { into: 12 }));
    expect(rejection).toEqual({ rule: 'A2', message: 'Table 1 would jump over table 2.' });
  });
});
