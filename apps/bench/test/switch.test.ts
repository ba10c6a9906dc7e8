/** The chain of switches in small, without a clock in it: right answers, bounded tasks, true forecasts. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open } from '@lsm/engine';
import { afterAll, describe, expect, test } from 'vitest';
import { WorkDirectory } from '../src/run/work-directory.ts';
import { brokenBounds, complaintsOf, costOf } from '../src/switch/bounds.ts';
import { OperationTrace } from '../src/switch/operation-trace.ts';
import { PacedLoad } from '../src/switch/paced-load.ts';
import { walkAllPairs } from '../src/switch/strategy-walk.ts';
import { type ChainResult, SwitchChain, type SwitchStep } from '../src/switch/switch-chain.ts';
import { renderSwitches, switchLine } from '../src/switch/switch-table.ts';

const folder = mkdtempSync(join(tmpdir(), 'lsm-switch-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

const SMALL = { memtableBytes: 24_576, tableBytes: 16_384, memoryBytes: 4 * 2 ** 20 };

describe('a chain of switches', () => {
  test.each([2, 3, 5, 7])('of %d strategies goes through each ordered pair once', (count) => {
    const walk = walkAllPairs(count);
    const pairs = walk.slice(1).map((to, i) => `${walk[i]!} ${to}`);
    expect(new Set(pairs).size).toBe(pairs.length);
    expect(pairs.length).toBe(count * (count - 1));
    for (const pair of pairs) expect(pair).not.toMatch(/^(\d+) \1$/);
  });

  test('keeps every answer, every bound of task size and every forecast, for all pairs of lossless strategies', async () => {
    const directory = new WorkDirectory(folder, false);
    const strategies = (['tiered', 'leveled', 'hybrid', 'unified'] as const).map((name) => ({
      name: name as string,
      setting: name as 'tiered' | { strategy: 'hybrid'; preset: string },
    }));
    const preset = { strategy: 'hybrid', preset: '1-leveling' } as const;
    const chain = new SwitchChain(
      {
        strategies: [...strategies, { name: '1-leveling', setting: preset }],
        entries: 6000,
        valueBytes: 100,
        rate: 0,
        churn: 0.25,
        windowMs: 0,
        seed: 1,
        isStepwise: true,
        open: { ...SMALL, executor: 'inline', maxTasks: 1 },
      },
      directory,
    );
    const result = await chain.run();
    directory.remove();
    expect(result.steps.length).toBe(20);
    expect(complaintsOf(result, false)).toEqual([]);
    expect(result.checkedEntries).toBeGreaterThan(5000);
    const rewritten = result.steps.filter((step) => costOf(step) > 0.1 * step.liveBytes);
    expect(rewritten.length).toBeGreaterThanOrEqual(4);
    expect(renderSwitches(result.steps, false)).toContain('1-leveling → tiered');
    expect(switchLine(result.steps[0]!)).toMatch(/^tiered → leveled: .* rewritten \(forecast /);
    expectNoticed(result);
  }, 120_000);
});

/** What breaks a bound is told. */
function expectNoticed(result: ChainResult): void {
  const step = result.steps.find((other) => costOf(other) > 0.1 * other.liveBytes)!;
  const broken = (changes: Partial<SwitchStep>): readonly string[] =>
    brokenBounds({ ...step, ...changes }, true);
  const { writtenWith, liveBytes, plan } = step;
  const latency = { ...step.before, call: { p50Us: 1, p99Us: 1, p999Us: 10, maxUs: 10 } };
  const slow = { ...latency, call: { ...latency.call, p999Us: 31 } };
  const calm = { before: latency, during: latency };
  expect(broken(calm)).toEqual([]);
  expect(broken({ before: latency, during: slow })).toEqual(['p99.9']);
  expect(broken({ ...calm, writtenWith: 2 * writtenWith + liveBytes })).toEqual(['forecast']);
  expect(broken({ ...calm, largestTaskBytes: 1.01 * plan.maxTaskBytes })).toEqual(['task size']);
  const endless = { ...plan, next: { ...plan.next, isComplete: false } };
  expect(broken({ ...calm, plan: endless })).toEqual(['forecast without end']);
  expect(complaintsOf({ ...result, troubles: ['a failure'] }, false)).toEqual(['a failure']);
}

describe('the load under a switch', () => {
  test('writes at its rate and checks reads; a value that is wrong, missing or too much is noticed', async () => {
    await using db = await open(join(folder, 'load'), { ...SMALL, executor: 'inline' });
    const trace = new OperationTrace(500, 40, 7);
    while (trace.count < 500) await trace.next(db);
    const load = new PacedLoad(db, trace, 2000, 1);
    const { writes, reads, ms } = await load.run((time) => time >= 200);
    expect(writes).toBeGreaterThan(0);
    expect(writes).toBeLessThanOrEqual((2000 * ms) / 1000);
    expect(reads).toBeGreaterThan(0);
    expect(await trace.checkAll(db)).toBe(trace.live);

    const [first] = [...db.keys({ limit: 1 })];
    const value = (await db.get(first!))!;
    await db.put(first!, value.toReversed());
    await expect(trace.checkAll(db)).rejects.toThrow('wrong entry');
    await db.del(first!);
    await expect(trace.checkAll(db)).rejects.toThrow('and there are');
    expect(() => {
      for (let key = 0; key < 500; key++) trace.check(db, key);
    }).toThrow('no value');
    await db.put(first!, value);
    await db.put('intruder of 16 b', value);
    await expect(trace.checkAll(db)).rejects.toThrow('wrong entry');
  });
});
