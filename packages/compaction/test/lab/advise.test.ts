import {
  type AdviceOptions,
  advise,
  type Candidate,
  TraceKind,
  workloadTrace,
} from '@lsm/compaction';
import { IDLE_STRATEGY } from '@lsm/testkit';
import { describe, expect, test } from 'vitest';
import { EAGER, puts, type Step, traceOf } from './small-traces.ts';

const LAZY: Candidate = {
  name: 'lazy',
  setting: 'lazy',
  strategy: {
    ...IDLE_STRATEGY,
    predict: () => ({ writeAmplification: 1, runs: 100, spaceAmplification: 50 }),
  },
};
const MERGING: Candidate = { name: 'eager', setting: { strategy: 'eager' }, strategy: EAGER };
const BOTH = [MERGING, LAZY];

const writes: Step[] = puts(Array.from({ length: 1000 }, (_, i) => i % 50));
const lookups: Step[] = Array.from({ length: 1000 }, (_, i) => [
  TraceKind.getMiss,
  `${String(i % 49).padStart(4, '0')}-`,
]);
const mixed = traceOf(
  writes.flatMap((write, i) => [write, lookups[i]!]),
  {},
  20,
);

describe('advise', () => {
  test.each([
    ['lazy', { write: 1, read: 0, space: 0 }],
    ['eager', { write: 0, read: 1, space: 0 }],
    ['eager', { write: 0, read: 0, space: 1 }],
  ])('chooses %s if the weights are %j', (name, weights) => {
    const { ranking, recommendation, summary } = advise(mixed, BOTH, { weights });
    expect(recommendation!.name).toBe(name);
    expect(ranking.map((candidate) => candidate.name)[0]).toBe(name);
    expect(ranking[0]!.score).toBeCloseTo(1, 9);
    expect(ranking[1]!.score).toBeGreaterThan(1.3);
    expect(summary).toContain(`${name} suits best`);
  });

  test('says in plain words what is better and what is worse', () => {
    const { ranking } = advise(mixed, BOTH, { current: 'lazy' });
    const { reasons, setting } = ranking.find(({ name }) => name === 'eager')!;
    expect(setting).toEqual({ strategy: 'eager' });
    expect(reasons[0]).toMatch(/^writes [\d.]+ bytes for each byte written, \d+ % more than lazy/);
    expect(reasons[1]).toMatch(/^takes [\d.]+ times the live data, \d+ % less than lazy/);
  });

  test('recommends no switch for less than the threshold, nor to what is in use', () => {
    const weights = { write: 1, read: 0, space: 0 };
    const stay = (options: AdviceOptions): ReturnType<typeof advise> =>
      advise(mixed, BOTH, { weights, ...options });
    expect(stay({ current: 'eager' }).recommendation).toEqual({ name: 'lazy', setting: 'lazy' });
    const little = stay({ current: 'eager', threshold: 100 });
    expect(little.recommendation).toBeNull();
    expect(little.summary).toMatch(/lazy would be better than eager by \d+ %, which is too little/);
    expect(stay({ current: 'lazy' })).toMatchObject({
      recommendation: null,
      summary: 'lazy, which is in use, suits best.',
    });
  });

  test('simulates what the formulas like, what is in use, and what has none', () => {
    const unknown: Candidate = { ...LAZY, name: 'unknown', strategy: IDLE_STRATEGY };
    const worst: Candidate = {
      ...LAZY,
      name: 'worst',
      strategy: {
        ...IDLE_STRATEGY,
        predict: () => ({ writeAmplification: 1e9, runs: 1e9, spaceAmplification: 1e9 }),
      },
    };
    const wrong: Candidate = {
      ...LAZY,
      name: 'wrong',
      strategy: {
        ...IDLE_STRATEGY,
        predict: () => {
          throw new Error('no formula');
        },
      },
    };
    const all = [...BOTH, unknown, worst, wrong];
    const { ranking, dropped } = advise(mixed, all, { shortlist: 2 });
    expect(ranking.map(({ name }) => name).toSorted()).toEqual(['eager', 'lazy', 'unknown']);
    expect(dropped).toEqual([
      { name: 'wrong', why: 'no formula' },
      { name: 'worst', why: 'by formula, others are better' },
    ]);
    const kept = advise(mixed, all, { shortlist: 2, current: 'worst' });
    expect(kept.ranking.map(({ name }) => name)).toContain('worst');
  });

  test('weighs writes and reads by their share of operations', () => {
    const weights = (trace: ReturnType<typeof traceOf>): unknown => advise(trace, BOTH).weights;
    expect(weights(mixed)).toEqual({ write: 0.5, read: 0.5, space: 0.5 });
    expect(weights(traceOf(writes, {}, 20))).toEqual({ write: 1, read: 0.1, space: 0.5 });
  });

  test('has nothing to say if no candidate gives a result', () => {
    const broken: Candidate = {
      ...MERGING,
      strategy: {
        ...IDLE_STRATEGY,
        plan: () => {
          throw new Error('lost');
        },
      },
    };
    expect(advise(mixed, [broken])).toMatchObject({
      recommendation: null,
      summary: 'No candidate gave a result.',
      dropped: [{ name: 'eager', why: 'lost' }],
    });
  });
});

