/**
 * What a bench run leaves behind: plain data, as in results.json. Units are in the names; times are ms since the start
 * of their run unless said.
 */

/** Latencies of one kind of operation, µs. */
export interface LatencyResult {
  readonly kind: string;
  readonly count: number;
  readonly meanUs: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly maxUs: number;
  /** From most calls to the slowest one, for the chart of the tail. */
  readonly tail: readonly LatencyTailPoint[];
}

/** One point of the complementary distribution of latencies. */
export interface LatencyTailPoint {
  /** Share of the calls that took longer, > 0; at the last point 1 ÷ calls, for the slowest. */
  readonly share: number;
  readonly us: number;
}

/** Engine counters of one phase, as differences. */
export interface PhaseCounters {
  readonly userBytes: number;
  readonly logBytes: number;
  readonly flushBytes: number;
  readonly compactionReadBytes: number;
  readonly compactionWriteBytes: number;
  readonly flushes: number;
  readonly compactions: number;
  readonly moves: number;
  readonly gets: number;
  readonly memtableHits: number;
  readonly runsProbed: number;
  readonly blockReads: number;
  readonly blockReadBytes: number;
  readonly cacheHits: number;
  readonly cacheMisses: number;
  readonly filterNegatives: number;
  readonly filterPositives: number;
  readonly filterFalsePositives: number;
  readonly slowdowns: number;
  readonly slowdownMs: number;
  readonly stalls: number;
  readonly stallMs: number;
}

/** One phase of one run. */
export interface PhaseResult {
  readonly name: string;
  readonly calls: string;
  /** `operations` were timed, or the store was given time to `settle`. */
  readonly kind: 'operations' | 'settle';
  readonly startMs: number;
  readonly seconds: number;
  readonly operations: number;
  readonly operationsPerSecond: number;
  /** Entries returned by scans or written by batches, where that differs from `operations`. */
  readonly entries: number | null;
  readonly entriesPerSecond: number | null;
  readonly latencies: readonly LatencyResult[];
  readonly counters: PhaseCounters | null;
  readonly cpuSeconds: number;
  /** Delay of the event loop, ms; `null` where steps run synchronously and make the delay themselves. */
  readonly loopDelayP99Ms: number | null;
}

/** The tree at one moment. */
export interface ShapeSample {
  readonly atMs: number;
  readonly phase: number;
  /** Operations since the run began. */
  readonly operations: number;
  readonly levels: readonly LevelSample[];
  /** Tables, tables still held, logs and manifest. */
  readonly diskBytes: number;
}

/** One level in a sample. */
interface LevelSample {
  readonly level: number;
  readonly runs: number;
  readonly tables: number;
  readonly bytes: number;
}

/** Something on the time line. */
export interface EventResult {
  readonly kind: 'flush' | 'compaction' | 'stall' | 'slowdown';
  readonly startMs: number;
  readonly endMs: number;
  readonly detail: string;
}

/** Amplification of a whole run, from counted bytes. */
export interface AmplificationResult {
  /** (log + flush + compaction bytes written) ÷ bytes of keys and values written. */
  readonly write: number;
  /** The part of it that the log makes. */
  readonly writeLog: number;
  /** Blocks read from files ÷ lookups, over the phases that only look up; `null` if there is none. */
  readonly readBlocksPerLookup: number | null;
  /** Runs asked ÷ lookups, likewise. */
  readonly runsPerLookup: number | null;
  /** Bytes of all files in the directory ÷ bytes of live keys and values, at the end, nothing left to do. */
  readonly space: number;
  /** The largest sampled bytes on disk ÷ bytes of live keys and values at the end. */
  readonly spacePeak: number;
  readonly spaceByEngine: number;
}

/** One level's filters over the lookups of missing keys. */
interface FilterLevelResult {
  readonly level: number;
  readonly entries: number;
  readonly bitsPerKey: number;
}

/** Filters of one run. */
export interface FilterResult {
  readonly levels: readonly FilterLevelResult[];
  /** Σ entries × bits, bytes. */
  readonly bytes: number;
  readonly bitsPerKeyMean: number;
  /** Of the lookups of missing keys: table probes that a filter let through wrongly ÷ lookups. */
  readonly falsePositivesPerMiss: number | null;
  /** … ÷ all probes of filters. */
  readonly falsePositiveRate: number | null;
}

/** A proof that the figures are about what they claim. */
export interface CheckResult {
  readonly claim: string;
  readonly evidence: string;
}

/** One variant × workload × repeat. */
export interface RunResult {
  readonly experiment: string;
  readonly variant: string;
  readonly workload: string;
  readonly repeat: number;
  readonly seed: number;
  readonly seconds: number;
  readonly phases: readonly PhaseResult[];
  readonly samples: readonly ShapeSample[];
  readonly events: readonly EventResult[];
  readonly amplification: AmplificationResult | null;
  readonly filters: FilterResult | null;
  readonly checks: readonly CheckResult[];
  readonly liveEntries: number;
  readonly liveBytes: number;
  /** Bytes of all files in the directory at the end. */
  readonly directoryBytes: number;
  readonly residentBytes: number;
  readonly strategy: string;
  readonly executor: string;
}

/** One experiment: variants over workloads. */
export interface ExperimentResult {
  readonly name: string;
  readonly title: string;
  readonly data: string;
  readonly variants: readonly VariantResult[];
  readonly workloads: readonly { readonly name: string; readonly title: string }[];
  readonly runs: readonly RunResult[];
}

/** A variant and the settings that make it. */
interface VariantResult {
  readonly name: string;
  readonly options: Readonly<Record<string, unknown>>;
}

/** Everything of one call of the bench. */
export interface BenchResults {
  readonly format: 1;
  readonly command: string;
  readonly startedAt: string;
  readonly seconds: number;
  readonly durability: string;
  readonly repeats: number;
  readonly seed: number;
  readonly rate: number | null;
  readonly environment: Readonly<Record<string, string | number | null>>;
  readonly experiments: readonly ExperimentResult[];
}
