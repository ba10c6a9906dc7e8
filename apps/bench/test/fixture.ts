/** Results with known figures, for the tests of what is made from results. */
import type { BenchResults, PhaseResult, RunResult } from '../src/results.ts';

const COUNTERS: NonNullable<PhaseResult['counters']> = {
  userBytes: 1000,
  logBytes: 1200,
  flushBytes: 1000,
  compactionReadBytes: 4000,
  compactionWriteBytes: 3800,
  flushes: 3,
  compactions: 2,
  moves: 0,
  gets: 100,
  memtableHits: 0,
  runsProbed: 150,
  blockReads: 90,
  blockReadBytes: 360_000,
  cacheHits: 10,
  cacheMisses: 90,
  filterNegatives: 40,
  filterPositives: 60,
  filterFalsePositives: 1,
  slowdowns: 0,
  slowdownMs: 0,
  stalls: 1,
  stallMs: 12,
};

function phase(name: string, rate: number, kind: string): PhaseResult {
  return {
    name,
    calls: `${kind}, "quoted", </script>`,
    kind: 'operations',
    startMs: 0,
    seconds: 100 / rate,
    operations: 100,
    operationsPerSecond: rate,
    entries: null,
    entriesPerSecond: null,
    latencies: [
      {
        kind,
        count: 100,
        meanUs: 2.5,
        p50Us: 2,
        p99Us: 9.25,
        p999Us: 30,
        maxUs: 1 / 3,
        tail: [
          { share: 0.5, us: 2 },
          { share: 0.25, us: 2 },
          { share: 0.1, us: 4 * rate },
          { share: 0.01, us: 9 * rate },
        ],
      },
    ],
    counters: COUNTERS,
    cpuSeconds: 0.5,
    loopDelayP99Ms: null,
  };
}

function run(variant: string, repeat: number, rate: number): RunResult {
  return {
    experiment: 'strategies',
    variant,
    workload: 'real',
    repeat,
    seed: 7,
    seconds: 2,
    phases: [phase('load', rate, 'put'), phase('lookup missing', rate * 2, 'miss')],
    samples: [0, 1, 2].map((i) => ({
      atMs: i * 500,
      phase: 0,
      operations: i * 50,
      levels: [
        { level: 0, runs: 1, tables: 1, bytes: 1000 * i },
        { level: 3, runs: 1, tables: 2, bytes: 5000 * i },
      ],
      diskBytes: 7000 * i,
    })),
    events: [
      { kind: 'stall', startMs: 100, endMs: 200, detail: 'memtables' },
      { kind: 'compaction', startMs: 0, endMs: 300, detail: 'merge to level 3 <b>' },
    ],
    amplification: {
      write: 6,
      writeLog: 1.2,
      readBlocksPerLookup: 0.9,
      runsPerLookup: 1.5,
      space: 1.25,
      spacePeak: 2,
      spaceByEngine: 1.2,
    },
    filters: {
      levels: [{ level: 0, entries: 10, bitsPerKey: 14.4 }],
      bytes: 18,
      bitsPerKeyMean: 14.4,
      falsePositivesPerMiss: 0.01,
      falsePositiveRate: 0.02,
    },
    checks: [{ claim: 'tables were read', evidence: '100 of 100' }],
    liveEntries: 100,
    liveBytes: 1000,
    directoryBytes: 1250,
    residentBytes: 1,
    strategy: variant,
    executor: 'worker',
  };
}

export const RESULTS: BenchResults = {
  format: 1,
  command: 'compare <x>',
  startedAt: '2026-01-01T00:00:00.000Z',
  seconds: 12,
  durability: 'os',
  repeats: 3,
  seed: 7,
  rate: null,
  environment: { processor: 'a & b', governor: null },
  experiments: [
    {
      name: 'strategies',
      title: 'Compaction strategies',
      data: '100 entries',
      variants: [
        { name: 'leveled', options: { compaction: 'leveled' } },
        { name: 'tiered', options: { compaction: 'tiered' } },
      ],
      workloads: [{ name: 'real', title: 'life of a data set' }],
      runs: [1, 2, 3].flatMap((repeat) => [
        run('leveled', repeat, 1000 + repeat),
        run('tiered', repeat, 2000 + repeat),
      ]),
    },
  ],
};
