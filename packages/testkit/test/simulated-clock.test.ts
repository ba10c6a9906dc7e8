import { seededRandom } from '@lsm/core';
import { SimulatedClock } from '@lsm/testkit';
import { describe, expect, it } from 'vitest';

describe('SimulatedClock', () => {
  it('runs tasks when they are due and lets time pass meanwhile', async () => {
    const clock = new SimulatedClock();
    const start = clock.now();
    const ran: string[] = [];
    clock.after(20, () => ran.push(`late ${clock.elapsed()}`));
    clock.defer(() => ran.push(`soon ${clock.elapsed()}`));
    const cancel = clock.after(10, () => ran.push('never'));
    cancel();
    while (clock.step());
    expect(ran).toEqual(['soon 0', 'late 20']);
    expect(clock.now() - start).toBe(20);
    expect(clock.pending).toBe(0);
  });

  it('runs a promise to its end, and reports a deadlock', async () => {
    const clock = new SimulatedClock();
    const sleep = (ms: number): Promise<void> => new Promise((resolve) => clock.after(ms, resolve));
    const work = async (): Promise<number> => {
      for (let i = 0; i < 5; i++) await sleep(100);
      return clock.elapsed();
    };
    expect(await clock.run(work())).toBe(500);
    await expect(clock.run(new Promise(() => {}))).rejects.toThrow('Deadlock');
    await expect(clock.run(Promise.reject(new Error('mine')))).rejects.toThrow('mine');
  });

  it('draws the order of tasks that are due together, from the seed', () => {
    const orderOf = (seed: number): string => {
      const clock = new SimulatedClock(0, seededRandom(seed));
      let order = '';
      for (const name of 'abcdef') clock.defer(() => (order += name));
      while (clock.step());
      return order;
    };
    expect(orderOf(1)).toBe(orderOf(1));
    expect(new Set([1, 2, 3, 4, 5].map(orderOf)).size).toBeGreaterThan(3);
  });

  it('jumps in wall time without running anything', () => {
    const clock = new SimulatedClock();
    clock.after(5, () => expect.unreachable());
    const start = clock.now();
    clock.jump(-1e12);
    expect(clock.now()).toBe(start - 1e12);
    expect(clock.elapsed()).toBe(0);
  });
});
