/** Latencies by kind of operation, in the platform's own histogram (ns, 3 significant digits). */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import type { LatencyResult, LatencyTailPoint } from '../results.ts';
import type { OperationKind } from '../workloads/workload.ts';

/** Shares of slower calls at which the tail is read, as far as there are calls enough. */
const TAIL_SHARES = [0.99, 0.9, 0.75, 0.5, 0.25].concat(
  [1, 2, 3, 4, 5, 6, 7].flatMap((power) => [10, 5, 2.5].map((share) => share / 10 ** (power + 1))),
);

/** See the head of the file. */
export class LatencyRecorder {
  readonly #histograms = new Map<OperationKind, RecordableHistogram>();
  #lastKind: OperationKind | null = null;
  #last: RecordableHistogram | null = null;

  /** Records one operation that took `ms`. */
  record(kind: OperationKind, ms: number): void {
    if (kind !== this.#lastKind) this.#select(kind);
    this.#last!.record(Math.max(1, Math.round(ms * 1e6)));
  }

  /** The figures, most frequent kind first. */
  results(): LatencyResult[] {
    return [...this.#histograms]
      .map(([kind, histogram]) => ({
        kind,
        count: histogram.count,
        meanUs: histogram.mean / 1000,
        p50Us: histogram.percentile(50) / 1000,
        p99Us: histogram.percentile(99) / 1000,
        p999Us: histogram.percentile(99.9) / 1000,
        maxUs: histogram.max / 1000,
        tail: tailOf(histogram),
      }))
      .sort((a, b) => b.count - a.count);
  }

  #select(kind: OperationKind): void {
    let histogram = this.#histograms.get(kind);
    if (histogram === undefined) {
      histogram = createHistogram({ figures: 3 });
      this.#histograms.set(kind, histogram);
    }
    this.#lastKind = kind;
    this.#last = histogram;
  }
}

function tailOf(histogram: RecordableHistogram): LatencyTailPoint[] {
  const { count, max } = histogram;
  const points = TAIL_SHARES.filter((share) => share * count > 1).map((share) => ({
    share,
    us: histogram.percentile(100 * (1 - share)) / 1000,
  }));
  return [...points, { share: 1 / count, us: max / 1000 }];
}
