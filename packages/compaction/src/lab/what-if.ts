/** What-if: one trace under several strategies, each in the simulator, with the same planners and rules as the engine. */
import { type CompactionStrategy, isLsmError, type Json } from '@lsm/core';
import { type ReplayOptions, type ReplayResult, replaySteps } from './replay.ts';
import { type ReplayScript, replayScript, type ScriptOptions } from './replay-script.ts';
import type { Trace } from './trace.ts';

/** A strategy that might be used. */
export interface Candidate {
  /** By which it is shown; unique. */
  readonly name: string;
  /** Borrowed. */
  readonly strategy: CompactionStrategy;
  /** What `setCompaction` of the engine takes for it; `null` if it can only be given as an object. */
  readonly setting: Json;
}

/** How a trace is replayed. */
export interface WhatIfOptions extends ReplayOptions, ScriptOptions {}

/** What a candidate would have cost. */
export interface WhatIfRow {
  readonly name: string;
  readonly setting: Json;
  /** `null` if it failed. */
  readonly result: ReplayResult | null;
  /** Why it gave no result, or `null`. */
  readonly failure: string | null;
}

/**
 * Replays a trace over candidates. Deterministic: the same trace, the same rows.
 *
 * @param candidates - borrowed
 * @returns a row for each, in their order
 * @throws LSM_INVALID_ARGUMENT for impossible options
 */
export function whatIf(
  trace: Trace,
  candidates: readonly Candidate[],
  options: WhatIfOptions = {},
): readonly WhatIfRow[] {
  return drained(whatIfSteps(replayScript(trace, options), candidates, options));
}

/** As {@link whatIf}, pausing after each simulated flush: for callers that share their thread. */
export function* whatIfSteps(
  script: ReplayScript,
  candidates: readonly Candidate[],
  options: WhatIfOptions = {},
): Generator<void, readonly WhatIfRow[], void> {
  const rows: WhatIfRow[] = [];
  for (const { name, strategy, setting } of candidates) {
    try {
      const result = yield* replaySteps(script, strategy, options);
      rows.push({ name, setting, result, failure: null });
    } catch (error) {
      // A strategy may be anybody's code; what it does wrong is its own result.
      const failure = error instanceof Error ? error.message : String(error);
      rows.push({ name, setting, result: null, failure: failureOf(error, failure) });
    }
    yield;
  }
  return rows;
}

function failureOf(error: unknown, message: string): string {
  return isLsmError(error) ? `${error.code}: ${message}` : message;
}

/** Runs steps to their end. */
export function drained<T>(steps: Generator<void, T, void>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}
