/**
 * What every {@link CompactionStrategy} has to do: pure, total, legal, convergent, within its declared bounds, and never
 * in the way of a right read, whatever order its tasks finish in. The properties are numbered:
 *
 * P1 reads stay right at every snapshot · P2 the rules themselves hold: the fuzz of `@lsm/compaction` · P3 plans are
 * admitted · P4 tasks of a plan are disjoint · P5 comes to rest, at a bounded price · P6 keeps its declared bounds · P7
 * starves no level, pressure rises with load · P8 deterministic, blind to numbers and to what keys say beside their
 * order · P9 takes any legal tree · P10 can be switched to and from · P11 leaves no tombstone behind · P12 survives
 * crashes · P13 follows its ratio · P14 predicts in the right order.
 */

import { defineDurabilityTests } from './strategy-durability.ts';
import { defineFigureTests, type RatioExpectation } from './strategy-figures.ts';
import { defineLegalityTests } from './strategy-legality.ts';
import type { MakeStrategy } from './strategy-planner.ts';
import type { TestTools } from './test-tools.ts';

export type { MakeStrategy } from './strategy-planner.ts';

/** What the suite can't find out by itself. */
export interface StrategyExpectations {
  /** P13: the strategy with another size ratio, and whether a higher ratio means more or less writing. */
  readonly ratio?: RatioExpectation;
  /** P11: tombstones that a snapshot held go once it is closed, without a write; default false. */
  readonly outlivesSnapshots?: boolean;
  /** P14: `false` for settings so extreme that its formula is not made for them; default true. */
  readonly predicts?: boolean;
  /** Share of the random trees and loads that are drawn, above 0; default 1. Less for many settings of one strategy. */
  readonly effort?: number;
  /** Name of the suite; default: the strategy's. */
  readonly name?: string;
}

/**
 * Defines the suite.
 *
 * @param make - gives a new instance each time
 * @param tools - of the test runner
 * @param expectations - what the suite can't find out by itself; properties without one are left out
 */
export function compactionStrategyConformance(
  make: MakeStrategy,
  tools: TestTools,
  expectations: StrategyExpectations = {},
): void {
  const { outlivesSnapshots = false, effort = 1, name = make().name } = expectations;
  tools.describe(`CompactionStrategy conformance: ${name}`, () => {
    defineLegalityTests(make, tools, effort);
    defineDurabilityTests(make, tools, effort, outlivesSnapshots);
    defineFigureTests(make, tools, effort, expectations);
  });
}
