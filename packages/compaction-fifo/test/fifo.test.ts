import { Simulator } from '@lsm/compaction';
import { type FifoSettings, fifo, timeWindow } from '@lsm/compaction-fifo';
import type { CompactionStrategy } from '@lsm/core';
import { treeRun, treeSnapshot, treeTable } from '@lsm/testkit';
import { describe, expect, test } from 'vitest';

const MINUTE = 60_000;

/** A flush of ten keys a minute, ascending. */
function fill(strategy: CompactionStrategy, flushes: number, more = {}): Simulator {
  const simulator = new Simulator(strategy, {
    keyCount: 10 * flushes,
    flushEntries: 10,
    flushMs: MINUTE,
    ...more,
  });
  for (let key = 0; key < 10 * flushes; key++) simulator.put(key);
  return simulator;
}

/** The same ten keys, over and over. */
function overwrite(strategy: CompactionStrategy, flushes: number): Simulator {
  const simulator = new Simulator(strategy, { keyCount: 10, flushEntries: 10, flushMs: MINUTE });
  for (let i = 0; i < 10 * flushes; i++) simulator.put(i % 10);
  return simulator;
}

describe('fifo', () => {
  test('merges nothing and drops nothing by itself', () => {
    const simulator = fill(fifo(), 30);
    expect(simulator.stats).toMatchObject({ runs: 30, writeAmplification: 1, tasks: 0 });
    expect(simulator.get(0)).toBe(1);
  });

  test('drops tables whose newest write is too old, unread', () => {
    const simulator = fill(fifo({ maxAgeMs: 10 * MINUTE }), 30);
    expect(simulator.runs.length).toBe(10);
    expect(simulator.stats.writeAmplification).toBe(1);
    expect([simulator.get(199), simulator.get(200)]).toEqual([-1, 201]);
  });

  test('drops when time has passed and someone asks', () => {
    const simulator = fill(fifo({ maxAgeMs: 10 * MINUTE }), 5);
    simulator.advance(8 * MINUTE);
    simulator.settle();
    expect(simulator.runs.length).toBe(2);
    simulator.advance(100 * MINUTE);
    simulator.settle();
    expect(simulator.runs.length).toBe(0);
  });

  test('keeps a size by dropping the oldest', () => {
    const simulator = fill(fifo({ maxBytes: 75 }), 30);
    expect(simulator.stats.treeBytes).toBe(70);
    expect([simulator.get(229), simulator.get(230)]).toEqual([-1, 231]);
  });

  test('drops no more of a large run of another strategy than it has to', () => {
    const tables = Array.from({ length: 10 }, (_, i) =>
      treeTable(10 + i, `${i}-${i}`, { newestWriteAt: ((i * 7) % 10) * MINUTE }),
    );
    const tree = treeSnapshot([treeRun(1, 0, [treeTable(1, '0-9')]), treeRun(2, 6, tables)]);
    const { tasks } = fifo({ maxBytes: 850 }).plan(tree, null);
    // 1,100 bytes in tables of 100: the three that were written first go.
    expect(tasks).toEqual([{ kind: 'drop', inputs: [10, 13, 16], reason: 'too much', score: 2 }]);
    const { tasks: windows } = timeWindow({ maxBytes: 850, windowMs: MINUTE }).plan(tree, null);
    expect(windows[0]).toMatchObject({ kind: 'drop', inputs: tables.map(({ id }) => id) });
  });

  test('never lets an older version come back', () => {
    for (const settings of [{ maxAgeMs: 5 * MINUTE }, { maxBytes: 45 }]) {
      const simulator = overwrite(fifo(settings), 40);
      for (let key = 0; key < 10; key++) {
        expect(simulator.get(key)).toBe(390 + key + 1);
      }
      simulator.advance(3 * MINUTE);
      simulator.settle();
      expect(simulator.get(0)).toBe(391);
    }
  });

  test('leaves a table that hides older ones which stay', () => {
    // An old write over a newer one can't be; but a merge by another strategy can leave a younger table below.
    const simulator = overwrite(fifo(), 3);
    const [newest, middle, oldest] = simulator.runs.map((run) => run.tables[0]!);
    const tree = simulator.tree();
    const aged = {
      ...tree,
      now: 100 * MINUTE,
      runs: tree.runs.map((run, row) => ({
        ...run,
        tables: [
          { ...[newest!, middle!, oldest!][row]!, newestWriteAt: row === 1 ? 99 * MINUTE : 0 },
        ],
      })),
    };
    const { tasks } = fifo({ maxAgeMs: 50 * MINUTE }).plan(aged, null);
    expect(tasks.map((task) => [task.kind, task.inputs])).toEqual([['drop', [oldest!.id]]]);
  });

  test('says that it loses data', () => {
    expect(fifo().lossy).toBe(true);
    expect(timeWindow().lossy).toBe(true);
    expect(() => fifo({ maxAge: 1 } as Partial<FifoSettings>)).toThrow(/maxAgeMs/);
    expect(() => fifo({ slowdownRuns: 9, stopRuns: 9 })).toThrow(/stopRuns/);
  });
});

describe('timeWindow', () => {
  const windows = { windowMs: 10 * MINUTE, maxAgeMs: 60 * MINUTE };

  test('merges what was written in one window, and drops windows as wholes', () => {
    const simulator = fill(timeWindow(windows), 200);
    expect(simulator.runs.length).toBeLessThanOrEqual(7 + 4);
    expect(simulator.get(1999)).toBe(2000);
    expect(simulator.get(1200)).toBe(-1);
    for (const run of simulator.runs) {
      const oldest = Math.min(...run.tables.map((table) => table.oldestWriteAt));
      const newest = Math.max(...run.tables.map((table) => table.newestWriteAt));
      expect(Math.floor(newest / windows.windowMs)).toBe(Math.floor(oldest / windows.windowMs));
    }
  });

  test('writes overwrites a few times each, within their windows', () => {
    const simulator = overwrite(timeWindow(windows), 200);
    expect(simulator.stats.writeAmplification).toBeLessThan(3);
    expect(simulator.get(3)).toBe(1994);
  });

  test('merges a large window in pieces', () => {
    const strategy = timeWindow({ windowMs: 1000 * MINUTE });
    const simulator = new Simulator(strategy, {
      keyCount: 3000,
      flushEntries: 30,
      tableEntries: 10,
      flushMs: MINUTE,
      maxTaskEntries: 750,
    });
    for (let i = 0; i < 3000 * 9; i++) simulator.put((i * 7919) % 3000);
    simulator.advance(2000 * MINUTE);
    simulator.settle();
    expect(simulator.stats.runs).toBe(1);
    expect(simulator.get(7919 % 3000)).toBeGreaterThan(3000 * 8);
  });

  test('can be had with other settings', () => {
    const other = timeWindow(windows).withSettings?.({ maxAgeMs: 5 });
    expect(other).toMatchObject({ name: 'time-window', lossy: true });
    expect(other?.settings).toMatchObject({ windowMs: 10 * MINUTE, maxAgeMs: 5 });
  });
});
