import type { FilterAllocator, FilterChoice, FilterContext } from '@lsm/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  bloomBitsPerKey,
  fuse8,
  monkey,
  monkeyRates,
  perLevel,
  pointIndexKind,
  splitBlockBitsPerKey,
  splitBlockRate,
  uniform,
} from '../src/index.ts';
import { encode, measureRate, randomKeys } from './point-index-suite.ts';

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
const bitsOf = (entries: readonly number[], rates: readonly number[]): number =>
  sum(entries.map((count, i) => count * bloomBitsPerKey(rates[i]!)));

/** Entries of runs: `levels` levels growing by `ratio`, in `inner` runs each, the last in `last`. */
function geometricRuns(ratio: number, levels: number, inner: number, last: number): number[] {
  const runs: number[] = [];
  for (let level = 1; level <= levels; level++) {
    const count = level === levels ? last : inner;
    for (let run = 0; run < count; run++) runs.push((1000 * ratio ** level) / count);
  }
  return runs;
}

describe('monkeyRates', () => {
  test('gives the rates per level of T = 10, L = 5, 10 bits', () => {
    const entries = geometricRuns(10, 5, 1, 1);
    const rates = monkeyRates(entries, 10 * sum(entries));
    [1.058e-6, 1.058e-5, 1.058e-4, 1.058e-3, 1.058e-2].forEach((rate, level) => {
      expect(rates[level]! / rate).toBeCloseTo(1, 2);
    });
  });

  test.each([
    [10, 5, 1, 1, 0.01176],
    [10, 5, 9, 1, 0.01465],
    [10, 5, 9, 9, 0.1058],
    [4, 8, 1, 1, 0.01734],
    [4, 8, 3, 1, 0.02282],
    [4, 8, 3, 3, 0.05202],
  ])('costs a miss at T = %d, L = %d, K = %d, Z = %d %d reads', (ratio, levels, k, z, reads) => {
    const entries = geometricRuns(ratio, levels, k, z);
    expect(sum(monkeyRates(entries, 10 * sum(entries))) / reads).toBeCloseTo(1, 2);
  });

  test.each([
    [2, 0.54891],
    [5, 0.12987],
    [8, 0.03073],
    [16, 0.00066],
  ])('costs a miss with %d bits per key %d reads', (bits, reads) => {
    const entries = geometricRuns(10, 5, 1, 1);
    const found = sum(monkeyRates(entries, bits * sum(entries)));
    expect(found).toBeCloseTo(reads, 5);
  });

  test('saves more than half of the reads of the schedule 0.1 / 1 / 5 % at its memory', () => {
    // Four tables of L0, then four levels growing by 10.
    const entries = [10, 10, 10, 10, 400, 4000, 40_000, 400_000].map((mb) => mb * 1000);
    const schedule = [0.001, 0.001, 0.001, 0.001, 0.01, 0.05, 0.05, 0.05];
    const budget = bitsOf(entries, schedule);
    expect(sum(schedule)).toBeCloseTo(0.164, 6);
    expect(budget / sum(entries)).toBeCloseTo(6.239, 2);
    const rates = monkeyRates(entries, budget);
    expect(sum(rates)).toBeCloseTo(0.0716, 4);
    [1.6e-6, 6.4e-5, 6.4e-4, 6.45e-3, 6.45e-2].forEach((rate, i) => {
      expect(rates[i + 3]! / rate).toBeCloseTo(1, 1);
    });
    expect(bitsOf(entries, rates)).toBeLessThanOrEqual(budget);
    // The same reads as the schedule at 4.5 bits per key.
    expect(sum(monkeyRates(entries, 4.52 * sum(entries)))).toBeLessThan(0.164);
    expect(sum(monkeyRates(entries, 4.45 * sum(entries)))).toBeGreaterThan(0.164);
  });

  test('keeps the budget, spends it, and gives rates in proportion to entries', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 10 ** 9 }), { minLength: 1, maxLength: 20 }),
        fc.double({ min: 0.01, max: 30, noNaN: true }),
        (entries, bitsPerKey) => {
          const budget = bitsPerKey * sum(entries);
          const rates = monkeyRates(entries, budget);
          const bits = bitsOf(entries, rates);
          expect(bits).toBeLessThanOrEqual(budget * (1 + 1e-9));
          if (rates.some((rate) => rate > 2 ** -32)) expect(bits).toBeGreaterThan(budget * 0.999);
          const lambdas = rates.flatMap((rate, i) =>
            rate > 2 ** -32 && rate < 1 ? [rate / entries[i]!] : [],
          );
          for (const lambda of lambdas) expect(lambda / lambdas[0]!).toBeCloseTo(1, 6);
          const lambda = lambdas[0];
          for (const [i, rate] of rates.entries()) {
            expect(rate).toBeGreaterThanOrEqual(2 ** -32);
            expect(rate).toBeLessThanOrEqual(1);
            if (rate === 1 && lambda !== undefined) {
              expect(lambda * entries[i]!).toBeGreaterThan(0.999);
            }
          }
        },
      ),
    );
  });

  test('is no worse than the same bits for all', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 10 ** 6 }), { minLength: 1, maxLength: 12 }),
        fc.double({ min: 0.1, max: 16, noNaN: true }),
        (entries, bitsPerKey) => {
          const equal = entries.length * Math.exp(-(Math.LN2 ** 2) * bitsPerKey);
          const found = sum(monkeyRates(entries, bitsPerKey * sum(entries)));
          expect(found).toBeLessThanOrEqual(equal * (1 + 1e-6));
        },
      ),
    );
  });

  test('has an answer for nothing, empty runs and no budget', () => {
    expect(monkeyRates([], 100)).toEqual([]);
    expect(monkeyRates([0, 0], 100)).toEqual([2 ** -32, 2 ** -32]);
    expect(monkeyRates([5, 50, 500], 0)).toEqual([1, 1, 1]);
    expect(monkeyRates([5, 50], 10 ** 9)).toEqual([2 ** -32, 2 ** -32]);
    expect(monkeyRates([5, 50], 10 ** 9, 0.01)).toEqual([0.01, 0.01]);
  });
});

