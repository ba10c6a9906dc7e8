/**
 * Advice: which strategy suits a trace, and why.
 *
 * 1. Candidates that can predict themselves by formula are ranked by it; the best of them, the one in use, and all that
 *    can't predict go on. A first filter only: the formulas err by up to a factor of two (cost-model.ts).
 * 2. Those are replayed (what-if.ts).
 * 3. A candidate's score is how far it is, on the weighted geometric mean, from the best figure of any candidate: 1 is
 *    best in writes, reads and space at once. Without weights, writes and reads count by their share of operations.
 * 4. A better score than that of the strategy in use is a reason to switch only beyond a threshold; 15 % is what the
 *    adaptive controller of Cassandra's unified strategy asks for. Nothing is ever applied from here.
 */
import type { CostVector, Json } from '@lsm/core';
import type { ReplayResult } from './replay.ts';
import { type ReplayScript, replayScript } from './replay-script.ts';
import { type Trace, TraceKind } from './trace.ts';
import {
  type Candidate,
  drained,
  type WhatIfOptions,
  type WhatIfRow,
  whatIfSteps,
} from './what-if.ts';

/** How much each cost counts; ≥ 0. */
export interface AdviceWeights {
  readonly write: number;
  readonly read: number;
  readonly space: number;
}

/** Settings of {@link advise}. */
export interface AdviceOptions extends WhatIfOptions {
  /** Default: writes and reads by their share of operations, space 0.5. */
  readonly weights?: AdviceWeights;
  /** Candidates with predictions that are simulated, beside the one in use; default 6. */
  readonly shortlist?: number;
  /** By how much a score has to be better for a switch; default 0.15. */
  readonly threshold?: number;
  /** Name of the candidate in use; default: none is. */
  readonly current?: string;
}

/** A candidate with its costs. */
export interface RankedCandidate {
  readonly name: string;
  readonly setting: Json;
  /** 1 or more; lower is better. */
  readonly score: number;
  readonly result: ReplayResult;
  /** In plain words, against the strategy in use (or, for that and without one, against the best other). */
  readonly reasons: readonly string[];
}

/** What {@link advise} found. */
export interface Advice {
  /** Best first. */
  readonly ranking: readonly RankedCandidate[];
  /** What to switch to; `null`: stay, or there is nothing to choose from. */
  readonly recommendation: { readonly name: string; readonly setting: Json } | null;
  /** Why, in a sentence or two. */
  readonly summary: string;
  readonly weights: AdviceWeights;
  /** Candidates that were not simulated or failed, and why. */
  readonly dropped: readonly { readonly name: string; readonly why: string }[];
}

/** What a lookup costs beside the tables that it reads: a part of it for itself, and for each run. */
const LOOKUP_COST = 0.25;
const RUN_COST = 0.05;
const SHARE_MIN = 0.1;

/**
 * Advises on a trace. Deterministic.
 *
 * @param candidates - borrowed
 * @throws LSM_INVALID_ARGUMENT for impossible options
 */
export function advise(
  trace: Trace,
  candidates: readonly Candidate[],
  options: AdviceOptions = {},
): Advice {
  return drained(adviseSteps(trace, candidates, options));
}

/** As {@link advise}, pausing after each simulated flush. */
export function* adviseSteps(
  trace: Trace,
  candidates: readonly Candidate[],
  options: AdviceOptions = {},
): Generator<void, Advice, void> {
  const script = replayScript(trace, options);
  const mix = mixOf(trace);
  const weights = options.weights ?? defaultWeights(mix);
  const { kept, dropped } = shortlisted(script, candidates, weights, options);
  const rows = yield* whatIfSteps(script, kept, options);
  const durationMs = Math.max(1, script.times.at(-1) ?? 1);
  const costs = rows.flatMap((row) =>
    row.result === null ? [] : [{ row, cost: costOf(row.result, mix, durationMs) }],
  );
  for (const { name, failure } of rows) if (failure !== null) dropped.push({ name, why: failure });
  const scored = score(costs, weights).toSorted((a, b) => a.score - b.score);
  const current = scored.find(({ row }) => row.name === options.current);
  const ranking = scored.map(({ row, score: own }): RankedCandidate => {
    const other =
      current === undefined || row === current.row ? otherThan(scored, row) : current.row;
    const reasons = other === undefined ? [] : compare(row.result!, other);
    return { name: row.name, setting: row.setting, score: own, result: row.result!, reasons };
  });
  return { ...decide(ranking, options), ranking, weights, dropped };
}