describe('workloadTrace', () => {
  test('has the shares, sizes and rates that were described', () => {
    const { header, operations } = workloadTrace({
      entries: 1_000_000,
      entryBytes: 200,
      puts: 5,
      deletes: 1,
      hits: 3,
      scans: 1,
      writesPerSecond: 5000,
      turnover: 1,
    });
    const share = (kind: number): number =>
      operations.kinds.filter((other) => other === kind).length / operations.kinds.length;
    expect(header.sample).toBe(0.03);
    expect(share(TraceKind.put)).toBeCloseTo(0.5, 1);
    expect(share(TraceKind.delete)).toBeCloseTo(0.1, 1);
    expect(share(TraceKind.getHit)).toBeCloseTo(0.3, 1);
    // A million entries written once, 5000 each second: 200 seconds.
    expect(operations.times.at(-1)! / 200_000).toBeCloseTo(1, 2);
  });

  test('puts new keys behind all others if they come in order', () => {
    const description = { entries: 1000, entryBytes: 100, puts: 1, inserts: 1, inOrder: true };
    const { operations } = workloadTrace(description);
    expect(operations.sketches).toEqual(operations.sketches.toSorted());
    const anywhere = workloadTrace({ ...description, inOrder: false });
    expect(anywhere.operations.sketches).not.toEqual(anywhere.operations.sketches.toSorted());
  });

  test('gives four fifths of skewed operations to one fifth of the keys', () => {
    const description = { entries: 1000, entryBytes: 100, puts: 1, turnover: 20 } as const;
    const topFifth = (keys: 'uniform' | 'skewed'): number => {
      const { sketches } = workloadTrace({ ...description, keys }).operations;
      const counts = new Map<string, number>();
      for (const key of sketches) counts.set(key, (counts.get(key) ?? 0) + 1);
      const sorted = [...counts.values()].toSorted((a, b) => b - a);
      return sorted.slice(0, 200).reduce((sum, count) => sum + count, 0) / sketches.length;
    };
    expect(topFifth('skewed')).toBeCloseTo(0.8, 1);
    expect(topFifth('uniform')).toBeLessThan(0.35);
  });

  test('refuses what is no workload', () => {
    const sizes = ['turnover', 'memtableBytes', 'tableBytes', 'maxTasks', 'writesPerSecond'];
    const wrongSizes = sizes.flatMap((name) =>
      [0, -1, Number.NaN, Number.POSITIVE_INFINITY].map((value) => ({ puts: 1, [name]: value })),
    );
    expect(() => workloadTrace({ entries: 10, entryBytes: 2e8, puts: 1 })).toThrow(/memtables/);
    const shares = [{ puts: 0 }, { puts: -1, hits: 2 }, { puts: 1, entries: 0 }];
    for (const wrong of [...shares, { puts: Number.NaN }, ...wrongSizes]) {
      expect(() => workloadTrace({ entries: 10, entryBytes: 10, ...wrong })).toThrow(/workload/);
    }
  });
});