/** A context with the given runs, newest first, of which the one at `output` is being written. */
function contextOf(
  entries: readonly number[],
  output: number,
  budgetBits: number | null = null,
): FilterContext {
  return {
    runs: entries.flatMap((count, level) => (level === output ? [] : [{ level, entries: count }])),
    output: {
      level: output,
      runEntries: entries[output]!,
      tableEntries: Math.min(entries[output]!, 150_000),
      isOldest: output === entries.length - 1,
    },
    budgetBits,
  };
}

const choices = (
  allocator: FilterAllocator,
  entries: readonly number[],
  budgetBits: number | null = null,
): FilterChoice[] => entries.map((_, i) => allocator.choose(contextOf(entries, i, budgetBits)));

describe('monkey', () => {
  const tree = [1e4, 1e5, 1e6, 1e7, 1e8];

  test('gives newer runs more bits, at most 24, and the largest a fuse filter', () => {
    const found = choices(monkey(), tree);
    expect(found.map(({ kind }) => kind)).toEqual([
      'split-block',
      'split-block',
      'split-block',
      'split-block',
      'fuse8',
    ]);
    // Level by level 4.793 bits less, from the cap downwards.
    const bits = found.map(({ bitsPerKey }) => bitsPerKey);
    expect(bits[0]).toBeCloseTo(24, 6);
    expect(bits[2]! - bits[3]!).toBeCloseTo(4.793, 2);
    expect(bits[4]).toBeLessThan(9.5);
    const spent = sum(tree.map((entries, i) => entries * bits[i]!));
    expect(spent).toBeLessThanOrEqual(10 * sum(tree));
  });

  test('gives the largest runs a hash index while it fits', () => {
    const total = sum(tree);
    const kinds = (bits: number): string[] =>
      choices(monkey(), tree, bits * total).map(({ kind }) => kind);
    expect(kinds(45).at(-1)).toBe('hash-index');
    expect(kinds(38).at(-1)).toBe('hash-index');
    expect(kinds(36).at(-1)).toBe('fuse8');
    expect(kinds(45)).not.toContain('fuse8');
    expect(kinds(45).slice(0, 4)).toEqual(Array.from({ length: 4 }, () => 'split-block'));
    const two = [1000, 400_000, 600_000];
    const priced = (price: number): string[] =>
      choices(monkey(), two, price).map(({ kind }) => kind);
    expect(priced(40 * 1e6 + 10_000)).toEqual(['split-block', 'hash-index', 'hash-index']);
    expect(priced(40 * 1e6)[1]).not.toBe('hash-index');
    expect(priced(40 * 1e6)[2]).toBe('hash-index');
  });

  test('has no hash index when that is switched off or a table is too large for it', () => {
    const budget = 100 * sum(tree);
    const off = choices(monkey({ hashIndex: false }), tree, budget);
    expect(off.map(({ kind }) => kind)).not.toContain('hash-index');
    const huge = contextOf(tree, 4, budget);
    const output = { ...huge.output, tableEntries: 2 ** 23 };
    expect(monkey().choose({ ...huge, output }).kind).not.toBe('hash-index');
  });

  test('prefers its own budget to that of the context', () => {
    const own = choices(monkey({ indexBits: 45 * sum(tree) }), tree, 0);
    expect(own.at(-1)?.kind).toBe('hash-index');
    const none = choices(monkey({ indexBits: 0 }), tree, 45 * sum(tree));
    expect(none.map(({ kind }) => kind)).toEqual(tree.map(() => 'none'));
  });

  test('gives up filters of the largest runs first when memory is short', () => {
    const found = choices(monkey(), tree, 0.3 * sum(tree));
    expect(found[0]!.bitsPerKey).toBeGreaterThan(5);
    expect(found.at(-1)).toEqual({ kind: 'none', bitsPerKey: 0 });
  });

  test('takes bloom where split-block would pass many more keys', () => {
    const found = choices(monkey({ bitsPerKey: 5 }), tree);
    expect(found.at(-1)?.kind).toBe('bloom');
  });

  test('never takes the slow fuse filter for a flush', () => {
    expect(monkey().choose(contextOf([100_000], 0)).kind).toBe('split-block');
  });

  test('gives a table without keys nothing', () => {
    const context = contextOf(tree, 0);
    const output = { ...context.output, tableEntries: 0, runEntries: 0 };
    expect(monkey().choose({ ...context, output }).kind).toBe('none');
  });

  test('stays within the budget and its cap for any tree, and answers alike each time', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 10 ** 8 }), { minLength: 1, maxLength: 12 }),
        fc.double({ min: 0, max: 60, noNaN: true }),
        fc.boolean(),
        (entries, budgetPerKey, hashIndex) => {
          const budget = budgetPerKey * sum(entries);
          const allocator = monkey({ hashIndex });
          const found = choices(allocator, entries, budget);
          expect(choices(allocator, entries, budget)).toEqual(found);
          const spent = sum(found.map(({ bitsPerKey }, i) => bitsPerKey * entries[i]!));
          expect(spent).toBeLessThanOrEqual(budget * (1 + 1e-6));
          for (const { kind, bitsPerKey } of found) {
            expect(bitsPerKey).toBeLessThanOrEqual(kind === 'hash-index' ? 40 : 24 + 1e-9);
            expect(bitsPerKey > 0).toBe(kind !== 'none');
            expect(pointIndexKind(kind).name).toBe(kind);
          }
        },
      ),
    );
  });

  test.each([
    [{ bitsPerKey: -1 }],
    [{ bitsPerKey: 25 }],
    [{ bits: 10 }],
    [{ hashIndex: 'yes' }],
    [{ indexBits: -5 }],
  ])('refuses %j', (settings) => {
    expect(() => monkey(settings as never)).toThrow(
      expect.objectContaining({ code: 'LSM_INVALID_ARGUMENT' }),
    );
  });
});

