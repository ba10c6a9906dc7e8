/**
 * What a strategy says, checked and copied: a strategy is anybody's code, and nothing of it is taken on trust.
 *
 * - Everything is read once, into plain objects of the engine's own; what the strategy does with its own afterwards
 *   concerns nobody. Amounts are bounded: tasks of a plan, inputs of a task, size of the state.
 * - What is no plan, task, judgement or state at all is an LSM_STRATEGY error with a sentence for the plug-in's author,
 *   and the compactor quarantines. What is a task, but may not run, is admission's to refuse.
 * - Hints that make no sense (cut keys, overlaps) are left out.
 */
import {
  type CompactionPlan,
  type CompactionStrategy,
  type CompactionTask,
  compareBytes,
  copyBytes,
  type Health,
  type Json,
  LsmError,
  type OutputShape,
  type Placement,
} from '@lsm/core';
import { plainCopy } from './plain-copy.ts';

/** Tasks of one plan that are looked at; the next plan may have the others. */
const TASKS_MAX = 256;
/** Cuts that one output may have besides those by size. */
const CUT_KEYS_MAX = 16;
/** Length of a key, bytes. */
const KEY_BYTES_MAX = 65_535;
/** Size of a state: each commit of a task writes it. */
const STATE_SIZE_MAX = 65_536;
/** Characters of a text that are kept for events. */
const TEXT_LENGTH_MAX = 300;
/** Tables that a strategy may ask for, against the size that the database is set to. */
const TABLE_SHARE_MIN = 0.5;
const TABLE_SHARE_MAX = 16;

type Members = Readonly<Record<string, unknown>>;

/** The judgement of a tree in which nothing is to be done. */
export const CALM: Health = { debtBytes: 0, pressure: 0, delay: 'none', quiescent: true };

/**
 * The state that a strategy begins with.
 *
 * @throws LSM_INVALID_ARGUMENT if the manifest can't keep it
 */
export function firstState(strategy: CompactionStrategy): Json {
  try {
    return checkedState(strategy.initialState?.() ?? null, 'initialState');
  } catch (error) {
    throw new LsmError(
      'LSM_INVALID_ARGUMENT',
      `The initial state of the compaction strategy "${strategy.name}" has to be plain JSON: ${complaint('initialState', error)}`,
      { cause: error },
    );
  }
}

/**
 * A plan of a strategy that may be anything.
 *
 * @param tables - of the tree that was shown
 * @throws LSM_STRATEGY, and whatever its getters throw
 */
export function checkedPlan(given: unknown, tables: number): CompactionPlan {
  const { tasks, state } = membersOf(given, 'plan', 'an object with a list of tasks');
  if (!Array.isArray(tasks)) throw broken('plan has to return an object with a list of tasks.');
  const copies = (tasks as readonly unknown[])
    .slice(0, TASKS_MAX)
    .map((task, i) => checkedTask(task, i, tables));
  return state === undefined
    ? { tasks: copies }
    : { tasks: copies, state: checkedState(state, 'plan') };
}

/** A judgement of a strategy that may be anything. */
export function checkedHealth(given: unknown): Health {
  const shape = '{ debtBytes, pressure, delay, quiescent }';
  const members = membersOf(given, 'assess', shape);
  const { debtBytes, pressure, delay, quiescent, replanAt } = members;
  if (delay !== 'none' && delay !== 'slow' && delay !== 'stop') {
    throw broken("assess has to return a delay of 'none', 'slow' or 'stop'.");
  }
  if (!isAmount(debtBytes) || !isAmount(pressure)) {
    throw broken('assess has to return numbers of at least 0 as debtBytes and pressure.');
  }
  if (typeof quiescent !== 'boolean') {
    throw broken('assess has to say by true or false whether the tree is quiescent.');
  }
  if (replanAt === undefined) return { debtBytes, pressure, delay, quiescent };
  if (typeof replanAt !== 'number' || Number.isNaN(replanAt)) {
    throw broken('assess has to return a time in ms, or nothing, as replanAt.');
  }
  return { debtBytes, pressure, delay, quiescent, replanAt };
}

/** Where a flush shall cut, as a strategy says that may say anything. */
export function checkedHint(given: unknown): readonly Uint8Array[] {
  const { splitKeys } = membersOf(given, 'flush', 'an object with splitKeys');
  return checkedCutKeys(splitKeys);
}

/** How the outputs of a task are to be cut; tables that are tiny or enormous are no strategy's to ask for. */
export function checkedShape(task: CompactionTask, tableBytes: number): OutputShape {
  if (!('shape' in task)) return { tableBytes };
  const wanted = Math.max(task.shape.tableBytes, TABLE_SHARE_MIN * tableBytes);
  return { ...task.shape, tableBytes: Math.min(wanted, TABLE_SHARE_MAX * tableBytes) };
}

