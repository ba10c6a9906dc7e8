/**
 * One run: a new database, the phases of a workload, the checks, the sums.
 *
 * After a phase that asks for it, memory is flushed and background work awaited; that is a phase of its own, so the
 * work that writing leaves behind is neither hidden nor charged to the reads that follow.
 */
import type { DataSet } from '../data/data-set.ts';
import { Model } from '../model.ts';
import { SeededDraws } from '../random.ts';
import type {
  AmplificationResult,
  CheckResult,
  FilterResult,
  PhaseCounters,
  PhaseResult,
  RunResult,
} from '../results.ts';
import type { Store, StoreStats } from '../stores/store.ts';
import type { Phase, Workload, WorkloadContext, WorkloadSizes } from '../workloads/workload.ts';
import { checkContent, checkPhase, checkTree } from './checks.ts';
import { directoryBytes } from './directory-bytes.ts';
import { countersBetween } from './phase-counters.ts';
import { type RunProgress, runPhase } from './phase-runner.ts';
import { Sampler } from './sampler.ts';

/** Which run it is. */
interface RunIdentity {
  readonly experiment: string;
  readonly variant: string;
  readonly repeat: number;
  readonly seed: number;
}

/** What a run needs. */
export interface RunSetting extends RunIdentity {
  readonly workload: Workload;
  readonly data: DataSet;
  readonly sizes: WorkloadSizes;
  readonly rate: number | null;
  /** `false` for a warm-up, whose figures prove nothing and are not checked for it. Default true. */
  readonly counts?: boolean;
  /** Told when a phase begins. */
  readonly onPhase?: (phase: string, operations: number, progress: RunProgress) => void;
  /** Told when a phase has ended. */
  readonly onPhaseEnd?: (result: PhaseResult) => void;
}

/**
 * Runs a workload on an open, empty store; the caller closes it.
 *
 * @throws VoidFigure, WrongAnswer if the figures do not count
 */
export async function runWorkload(store: Store, setting: RunSetting): Promise<RunResult> {
  const model = new Model(setting.data);
  const progress: RunProgress = { operations: 0, phase: 0 };
  const sampler = new Sampler(store, progress);
  const results: PhaseResult[] = [];
  const checks: CheckResult[] = [];
  const counts = setting.counts !== false;
  try {
    const draws = new SeededDraws(setting.seed);
    const { data, sizes, workload } = setting;
    const context = { store, data, model, draws, sizes, tally: { entries: 0 } };
    for (const phase of workload.phases(context)) {
      context.tally.entries = 0;
      const result = await timePhase(context, phase, setting, sampler, progress);
      results.push(result);
      setting.onPhaseEnd?.(result);
      if (counts) checks.push(...checkPhase(phase, result, hasFilters(store)));
      progress.phase = results.length;
      if (phase.settle === true) results.push(await settle(store, phase, sampler));
      progress.phase = results.length;
    }
    sampler.sample();
  } finally {
    sampler.stop();
  }
  const stats = store.stats?.();
  if (counts && stats !== undefined) checks.push(...checkTree(stats));
  const live = model.live();
  const bytes = directoryBytes(store.directory);
  const seconds = sampler.elapsedMs() / 1000;
  const peak = sampler.samples.reduce((most, sample) => Math.max(most, sample.diskBytes), 0);
  checks.push(await checkContent(store, model));
  return {
    experiment: setting.experiment,
    variant: setting.variant,
    workload: setting.workload.name,
    repeat: setting.repeat,
    seed: setting.seed,
    seconds,
    phases: results,
    samples: sampler.samples,
    events: sampler.events,
    amplification:
      stats === undefined ? null : amplificationOf(stats, results, bytes, peak, live.bytes),
    filters: stats === undefined ? null : filtersOf(stats, results),
    checks,
    liveEntries: live.entries,
    liveBytes: live.bytes,
    directoryBytes: bytes,
    residentBytes: process.memoryUsage.rss(),
    strategy: stats?.strategy ?? '',
    executor: stats?.executor ?? '',
  };
}

/** Whether any level has a filter or another point index. */
function hasFilters(store: Store): boolean {
  return store.stats?.().filters.bitsPerKey.some(({ bits }) => bits > 0) === true;
}