describe('perLevel', () => {
  test('gives each level its rate, the last one for all deeper levels', () => {
    const found = choices(perLevel([0.001, 0.01, 0.05]), [1, 10, 100, 1000, 10_000]);
    expect(found.map(({ kind }) => kind)).toEqual(found.map(() => 'bloom'));
    [14.378, 9.585, 6.235, 6.235, 6.235].forEach((bits, level) => {
      expect(found[level]!.bitsPerKey).toBeCloseTo(bits, 2);
    });
    expect(perLevel([0.001]).name).toBe('per-level');
  });

  test('gives no filter for a rate of 1', () => {
    const found = choices(perLevel([0.01, 1]), [1, 10]);
    expect(found[1]).toEqual({ kind: 'none', bitsPerKey: 0 });
  });

  test('gives each level the kind that it names, with bits or a rate of its own', () => {
    const list = [
      'split-block',
      { kind: 'bloom', bitsPerKey: 6 },
      { kind: 'split-block', rate: 0.01 },
      0.02,
      'fuse8',
      'hash-index',
      'none',
    ] as const;
    const found = choices(perLevel(list), [1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 1e7]);
    expect(found.map(({ kind }) => kind)).toEqual([
      'split-block',
      'bloom',
      'split-block',
      'bloom',
      'fuse8',
      'hash-index',
      'none',
      'none',
    ]);
    const bits = found.map(({ bitsPerKey }) => bitsPerKey);
    expect(bits.slice(0, 2)).toEqual([10, 6]);
    expect(splitBlockRate(bits[2]!)).toBeCloseTo(0.01, 6);
    expect(bits[3]).toBeCloseTo(8.14, 2);
    expect(bits.slice(4)).toEqual([fuse8.rate(0).bitsPerKey, 40, 0, 0]);
  });

  test('gives the oldest run, whatever its level, what is named for it', () => {
    const allocator = perLevel([0.001, 0.01], 'hash-index');
    const kinds = choices(allocator, [1, 10, 100]).map(({ kind }) => kind);
    expect(kinds).toEqual(['bloom', 'bloom', 'hash-index']);
  });

  test.each([
    [['blom'], /did you mean "bloom"/],
    [[{ kind: 'fuse8', rate: 0.01 }], /level 0: the rate of "fuse8" is fixed/],
    [[0.1, { kind: 'bloom', rate: 0.01, bitsPerKey: 9 }], /level 1: give bitsPerKey or rate/],
    [[{ kind: 'bloom', rate: 2 }], /rate/],
    [[{ kind: 'bloom', bits: 2 }], /did you mean/],
    [[null], /rate|number/],
  ])('refuses %j', (levels, message) => {
    expect(() => perLevel(levels as never)).toThrow(message);
    expect(() => perLevel([0.1], levels[levels.length - 1] as never)).toThrow(
      expect.objectContaining({ code: 'LSM_INVALID_ARGUMENT' }),
    );
  });

  test.each([[[]], [[0]], [[1.5]], [[0.1, Number.NaN]], ['0.1'], [undefined]])(
    'refuses %j',
    (rates) => {
      expect(() => perLevel(rates as never)).toThrow(
        expect.objectContaining({ code: 'LSM_INVALID_ARGUMENT' }),
      );
    },
  );
});

