/**
 * Tails of latencies: for each phase, the share of calls that took longer than so many µs. Of each point the median of
 * the repeats; the frequent kind of operation of a phase stands for it.
 */
import type { ExperimentResult, LatencyTailPoint, RunResult } from '../results.ts';
import type { TailChart } from './charts.ts';
import { spreadOf } from './summary.ts';

/** Calls below which a tail says nothing. */
const CALLS_MIN = 20;

/** A chart for each phase of one workload whose calls were timed; axes are common, so that they compare. */
export function tailCharts(
  { variants, runs }: ExperimentResult,
  workload: string,
  id: string,
): TailChart[] {
  const ofVariant = variants.map(({ name }) =>
    runs.filter((run) => run.workload === workload && run.variant === name),
  );
  const phases = [
    ...new Set(ofVariant.flat().flatMap((run) => run.phases.map(({ name }) => name))),
  ];
  const tails = phases
    .map((phase) => ({
      phase,
      tails: ofVariant.map((repeats) => medianTail(repeats, phase)),
    }))
    .filter((one) => one.tails.some((tail) => tail.length > 0));
  const all = tails.flatMap((one) => one.tails.flat());
  const usMin = Math.min(...all.map(({ us }) => us));
  const usMax = Math.max(...all.map(({ us }) => us));
  const shareMin = Math.min(...all.map(({ share }) => share));
  return tails.map((one, i) => ({
    kind: 'tail',
    id: `${id}-tail-${i}`,
    title: one.phase,
    usMin,
    usMax,
    shareMin,
    ...joined(
      variants.map(({ name }) => name),
      one.tails,
    ),
  }));
}

/** Latencies at the shares that every repeat has, ascending; one point for each latency. */
function medianTail(repeats: readonly RunResult[], phase: string): LatencyTailPoint[] {
  const tails = repeats.flatMap((run) =>
    run.phases
      .filter(({ name, latencies }) => name === phase && (latencies[0]?.count ?? 0) >= CALLS_MIN)
      .map(({ latencies }) => new Map(latencies[0]!.tail.map(({ share, us }) => [share, us]))),
  );
  const points = new Map<number, number>();
  for (const share of tails[0]?.keys() ?? []) {
    const all = tails.map((tail) => tail.get(share)).filter((us) => us !== undefined);
    // A later share of the same latency is smaller, and it is the one that holds.
    if (all.length === tails.length) points.set(spreadOf(all)!.median, share);
  }
  return [...points]
    .map(([us, share]) => ({ share, us }))
    .filter(({ us }) => us > 0)
    .sort((a, b) => a.us - b.us);
}

/** Lines over one axis of latencies. */
function joined(
  names: readonly string[],
  tails: readonly (readonly LatencyTailPoint[])[],
): Pick<TailChart, 'us' | 'series'> {
  const us = [...new Set(tails.flatMap((tail) => tail.map((point) => point.us)))].sort(
    (a, b) => a - b,
  );
  const series = names.map((name, i) => {
    const shares = new Map(tails[i]!.map((point) => [point.us, point.share]));
    return { name, shares: us.map((one) => shares.get(one) ?? null) };
  });
  return { us, series };
}