async function timePhase(
  { store, tally }: WorkloadContext,
  phase: Phase,
  setting: RunSetting,
  sampler: Sampler,
  progress: RunProgress,
): Promise<PhaseResult> {
  setting.onPhase?.(phase.name, phase.operations, progress);
  sampler.sample();
  const before = store.stats?.();
  const startMs = sampler.elapsedMs();
  const cpu = process.cpuUsage();
  const timing = await runPhase(phase, setting.rate, progress);
  const used = process.cpuUsage(cpu);
  const entries = phase.countsEntries === true ? tally.entries : null;
  return {
    name: phase.name,
    calls: phase.calls,
    kind: 'operations',
    startMs,
    seconds: timing.seconds,
    operations: phase.operations,
    operationsPerSecond: phase.operations / timing.seconds,
    entries,
    entriesPerSecond: entries === null ? null : entries / timing.seconds,
    latencies: timing.latencies.results(),
    counters: before === undefined ? null : countersBetween(before, store.stats!()),
    cpuSeconds: (used.user + used.system) / 1e6,
    loopDelayP99Ms: timing.loopDelayP99Ms,
  };
}

async function settle(store: Store, phase: Phase, sampler: Sampler): Promise<PhaseResult> {
  const before = store.stats?.();
  const startMs = sampler.elapsedMs();
  const cpu = process.cpuUsage();
  await store.flush();
  await store.idle();
  const used = process.cpuUsage(cpu);
  return {
    name: `settle after ${phase.name}`,
    calls: 'flush, idle',
    kind: 'settle',
    startMs,
    seconds: (sampler.elapsedMs() - startMs) / 1000,
    operations: 0,
    operationsPerSecond: 0,
    entries: null,
    entriesPerSecond: null,
    latencies: [],
    counters: before === undefined ? null : countersBetween(before, store.stats!()),
    cpuSeconds: (used.user + used.system) / 1e6,
    loopDelayP99Ms: null,
  };
}

function amplificationOf(
  stats: StoreStats,
  phases: readonly PhaseResult[],
  diskBytes: number,
  peakBytes: number,
  liveBytes: number,
): AmplificationResult {
  const { counters } = stats;
  const written = counters.flushBytes + counters.compactionWriteBytes + counters.logBytes;
  // Only phases that do nothing but look up: scans and merges read blocks too.
  const lookups = phases.filter((phase) => phase.latencies.every(isLookup)).map(countersOf);
  const sum = (of: (counted: PhaseCounters) => number): number =>
    lookups.reduce((total, counted) => total + (counted === null ? 0 : of(counted)), 0);
  const gets = sum((counted) => counted.gets);
  return {
    write: written / counters.userBytes,
    writeLog: counters.logBytes / counters.userBytes,
    readBlocksPerLookup: gets === 0 ? null : sum((counted) => counted.blockReads) / gets,
    runsPerLookup: gets === 0 ? null : sum((counted) => counted.runsProbed) / gets,
    space: diskBytes / liveBytes,
    spacePeak: peakBytes / liveBytes,
    spaceByEngine: stats.spaceAmplification,
  };
}

function isLookup({ kind }: { kind: string }): boolean {
  return kind === 'get' || kind === 'miss';
}

function countersOf(phase: PhaseResult): PhaseCounters | null {
  return phase.counters;
}

function filtersOf(stats: StoreStats, phases: readonly PhaseResult[]): FilterResult {
  const levels = stats.filters.bitsPerKey.map(({ level, bits }) => ({
    level,
    entries: stats.levels.find((one) => one.level === level)?.entries ?? 0,
    bitsPerKey: bits,
  }));
  const entries = levels.reduce((sum, level) => sum + level.entries, 0);
  const bits = levels.reduce((sum, level) => sum + level.entries * level.bitsPerKey, 0);
  const misses = phases.filter(({ latencies }) => latencies[0]?.kind === 'miss');
  let lookups = 0;
  let wrong = 0;
  let negatives = 0;
  for (const { counters } of misses) {
    if (counters === null) continue;
    lookups += counters.gets;
    wrong += counters.filterFalsePositives;
    negatives += counters.filterNegatives;
  }
  return {
    levels,
    bytes: bits / 8,
    bitsPerKeyMean: entries === 0 ? 0 : bits / entries,
    falsePositivesPerMiss: lookups === 0 ? null : wrong / lookups,
    falsePositiveRate: wrong + negatives === 0 ? null : wrong / (wrong + negatives),
  };
}