describe('uniform', () => {
  test('gives every table the same', () => {
    const found = choices(uniform({ bitsPerKey: 12 }), [1, 10, 100]);
    expect(found).toEqual(found.map(() => ({ kind: 'split-block', bitsPerKey: 12 })));
    const context = contextOf([1, 10], 1);
    expect(uniform().choose(context).bitsPerKey).toBe(10);
    expect(uniform({ bitsPerKey: 8, kind: 'bloom' }).choose(context).kind).toBe('bloom');
    expect(uniform({ bitsPerKey: 0 }).choose(context).kind).toBe('none');
    expect(uniform({ kind: 'none' }).choose(context).bitsPerKey).toBe(0);
  });

  test.each([[{ bitsPerKey: -1 }], [{ kind: 'blom' }], [{ bitPerKey: 3 }]])(
    'refuses %j',
    (settings) => {
      expect(() => uniform(settings as never)).toThrow(
        expect.objectContaining({ code: 'LSM_INVALID_ARGUMENT' }),
      );
    },
  );
});

describe('the budget of uniform and perLevel', () => {
  const runs = fc.array(fc.integer({ min: 1, max: 10 ** 8 }), { minLength: 1, maxLength: 8 });
  const kinds = ['bloom', 'split-block', 'fuse8', 'hash-index', 'none'] as const;
  const filter = fc.oneof(
    fc.double({ min: 0.0001, max: 1, noNaN: true }),
    fc.constantFrom(...kinds),
    fc.record({
      kind: fc.constantFrom(...kinds),
      bitsPerKey: fc.double({ min: 0, max: 64, noNaN: true }),
    }),
  );

  test('is kept, and what was wished is given where it is sufficient', () => {
    fc.assert(
      fc.property(
        runs,
        fc.array(filter, { minLength: 1, maxLength: 5 }),
        fc.option(filter, { nil: undefined }),
        fc.double({ min: 0, max: 2, noNaN: true }),
        (entries, levels, oldest, share) => {
          const allocator = perLevel(levels, oldest);
          const wished = choices(allocator, entries);
          const costOf = (found: readonly FilterChoice[]): number =>
            sum(found.map(({ bitsPerKey }, i) => bitsPerKey * entries[i]!));
          const budget = share * costOf(wished);
          const found = choices(allocator, entries, budget);
          expect(costOf(found)).toBeLessThanOrEqual(budget * (1 + 1e-9));
          if (share > 1 + 1e-9) expect(found).toEqual(wished);
          for (const { kind, bitsPerKey } of found) {
            expect(bitsPerKey > 0).toBe(kind !== 'none');
            if (share > 0.999) continue;
            // Bits that can't be fewer would not keep it.
            expect(['none', 'bloom', 'split-block']).toContain(kind);
          }
        },
      ),
      { seed: 23 },
    );
  });

  test('leaves each table the same share of what it was to have', () => {
    const found = choices(
      perLevel([{ kind: 'split-block', bitsPerKey: 16 }, 'hash-index']),
      [10, 90],
      1880,
    );
    expect(found).toEqual([
      { kind: 'split-block', bitsPerKey: 8 },
      { kind: 'bloom', bitsPerKey: 20 },
    ]);
    const [choice] = choices(uniform({ bitsPerKey: 12 }), [100, 200], 600);
    expect(choice).toEqual({ kind: 'split-block', bitsPerKey: 2 });
    expect(choices(uniform(), [100], 20)).toEqual([{ kind: 'none', bitsPerKey: 0 }]);
  });
});

