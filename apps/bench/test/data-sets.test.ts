import { compareBytes } from '@lsm/core';
import { describe, expect, test } from 'vitest';
import { loadCities } from '../src/data/cities.ts';
import type { DataSet } from '../src/data/data-set.ts';
import { GeneratedData } from '../src/data/generated.ts';

const sets: readonly (readonly [string, () => DataSet])[] = [
  ['cities', () => loadCities(2000)],
  ['generated', () => new GeneratedData({ entries: 2000, inserts: 100 })],
  ['generated, small', () => new GeneratedData({ entries: 50, keyBytes: 8, valueBytes: 8 })],
];

describe.each(sets)('%s', (_, make) => {
  const data = make();
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

  test('has distinct keys, and missing keys that are none of them', () => {
    const keys = new Set<string>();
    for (let i = 0; i < data.capacity; i++) keys.add(text(data.key(i)));
    expect(keys.size).toBe(data.capacity);
    for (let i = 0; i < data.count; i++) expect(keys.has(text(data.missingKey(i)))).toBe(false);
  });

  test('tells every version of a value from every other', () => {
    for (let index = 0; index < Math.min(50, data.count); index++) {
      for (let version = 1; version <= 12; version++) {
        const value = data.value(index, version).slice();
        expect(data.matches(index, version, value)).toBe(true);
        expect(data.matches(index, version + 1, value)).toBe(false);
        expect(value.length + data.key(index).length).toBe(data.entryBytes(index, version));
      }
    }
  });

  test('sorts its indexes by key', () => {
    const order = data.sorted();
    expect(order.length).toBe(data.capacity);
    for (let i = 1; i < order.length; i++) {
      const before = data.key(order[i - 1]!).slice();
      expect(compareBytes(before, data.key(order[i]!))).toBeLessThan(0);
    }
  });

  test('groups exactly the keys with a prefix', () => {
    const groups = data.groups();
    expect(groups.reduce((sum, group) => sum + group.members.length, 0)).toBe(data.count);
    for (const { prefix, members } of groups.slice(0, 20)) {
      let found = 0;
      for (let i = 0; i < data.count; i++) if (text(data.key(i)).startsWith(text(prefix))) found++;
      expect(found).toBe(members.length);
    }
  });
});

test('the cities are all there', () => {
  const cities = loadCities();
  expect(cities.count).toBe(138_398);
  expect(Buffer.from(cities.key(0)).toString()).toMatch(/^[A-Z]{2}\/[^/]*\/.+\/\d+$/);
});