/** One sentence on what a method did, whatever it was that it threw. */
export function complaint(method: string, thrown: unknown): string {
  let text: string;
  try {
    text = thrown instanceof LsmError ? thrown.message : `${method} threw ${String(thrown)}`;
  } catch {
    text = `${method} threw something that can't be shown`;
  }
  return text.slice(0, TEXT_LENGTH_MAX);
}

function checkedState(state: unknown, method: string): Json {
  if (state instanceof Promise) throw promised(state, `${method} returned a promise of a state`);
  return plainCopy(state, 'The state of a strategy', STATE_SIZE_MAX);
}

function checkedTask(given: unknown, index: number, tables: number): CompactionTask {
  const what = `Task ${index} of the plan`;
  if (typeof given !== 'object' || given === null) throw broken(`${what} has to be an object.`);
  const { kind, inputs, reason, score, to, shape } = given as Members;
  if (kind !== 'merge' && kind !== 'move' && kind !== 'drop' && kind !== 'rewrite') {
    throw broken(`${what} has to have a kind: 'merge', 'move', 'drop' or 'rewrite'.`);
  }
  if (typeof score !== 'number' || Number.isNaN(score)) {
    throw broken(`${what} has to have a number as score.`);
  }
  if (typeof reason !== 'string') throw broken(`${what} has to have a text as reason.`);
  const common = {
    inputs: checkedInputs(inputs, what, tables),
    reason: reason.slice(0, TEXT_LENGTH_MAX),
    score,
  };
  if (kind === 'drop') return { kind, ...common };
  if (kind === 'rewrite') return { kind, ...common, shape: copyOfShape(shape, what) };
  const placement = checkedPlacement(to, what);
  if (kind === 'move') return { kind, ...common, to: placement };
  return { kind, ...common, to: placement, shape: copyOfShape(shape, what) };
}

function checkedInputs(given: unknown, what: string, tables: number): readonly number[] {
  if (!Array.isArray(given)) throw broken(`${what} has to have a list of table numbers as inputs.`);
  const { length } = given as readonly unknown[];
  if (length > tables) {
    throw broken(`${what} names ${length} tables as inputs, and the tree has ${tables}.`);
  }
  const inputs: number[] = [];
  for (let i = 0; i < length; i++) {
    const id: unknown = given[i];
    if (typeof id !== 'number') throw broken(`${what} has an input that is no table number.`);
    inputs.push(id);
  }
  return inputs;
}

function checkedPlacement(given: unknown, what: string): Placement {
  const flaw = `${what} has to say where its tables go: { into } or { newRun: { level, before } }.`;
  if (typeof given !== 'object' || given === null) throw broken(flaw);
  const { into, newRun } = given as Members;
  if (typeof into === 'number') return { into };
  if (typeof newRun !== 'object' || newRun === null) throw broken(flaw);
  const { level, before } = newRun as Members;
  if (typeof level !== 'number' || (typeof before !== 'number' && before !== null)) {
    throw broken(flaw);
  }
  return { newRun: { level, before } };
}

function copyOfShape(given: unknown, what: string): OutputShape {
  if (typeof given !== 'object' || given === null) {
    throw broken(`${what} has to say how its outputs are cut: { tableBytes }.`);
  }
  const { tableBytes, cutNear, maxOverlapBytes, cutKeys } = given as Members;
  if (typeof tableBytes !== 'number') {
    throw broken(`${what} has to have a number of bytes as shape.tableBytes.`);
  }
  return {
    tableBytes,
    ...(typeof cutNear === 'number' ? { cutNear } : {}),
    ...(isAmount(maxOverlapBytes) ? { maxOverlapBytes } : {}),
    cutKeys: checkedCutKeys(cutKeys),
  };
}

/** Ascending keys, copied; a list that is none, or too long, is left out. */
function checkedCutKeys(given: unknown): readonly Uint8Array[] {
  if (!Array.isArray(given) || given.length > CUT_KEYS_MAX) return [];
  const keys: Uint8Array[] = [];
  for (const key of given as readonly unknown[]) {
    if (!(key instanceof Uint8Array) || key.length > KEY_BYTES_MAX) return [];
    const last = keys.at(-1);
    const copy = copyBytes(key, 0, key.length);
    if (last !== undefined && compareBytes(last, copy) >= 0) return [];
    keys.push(copy);
  }
  return keys;
}

/** The members of an answer that has to be an object. */
function membersOf(given: unknown, method: string, shape: string): Members {
  if (given instanceof Promise) throw promised(given, `${method} returned a promise`);
  if (typeof given !== 'object' || given === null) {
    throw broken(`${method} has to return ${shape}.`);
  }
  return given as Members;
}

/** The error of an answer that comes later. */
function promised(answer: Promise<unknown>, what: string): LsmError {
  // Nobody waits for it, so nobody else would catch what it throws.
  answer.catch(() => undefined);
  return broken(`${what}; a strategy has to answer at once.`);
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0;
}

function broken(message: string): LsmError {
  return new LsmError('LSM_STRATEGY', message);
}
