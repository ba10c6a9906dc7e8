/** What a strategy says, checked: a strategy is anybody's code, and nothing of it is taken on trust. */
import {
  type CompactionPlan,
  type CompactionStrategy,
  type CompactionTask,
  compareBytes,
  type Health,
  isJson,
  type Json,
  LsmError,
  type OutputShape,
} from '@lsm/core';

/**
 * The state that a strategy begins with.
 *
 * @throws LSM_INVALID_ARGUMENT if the manifest can't keep it
 */
export function firstState(strategy: CompactionStrategy): Json {
  let cause: unknown;
  try {
    const state: unknown = strategy.initialState?.() ?? null;
    if (isJson(state)) return state;
  } catch (error) {
    cause = error;
  }
  throw new LsmError(
    'LSM_INVALID_ARGUMENT',
    `The initial state of the compaction strategy "${strategy.name}" has to be plain JSON.`,
    { cause },
  );
}

/** A plan of a strategy that may be anything. */
export function checkedPlan(plan: CompactionPlan): CompactionPlan {
  const given: unknown = plan;
  if (typeof given !== 'object' || given === null || !Array.isArray(plan.tasks)) {
    throw new LsmError('LSM_STRATEGY', 'A plan has to be an object with a list of tasks.');
  }
  for (const task of plan.tasks as readonly unknown[]) {
    if (typeof task !== 'object' || task === null) {
      throw new LsmError('LSM_STRATEGY', 'A task has to be an object.');
    }
  }
  // The manifest keeps it, so that it has to come back as it was.
  if (plan.state !== undefined && !isJson(plan.state)) {
    throw new LsmError('LSM_STRATEGY', 'The state of a strategy has to be plain JSON.');
  }
  return plan;
}

/** A judgement of a strategy that may be anything. */
export function checkedHealth(health: Health): Health {
  const given: unknown = health;
  if (
    typeof given !== 'object' ||
    given === null ||
    !['none', 'slow', 'stop'].includes(health.delay) ||
    typeof health.pressure !== 'number'
  ) {
    throw new LsmError(
      'LSM_STRATEGY',
      'A judgement has to be {debtBytes, pressure, delay, quiescent}.',
    );
  }
  return health;
}

/** Cuts that one output may have besides those by size: file numbers are reserved for so many. */
const CUT_KEYS_MAX = 16;

/** How the outputs of a task are to be cut; tables that are too small or too many are no strategy's to ask for. */
export function checkedShape(task: CompactionTask, tableBytes: number): OutputShape {
  if (!('shape' in task)) return { tableBytes };
  const { shape } = task;
  const isSize = shape.tableBytes >= tableBytes / 2;
  return {
    ...shape,
    tableBytes: isSize ? shape.tableBytes : tableBytes / 2,
    cutKeys: checkedCutKeys(shape.cutKeys),
  };
}

/** Ascending keys; a hint, so that a list that is none, or too long, is left out. */
export function checkedCutKeys(keys: unknown): readonly Uint8Array[] {
  if (!Array.isArray(keys) || keys.length > CUT_KEYS_MAX) return [];
  const isAscending = (keys as readonly unknown[]).every(
    (key, i) =>
      key instanceof Uint8Array && (i === 0 || compareBytes(keys[i - 1] as Uint8Array, key) < 0),
  );
  return isAscending ? (keys as readonly Uint8Array[]) : [];
}
