/**
 * The laboratory with strategies by name: `whatIf` and `advise` over a trace, and advice for an open database, by a
 * trace of it or by what it counted. Nothing is ever applied from here.
 */
import {
  type Advice,
  type AdviceOptions,
  advise as adviseOn,
  adviseSteps,
  type Candidate,
  type Trace,
  type WhatIfOptions,
  type WhatIfRow,
  whatIf as whatIfOn,
  workloadTrace,
} from '@lsm/compaction';
import { type Clock, type CompactionStrategy, invalidArgument, type Json } from '@lsm/core';
import type { Core } from '../database-core.ts';
import type { StrategySetting } from '../strategies.ts';
import { checkOptionNames } from '../write-batch.ts';
import { candidateOf, candidatesOf, defaultCandidates } from './candidates.ts';

/** Options of {@link advise}. */
export interface AdviseOptions extends Omit<AdviceOptions, 'current'> {
  /** What to choose from; default {@link defaultCandidates}. The strategy in use comes on top. */
  readonly candidates?: readonly StrategySetting[];
}

/** Options of `db.compaction.advise`. */
export interface DatabaseAdviseOptions extends AdviseOptions {
  /**
   * What was recorded of this database or a like one. Default: what it counted since its opening, as a uniform mix of
   * overwrites and lookups over the entries that it has, which is much rougher.
   */
  readonly trace?: Trace;
}

const ADVISE_NAMES = [
  'trace',
  'candidates',
  'weights',
  'shortlist',
  'threshold',
  'maxOperations',
  'maxKeys',
  'bytesPerMs',
  'filter',
  'bitsPerKey',
  'maxLookups',
  'maxScans',
];
/** Longest time for which the caller's thread is held at once, ms. */
const SLICE_MS = 8;

/**
 * Replays a trace over strategies: what each would have cost, in the simulator, with the planners and rules of the
 * engine. Deterministic. Takes some tenths of a second for each, on this thread.
 *
 * @param settings - as `setCompaction` takes them; default {@link defaultCandidates}
 * @returns a row for each, in their order
 * @throws LSM_INVALID_ARGUMENT
 */
export function whatIf(
  trace: Trace,
  settings: readonly StrategySetting[] = defaultCandidates(),
  options: WhatIfOptions = {},
): readonly WhatIfRow[] {
  return whatIfOn(checkedTrace(trace), candidatesOf(settings), options);
}

/**
 * Says which strategy suits a trace, with reasons, and the setting to give to `setCompaction` if that is wanted. The one
 * that the trace was recorded under stays unless another is better by `threshold` (0.15). On this thread.
 *
 * @throws LSM_INVALID_ARGUMENT
 */
export function advise(trace: Trace, options: AdviseOptions = {}): Advice {
  checkOptionNames(options, ADVISE_NAMES.slice(1), 'advise');
  const { candidates, ...rest } = options;
  const { all, current } = withPresent(candidates, presentOf(checkedTrace(trace)));
  return adviseOn(trace, all, { ...rest, ...current });
}

/**
 * Advises on an open database, in slices of this thread.
 *
 * @throws LSM_INVALID_ARGUMENT; LSM_CLOSED if it is closed meanwhile
 */
export async function adviseDatabase(core: Core, options: DatabaseAdviseOptions): Promise<Advice> {
  checkOptionNames(options, ADVISE_NAMES, 'advise');
  const { trace = countedTrace(core), candidates, ...rest } = options;
  const { strategy } = core.maintenance;
  const { all, current } = withPresent(candidates, strategy);
  const steps = adviseSteps(checkedTrace(trace), all, { ...rest, ...current });
  return sliced(steps, core.clock, () => core.checkOpen());
}

/** A trace as `decodeTrace` and `workloadTrace` make it. */
function checkedTrace(trace: Trace): Trace {
  if (trace?.header?.strategy === undefined || trace.operations?.times === undefined) {
    throw invalidArgument('A trace has to be what decodeTrace or workloadTrace made.');
  }
  return trace;
}

/** The strategy that a trace was recorded under, if the engine knows it by name. */
function presentOf({ header }: Trace): CompactionStrategy | null {
  const { name, settings } = header.strategy;
  try {
    return candidateOf({ strategy: name, ...(settings as object) } as StrategySetting).strategy;
  } catch {
    return null;
  }
}

/** The candidates with the present strategy among them, and its name there. */
function withPresent(
  candidates: readonly StrategySetting[] = defaultCandidates(),
  present: CompactionStrategy | null,
): { all: readonly Candidate[]; current: { readonly current?: string } } {
  const all = candidatesOf(candidates);
  if (present === null) return { all, current: {} };
  const settings = JSON.stringify(present.settings);
  const same = all.find(
    ({ strategy }) =>
      strategy.name === present.name && JSON.stringify(strategy.settings) === settings,
  );
  if (same !== undefined) return { all, current: { current: same.name } };
  const name = `${present.name} (in use)`;
  const setting = { strategy: present.name, ...(present.settings as { [name: string]: Json }) };
  return { all: [...all, { name, strategy: present, setting }], current: { current: name } };
}

/** A trace of what a database counted: overwrites and lookups, spread over all entries. */
function countedTrace({ counters, tree, maintenance }: Core): Trace {
  const { puts, deletes, gets, getHits, scans, userBytes } = counters;
  const oldest = tree.version.runs.at(-1);
  if (oldest === undefined || puts + deletes === 0) {
    throw invalidArgument(
      'There is nothing to advise on yet: no table, or no write since the opening. Give a trace.',
    );
  }
  const { runs, limits, flushBytes } = maintenance.compactor.tree;
  const { name, settings } = maintenance.strategy;
  const entries = Math.max(...runs.map((run) => run.entries));
  return workloadTrace({
    entries,
    entryBytes: Math.max(1, userBytes / (puts + deletes)),
    puts,
    deletes,
    hits: getHits,
    misses: gets - getHits,
    scans,
    memtableBytes: flushBytes,
    tableBytes: limits.tableBytes,
    maxTaskBytes: limits.maxTaskBytes,
    maxTasks: limits.maxTasks,
    strategy: { name, settings },
  });
}

/** Runs steps to their end, without holding the thread for long. */
async function sliced<T>(
  steps: Generator<void, T, void>,
  clock: Clock,
  check: () => void,
): Promise<T> {
  for (;;) {
    const started = clock.elapsed();
    while (clock.elapsed() - started < SLICE_MS) {
      const step = steps.next();
      if (step.done === true) return step.value;
    }
    await new Promise<void>((resolve) => clock.defer(resolve));
    check();
  }
}
