/**
 * Iterators against a list: any range, direction, limit and order of `next`, `nextv` and `seek`, with the data in
 * memory, in tables or in both. The list follows abstract-level's documented rules.
 */
import fc from 'fast-check';
import { describe, test } from 'vitest';
import { openLevel } from './fixtures.ts';

/** Short keys over few letters, so that bounds, targets and keys meet; with bytes above ASCII. */
const keyArbitrary = fc.string({
  unit: fc.constantFrom('a', 'b', 'ÿ', '\u{10ffff}'),
  minLength: 0,
  maxLength: 3,
});

const rangeArbitrary = fc.record(
  {
    gt: keyArbitrary,
    gte: keyArbitrary,
    lt: keyArbitrary,
    lte: keyArbitrary,
    reverse: fc.boolean(),
    limit: fc.integer({ min: -1, max: 12 }),
  },
  { requiredKeys: [] },
);

type Range = typeof rangeArbitrary extends fc.Arbitrary<infer T> ? T : never;

const stepArbitrary = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ kind: 'next' as const }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('nextv' as const),
      size: fc.integer({ min: 1, max: 9 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('seek' as const), target: keyArbitrary }) },
);

const compare = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

function outside(key: string, { gt, gte, lt, lte }: Range): boolean {
  if (gte !== undefined ? compare(key, gte) < 0 : gt !== undefined && compare(key, gt) <= 0) {
    return true;
  }
  return lte !== undefined ? compare(key, lte) > 0 : lt !== undefined && compare(key, lt) >= 0;
}

/** What an iterator has to do, from a sorted list of all keys. */
class ModelIterator {
  readonly #range: Range;
  readonly #keys: string[];
  readonly #limit: number;
  #position = 0;
  #count = 0;

  constructor(keys: readonly string[], range: Range) {
    this.#range = range;
    this.#keys = keys.filter((key) => !outside(key, range));
    if (range.reverse === true) this.#keys.reverse();
    const { limit = -1 } = range;
    this.#limit = limit < 0 ? Number.POSITIVE_INFINITY : limit;
  }

  next(): string | undefined {
    if (this.#count === this.#limit || this.#position >= this.#keys.length) return undefined;
    this.#count++;
    return this.#keys[this.#position++];
  }

  seek(target: string): void {
    const behind = (key: string): boolean =>
      this.#range.reverse === true ? compare(key, target) <= 0 : compare(key, target) >= 0;
    const found = outside(target, this.#range) ? -1 : this.#keys.findIndex(behind);
    this.#position = found < 0 ? this.#keys.length : found;
  }
}

describe('iterators', () => {
  test.each(['memory', 'tables', 'both'])(
    'do what a sorted list does, data in %s',
    async (where) => {
      await fc.assert(
        fc.asyncProperty(
          fc.uniqueArray(keyArbitrary, { maxLength: 30 }),
          fc.array(keyArbitrary, { maxLength: 6 }),
          rangeArbitrary,
          fc.array(stepArbitrary, { minLength: 1, maxLength: 12 }),
          async (keys, deleted, range, steps) => {
            const db = await openLevel();
            await db.batch(keys.map((key) => ({ type: 'put', key, value: `value of ${key}` })));
            if (where !== 'memory') await db.flush();
            await db.batch(deleted.map((key) => ({ type: 'del', key })));
            if (where === 'tables') await db.flush();
            const live = keys.filter((key) => !deleted.includes(key)).toSorted(compare);

            const model = new ModelIterator(live, range);
            const iterator = db.iterator(range);
            const expectNext = (entry: [string, string] | undefined): void => {
              const key = model.next();
              if (entry?.[0] !== key || (key !== undefined && entry?.[1] !== `value of ${key}`)) {
                throw new Error(`Got ${JSON.stringify(entry)} for ${JSON.stringify(key)}.`);
              }
            };
            for (const step of steps) {
              if (step.kind === 'seek') {
                model.seek(step.target);
                iterator.seek(step.target);
              } else if (step.kind === 'next') expectNext(await iterator.next());
              else {
                const entries = await iterator.nextv(step.size);
                for (const entry of entries) expectNext(entry);
                if (entries.length === 0) expectNext(undefined);
              }
            }
            await iterator.close();
            await db.close();
          },
        ),
        { numRuns: 150 },
      );
    },
  );

  test('clear deletes what an iterator of the same range would yield', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(keyArbitrary, { maxLength: 30 }),
        rangeArbitrary,
        fc.boolean(),
        fc.boolean(),
        async (keys, range, flushed, pinned) => {
          const db = await openLevel();
          await db.batch(keys.map((key) => ({ type: 'put', key, value: '' })));
          if (flushed) await db.flush();
          const doomed = new Set(await db.keys(range).all());
          if (pinned) {
            await using snapshot = db.snapshot();
            await db.clear({ ...range, snapshot });
          } else await db.clear(range);
          const left = (await db.keys().all()).join();
          const expected = keys.filter((key) => !doomed.has(key)).toSorted(compare);
          if (left !== expected.join()) throw new Error(`Left ${left} for ${expected.join()}.`);
          await db.close();
        },
      ),
      { numRuns: 200 },
    );
  });
});
