import { describe, expect, test } from 'vitest';
import { settingsOf } from '../src/command-line/flags.ts';
import {
  filterVariants,
  parseConfig,
  parseFilter,
  parseStrategy,
  strategyVariants,
} from '../src/config.ts';
import { UsageError } from '../src/usage-error.ts';
import { findWorkloads, WORKLOADS } from '../src/workloads/catalogue.ts';

describe('parseConfig', () => {
  test('names the nearest setting of an unknown one', () => {
    expect(() => parseConfig({ repeat: 3 })).toThrow(/no option "repeat"; did you mean "repeats"/);
    expect(() => parseConfig({ repeats: 0 })).toThrow(UsageError);
    expect(() => parseConfig({ strategies: [1] })).toThrow('has to be a list of texts');
  });

  test('makes a variant of each strategy with the common options', () => {
    const config = parseConfig({
      strategies: ['leveled', 'tiered:ratio=8'],
      open: { blockBytes: 8192 },
    });
    const variants = strategyVariants(config);
    expect(variants.map(({ name }) => name)).toEqual(['leveled', 'tiered:ratio=8']);
    expect(variants[1]!.options).toMatchObject({
      blockBytes: 8192,
      durability: 'os',
      filter: 'monkey',
      compaction: { strategy: 'tiered', ratio: 8 },
    });
  });

  test('takes variants in full from the config file', () => {
    const config = parseConfig({
      variants: { mine: { compaction: 'hybrid', filter: 'uniform:8', blockBytes: 1024 } },
    });
    expect(strategyVariants(config)).toEqual([
      {
        name: 'mine',
        options: expect.objectContaining({ filter: { bitsPerKey: 8 }, blockBytes: 1024 }),
      },
    ]);
  });

  test('compares the three kinds of filter settings by default', () => {
    const variants = filterVariants(parseConfig({}), 8000, 1 << 20);
    expect(variants.map(({ options }) => options['filter'])).toEqual([
      { bitsPerKey: 10 },
      { perLevel: [0.001, 0.01, 0.05] },
      'monkey',
      'monkey',
    ]);
    expect(variants.map(({ options }) => options['indexBytes'])).toEqual([
      4 << 20,
      4 << 20,
      10_000,
      4 << 20,
    ]);
    expect(variants[0]!.options['memtableBytes']).toBe(1 << 20);
  });
});

describe('parseStrategy and parseFilter', () => {
  test('say what would be right', () => {
    expect(() => parseStrategy('levelled')).toThrow('did you mean "leveled"');
    expect(() => parseStrategy('tiered:ratio')).toThrow('is not setting=value');
    expect(() => parseFilter('uniform')).toThrow('use monkey, uniform:BITS');
    expect(() => parseFilter('uniform:ten')).toThrow('"ten" in "uniform:ten" is not a number');
  });
});

describe('settingsOf', () => {
  test('takes only flags that were given, so that the config file counts', () => {
    expect(settingsOf({ repeats: 2, keep: true, warmUp: true })).toEqual({ repeats: 2 });
    expect(settingsOf({ warmUp: false })).toEqual({ warmUp: false });
  });
});

describe('findWorkloads', () => {
  test('finds by name and by group, and proposes the nearest', () => {
    expect(findWorkloads(['ycsb']).map(({ name }) => name)).toEqual(
      ['a', 'b', 'c', 'd', 'e', 'f'].map((letter) => `ycsb-${letter}`),
    );
    expect(findWorkloads(['real', 'fillseq']).length).toBe(2);
    expect(() => findWorkloads(['readrandm'])).toThrow('did you mean "readrandom"');
    expect(new Set(WORKLOADS.map(({ name }) => name)).size).toBe(WORKLOADS.length);
  });
});