/** Operations of a trace, by what they are. */
interface Mix {
  readonly writes: number;
  readonly hits: number;
  readonly misses: number;
  readonly scans: number;
}

function mixOf({ operations }: Trace): Mix {
  const counts = new Float64Array(16);
  for (const kind of operations.kinds) counts[kind] = counts[kind]! + 1;
  const of = (...kinds: number[]): number => kinds.reduce((sum, kind) => sum + counts[kind]!, 0);
  return {
    writes: of(TraceKind.put, TraceKind.delete, TraceKind.rangeDelete),
    hits: of(TraceKind.getHit),
    misses: of(TraceKind.getMiss),
    scans: of(TraceKind.scan, TraceKind.scanReverse),
  };
}

function defaultWeights({ writes, hits, misses, scans }: Mix): AdviceWeights {
  const reads = hits + misses + scans;
  const share = writes / Math.max(1, writes + reads);
  return { write: Math.max(SHARE_MIN, share), read: Math.max(SHARE_MIN, 1 - share), space: 0.5 };
}

function shortlisted(
  { keyCount, entryBytes, flushEntries }: ReplayScript,
  candidates: readonly Candidate[],
  weights: AdviceWeights,
  { shortlist = 6, current }: AdviceOptions,
): { kept: readonly Candidate[]; dropped: { name: string; why: string }[] } {
  const workload = { dataBytes: keyCount * entryBytes, flushBytes: flushEntries * entryBytes };
  const predictions: { candidate: Candidate; cost: Cost }[] = [];
  const dropped: { name: string; why: string }[] = [];
  const kept = new Set<Candidate>();
  for (const candidate of candidates) {
    const { strategy, name } = candidate;
    if (strategy.predict === undefined || name === current) kept.add(candidate);
    if (strategy.predict === undefined) continue;
    try {
      predictions.push({ candidate, cost: predictedCost(strategy.predict(workload)) });
    } catch (error) {
      kept.delete(candidate);
      dropped.push({ name, why: error instanceof Error ? error.message : String(error) });
    }
  }
  const ranked = score(
    predictions.map(({ candidate, cost }) => ({ row: candidate, cost })),
    weights,
  ).toSorted((a, b) => a.score - b.score);
  for (const [rank, { row }] of ranked.entries()) {
    if (rank < shortlist) kept.add(row);
    else if (!kept.has(row)) dropped.push({ name: row.name, why: 'by formula, others are better' });
  }
  return { kept: candidates.filter((candidate) => kept.has(candidate)), dropped };
}

interface Cost {
  readonly write: number;
  readonly read: number;
  readonly space: number;
}

function predictedCost({ writeAmplification, runs, spaceAmplification }: CostVector): Cost {
  return {
    write: 1 + writeAmplification,
    read: LOOKUP_COST + RUN_COST * runs,
    space: spaceAmplification,
  };
}

function costOf(result: ReplayResult, mix: Mix, durationMs: number): Cost {
  const { meanRuns, tablesPerHit, tablesPerMiss, runsPerScan } = result;
  const lookup = LOOKUP_COST + RUN_COST * meanRuns;
  const reads = mix.hits + mix.misses + mix.scans;
  const sum =
    mix.hits * (lookup + (tablesPerHit ?? 0)) +
    mix.misses * (lookup + (tablesPerMiss ?? 0)) +
    mix.scans * (runsPerScan ?? meanRuns);
  return {
    // The log is one more; a stop makes every write of that time wait.
    write: (1 + result.writeAmplification) * (1 + result.stallMs / durationMs),
    read: reads === 0 ? lookup : sum / reads,
    space: Math.max(1, result.spaceAmplification),
  };
}

