/**
 * One cell of the matrix: a strategy under a workload at a size, on an engine with a database on disk, and on the
 * simulator.
 *
 * The workload is given time: after each flush the next operation waits until no work is left. So the counted bytes
 * and reads depend on the operations alone, not on how fast this machine is or what else it does, and the simulator,
 * which knows no time, goes the same way. Speed is measured apart, where the workload goes on without waiting.
 */
import type { DataSet } from '../data/data-set.ts';
import { GeneratedData } from '../data/generated.ts';
import { Model } from '../model.ts';
import { mixWord, SeededDraws } from '../random.ts';
import type { CheckResult } from '../results.ts';
import { checkContent, VoidFigure } from '../run/checks.ts';
import { countersBetween } from '../run/phase-counters.ts';
import { runPhase } from '../run/phase-runner.ts';
import type { Store, StoreStats } from '../stores/store.ts';
import { retentionMs } from '../workloads/lives.ts';
import type { OperationKind, Phase, Workload, WorkloadContext } from '../workloads/workload.ts';
import { CellMeter } from './cell-meter.ts';
import { ClockedStore } from './clocked-store.ts';
import type { Calibration, MatrixConfig } from './matrix-config.ts';
import { predictionOf } from './prediction.ts';
import type { CellFigures, EngineExtras, MatrixCell } from './results.ts';
import { SimulatedData } from './simulated-data.ts';
import { SimulatedStore } from './simulated-store.ts';
import type { MatrixStrategy } from './strategies.ts';

/** Which cell it is. */
export interface CellSetting {
  readonly config: MatrixConfig;
  readonly calibration: Calibration;
  readonly strategy: MatrixStrategy;
  readonly workload: Workload;
  /** Data as a multiple of a memtable. */
  readonly size: number;
}

/** Writes under way at once where the workload goes on at full speed. */
const IN_FLIGHT = 64;
/** Operations at full speed, as a share of those that were measured. */
const FULL_SPEED_SHARE = 0.25;

/** Runs the cell on both and puts them beside each other; differences are explained elsewhere. */
export async function runCell(
  setting: CellSetting,
  directory: string,
): Promise<Omit<MatrixCell, 'differences'>> {
  const { calibration, strategy, workload, size } = setting;
  const entries = Math.round(size * calibration.memtablePuts);
  const engine = await runOnEngine(setting, entries, directory);
  const simulator = await runOnSimulator(setting, entries, engine.fillings);
  return {
    strategy: strategy.name,
    workload: workload.name,
    size,
    entries,
    engine: engine.figures,
    extras: engine.extras,
    simulator,
    predicted: predictionOf(setting, entries, engine.figures.facts),
    checks: engine.checks,
  };
}

interface EngineOutcome {
  readonly figures: CellFigures;
  readonly extras: EngineExtras;
  readonly checks: readonly CheckResult[];
  readonly fillings: readonly number[];
}

async function runOnEngine(
  setting: CellSetting,
  entries: number,
  directory: string,
): Promise<EngineOutcome> {
  const { config, strategy } = setting;
  const start = performance.now();
  const { keyBytes, valueBytes, seed } = config;
  const inserts = insertsOf(config, entries);
  const data = new GeneratedData({ entries, inserts, keyBytes, valueBytes, seed });
  const clocked = await ClockedStore.open(directory, config, strategy.make(retentionMs(data)));
  const { store } = clocked;
  try {
    const run = startRun(setting, store, data);
    const { readRates, fillings } = await drive(run, () => clocked.takeFlushed());
    const largestTaskBytes = clocked.largestTaskBytes;
    const checks = checkCell(store.stats(), run.meter.logAmplification() !== null, strategy);
    const fullSpeed = await goOn(run);
    checks.push(await checkContent(store, run.context.model));
    await store.compact();
    const { tableBytes, levels } = store.stats();
    const kept = levels.reduce((sum, level) => sum + level.entries, 0);
    const entryBytes = tableBytes / Math.max(1, kept);
    return {
      figures: run.meter.figures(entryBytes, largestTaskBytes, flushedBytesOf(setting)),
      extras: {
        logAmplification: run.meter.logAmplification(),
        fullSpeed,
        readRates,
        compactedBytes: tableBytes,
        seconds: (performance.now() - start) / 1000,
      },
      checks,
      fillings,
    };
  } finally {
    await store.close();
  }
}

/** How much the engine's memtables held, by phase, is given to the simulator: it is no figure of a strategy. */
async function runOnSimulator(
  setting: CellSetting,
  entries: number,
  fillings: readonly number[],
): Promise<CellFigures> {
  const { config, calibration, strategy } = setting;
  const { keyBytes, valueBytes } = config;
  const capacity = entries + insertsOf(config, entries);
  const data = new SimulatedData(entries, capacity, keyBytes + valueBytes);
  const store = new SimulatedStore(strategy.make(retentionMs(data)), config, calibration, data);
  const run = startRun(setting, store, data);
  let flushes = 0;
  const beginPhase = (place: number): void => {
    store.memtableScale = fillings[place]!;
  };
  const takeFlushed = (): boolean => {
    const flushed = store.flushes !== flushes;
    ({ flushes } = store);
    return flushed;
  };
  await drive(run, takeFlushed, beginPhase);
  const { largestTaskBytes } = store.simulator.stats;
  return run.meter.figures(calibration.putBytes, largestTaskBytes, flushedBytesOf(setting));
}

