import { isJson } from '@lsm/core';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';

it('is JSON whatever JSON can say', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
      expect(isJson(value)).toBe(true);
    }),
  );
});

it('is no JSON what would come back as something else, or not at all', () => {
  const cycle: Record<string, unknown> = {};
  cycle['self'] = cycle;
  const others: unknown[] = [
    undefined,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    1n,
    Symbol('s'),
    () => 1,
    new Date(0),
    new Map([[1, 2]]),
    new Uint8Array(1),
    Object.assign([1], { length: 2 }),
    { a: { b: undefined } },
    [[1n]],
    cycle,
  ];
  for (const value of others) expect(isJson(value)).toBe(false);
});