function score<R>(
  costs: readonly { readonly row: R; readonly cost: Cost }[],
  weights: AdviceWeights,
): { row: R; score: number }[] {
  const names = ['write', 'read', 'space'] as const;
  const sum = Math.max(1e-9, weights.write + weights.read + weights.space);
  const best = (name: keyof Cost): number => Math.min(...costs.map(({ cost }) => cost[name]));
  const least = { write: best('write'), read: best('read'), space: best('space') };
  return costs.map(({ row, cost }) => {
    let log = 0;
    for (const name of names) log += weights[name] * Math.log(cost[name] / least[name]);
    return { row, score: Math.exp(log / sum) };
  });
}

function otherThan(
  scored: readonly { readonly row: WhatIfRow }[],
  own: WhatIfRow,
): WhatIfRow | undefined {
  return scored.find(({ row }) => row !== own)?.row;
}

/** Differences below this are not worth words. */
const NOTICEABLE = 0.05;

function compare(own: ReplayResult, { name, result }: WhatIfRow): string[] {
  const other = result!;
  const reasons = [
    difference(
      own.writeAmplification,
      other.writeAmplification,
      name,
      'writes',
      'bytes for each byte written',
    ),
    difference(
      own.spaceAmplification,
      other.spaceAmplification,
      name,
      'takes',
      'times the live data',
    ),
    differenceOrNull(own.tablesPerMiss, other.tablesPerMiss, name, 'tables for an absent key'),
    differenceOrNull(own.tablesPerHit, other.tablesPerHit, name, 'tables for a key that it finds'),
    differenceOrNull(own.runsPerScan, other.runsPerScan, name, 'runs for a scan'),
  ];
  if (own.stallMs > other.stallMs + 1) reasons.push(`stops writers for ${number(own.stallMs)} ms`);
  if (other.stallMs > own.stallMs + 1) {
    reasons.push(
      `spares ${number(other.stallMs - own.stallMs)} ms in which writers would stand still`,
    );
  }
  return reasons.filter((reason) => reason !== null);
}

function difference(
  own: number,
  other: number,
  name: string,
  verb: string,
  what: string,
): string | null {
  const ratio = own / Math.max(1e-9, other) - 1;
  if (Math.abs(ratio) < NOTICEABLE) return null;
  const percent = `${Math.round(Math.abs(ratio) * 100)} % ${ratio < 0 ? 'less' : 'more'}`;
  return `${verb} ${number(own)} ${what}, ${percent} than ${name} (${number(other)})`;
}

function differenceOrNull(
  own: number | null,
  other: number | null,
  name: string,
  what: string,
): string | null {
  if (own === null || other === null || Math.max(own, other) < 0.01) return null;
  return difference(own, other, name, 'reads', what);
}

function number(value: number): string {
  return value >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(2)));
}

function decide(
  ranking: readonly RankedCandidate[],
  { threshold = 0.15, current }: AdviceOptions,
): Pick<Advice, 'recommendation' | 'summary'> {
  const [best] = ranking;
  if (best === undefined) return { recommendation: null, summary: 'No candidate gave a result.' };
  const used = ranking.find(({ name }) => name === current);
  const recommendation = { name: best.name, setting: best.setting };
  const why = best.reasons.length === 0 ? '' : `: it ${best.reasons.join('; ')}`;
  if (used === undefined) return { recommendation, summary: `${best.name} suits best${why}.` };
  if (used === best) {
    return { recommendation: null, summary: `${best.name}, which is in use, suits best.` };
  }
  const gain = used.score / best.score - 1;
  const percent = `${Math.round(gain * 100)} %`;
  if (gain < threshold) {
    const summary = `${best.name} would be better than ${used.name} by ${percent}, which is too little for a switch.`;
    return { recommendation: null, summary };
  }
  return {
    recommendation,
    summary: `${best.name} is better than ${used.name} by ${percent}${why}.`,
  };
}