interface Run {
  readonly context: WorkloadContext;
  readonly phases: readonly Phase[];
  readonly meter: CellMeter;
  readonly calibration: Calibration;
}

function startRun(
  { workload, config, size, calibration }: CellSetting,
  store: Store,
  data: DataSet,
): Run {
  const context: WorkloadContext = {
    store,
    data,
    model: new Model(data),
    draws: new SeededDraws(mixWord(config.seed)),
    sizes: { operations: Math.ceil(config.turns * data.count), inFlight: IN_FLIGHT },
    tally: { entries: 0 },
  };
  const reads = new SeededDraws(mixWord(config.seed + 1));
  return {
    context,
    phases: workload.phases(context),
    meter: new CellMeter(context, reads, size * config.turns),
    calibration,
  };
}

/** What was seen on the way through the phases. */
interface Drive {
  /** Of phases that only read. */
  readonly readRates: EngineExtras['readRates'];
  /** By phase: what a memtable held, 1 for as much as was calibrated. */
  readonly fillings: readonly number[];
}

/** Goes through the phases, waiting after each flush. */
async function drive(
  { context, phases, meter, calibration }: Run,
  takeFlushed: () => boolean,
  beginPhase?: (place: number) => void,
): Promise<Drive> {
  const { store } = context;
  const readRates: { phase: string; perSecond: number }[] = [];
  const fillings: number[] = [];
  for (const [place, phase] of phases.entries()) {
    beginPhase?.(place);
    meter.begin(phase);
    const filling = new Filling(calibration);
    const start = performance.now();
    for (let i = 0; i < phase.operations; i++) {
      const done = phase.step(i);
      const kind = typeof done === 'string' ? done : await done;
      meter.did(kind);
      filling.add(kind);
      if (!takeFlushed()) continue;
      filling.full();
      await store.idle();
      await meter.observe();
    }
    fillings.push(filling.mean());
    const perSecond = (phase.operations / (performance.now() - start)) * 1000;
    if (phase.touches === 'tables') readRates.push({ phase: phase.name, perSecond });
    if (phase.settle === true) {
      await store.flush();
      await store.idle();
      takeFlushed();
    }
    await meter.end();
  }
  return { readRates, fillings };
}

/** How much memtables hold, 1 for as much as was calibrated. */
class Filling {
  readonly #calibration: Calibration;
  #held = 0;
  #sum = 0;
  #count = 0;

  constructor(calibration: Calibration) {
    this.#calibration = calibration;
  }

  add(kind: OperationKind): void {
    if (kind === 'put') this.#held += 1 / this.#calibration.memtablePuts;
    if (kind === 'delete') this.#held += 1 / this.#calibration.memtableDeletes;
  }

  full(): void {
    this.#sum += this.#held;
    this.#held = 0;
    this.#count++;
  }

  mean(): number {
    return this.#count === 0 ? 1 : this.#sum / this.#count;
  }
}

/** Goes on with the last phase at full speed, if it can. */
async function goOn({ context, phases }: Run): Promise<EngineExtras['fullSpeed']> {
  const { store } = context;
  const phase = phases.at(-1)!;
  if (phase.goesOn !== true) return null;
  const before = store.stats!();
  const operations = Math.ceil(phase.operations * FULL_SPEED_SHARE);
  const step = (i: number): ReturnType<Phase['step']> => phase.step(phase.operations + i);
  const progress = { operations: 0, phase: 0 };
  const { seconds } = await runPhase({ ...phase, operations, step }, null, progress);
  const { stalls, stallMs, slowdownMs } = countersBetween(before, store.stats!());
  await store.flush();
  await store.idle();
  return { operationsPerSecond: operations / seconds, stalls, stallMs, slowdownMs };
}

function insertsOf({ turns }: MatrixConfig, entries: number): number {
  return Math.ceil(turns * entries);
}

function flushedBytesOf({
  calibration: { putBytes, deleteBytes },
}: CellSetting): (puts: number, deletes: number) => number {
  return (puts, deletes) => puts * putBytes + deletes * deleteBytes;
}

/** Proves that tables, filters and merges were there. */
function checkCell(stats: StoreStats, writes: boolean, strategy: MatrixStrategy): CheckResult[] {
  const { counters, filters, cache, blocks } = stats;
  const claims: readonly (readonly [string, boolean, string])[] = [
    [
      'data reached tables',
      counters.flushes >= 2 && stats.tables > 0,
      `${counters.flushes} flushes, ${stats.tables} tables in ${stats.runs} runs`,
    ],
    [
      'tables were merged or moved',
      strategy.isLossy || !writes || counters.compactions + counters.moves > 0,
      `${counters.compactions} compactions, ${counters.moves} moves`,
    ],
    [
      'lookups went to tables',
      counters.runsProbed > 0 && counters.memtableHits * 2 < counters.gets,
      `${counters.gets} lookups, ${counters.memtableHits} answered by memtables, ${counters.runsProbed} runs asked`,
    ],
    [
      'filters were asked, and said no',
      filters.negatives > 0,
      `${filters.negatives} times no, ${filters.falsePositives} wrong yes`,
    ],
    [
      'blocks were read from files',
      blocks.reads > 0,
      `${blocks.reads} blocks from files, ${cache.hits} from the cache`,
    ],
  ];
  return claims.map(([claim, holds, evidence]) => {
    if (!holds) throw new VoidFigure(`Not true of this run: ${claim} (${evidence}).`);
    return { claim, evidence };
  });
}