test('splitBlockBitsPerKey is the inverse of splitBlockRate', () => {
  for (const rate of [0.5, 0.1, 0.01, 0.001, 1e-5]) {
    expect(splitBlockRate(splitBlockBitsPerKey(rate)) / rate).toBeCloseTo(1, 9);
  }
  expect(splitBlockBitsPerKey(1)).toBe(0);
  expect(splitBlockBitsPerKey(2 ** -60)).toBe(64);
});

describe('the rates that an allocator was asked for', () => {
  const KEYS = 20_000;
  const keys = randomKeys(KEYS, 31);

  // 20 % of 500 expected false positives is 4.5 standard deviations; the seeds are fixed.
  test.each(
    (['bloom', 'split-block'] as const).flatMap((kind) =>
      [0.1, 0.02, 0.005, 0.001].map((rate) => [kind, rate] as const),
    ),
  )('%s at %d are measured within 20 %%', (kind, rate) => {
    const choice = perLevel([{ kind, rate }]).choose(contextOf([KEYS], 0));
    expect(choice.kind).toBe(kind);
    const index = pointIndexKind(kind).open(encode(pointIndexKind(kind), keys, choice.bitsPerKey));
    const measured = measureRate(index, Math.ceil(520 / rate), 32);
    expect(measured / rate).toBeGreaterThan(0.8);
    expect(measured / rate).toBeLessThan(1.2);
  });
});
