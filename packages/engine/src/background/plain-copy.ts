/**
 * A copy of what somebody else's code returned, as plain frozen JSON.
 *
 * Each property is read once, so that a getter or proxy can't say one thing to a check and another to its user; and the
 * work is bounded before it is done, so that a value that is enormous, or small with its parts shared so often that it
 * unfolds into something enormous, costs nothing.
 */
import { type Json, LsmError } from '@lsm/core';

/** Deeper values might cost whoever reads them the stack. */
const DEPTH_MAX = 100;

/** What is left of a budget. */
interface Budget {
  /** Characters of strings and names, and one for each value. */
  left: number;
}

/**
 * Copies a value, deeply frozen.
 *
 * @param what - names the value in errors
 * @param sizeMax - characters of strings and names, and one for each value
 * @throws LSM_STRATEGY if it would not come back from JSON as it is, or is larger
 */
export function plainCopy(value: unknown, what: string, sizeMax: number): Json {
  const budget = { left: sizeMax };
  const copy = copyOf(value, budget, 0);
  if (copy !== undefined) return copy;
  const flaw =
    budget.left < 0
      ? `is too large: more than ${sizeMax} characters or values`
      : 'has to be plain JSON: finite numbers, no undefined, no objects but plain ones and lists';
  throw new LsmError('LSM_STRATEGY', `${what} ${flaw}.`);
}

/** The copy; `undefined` if there can't be one. */
function copyOf(value: unknown, budget: Budget, depth: number): Json | undefined {
  budget.left--;
  if (budget.left < 0 || depth > DEPTH_MAX) return undefined;
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  if (typeof value === 'string') {
    budget.left -= value.length;
    return budget.left < 0 ? undefined : value;
  }
  if (typeof value !== 'object') return undefined;
  return Array.isArray(value)
    ? copyOfList(value, budget, depth)
    : copyOfObject(value, budget, depth);
}

function copyOfList(
  list: readonly unknown[],
  budget: Budget,
  depth: number,
): readonly Json[] | undefined {
  const copy: Json[] = [];
  const { length } = list;
  for (let i = 0; i < length; i++) {
    const item = copyOf(list[i], budget, depth + 1);
    if (item === undefined) return undefined;
    copy.push(item);
  }
  return Object.freeze(copy);
}

function copyOfObject(value: object, budget: Budget, depth: number): Json | undefined {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return undefined;
  const members: [string, Json][] = [];
  for (const name of Object.keys(value)) {
    budget.left -= name.length;
    const member = copyOf((value as Record<string, unknown>)[name], budget, depth + 1);
    if (member === undefined) return undefined;
    members.push([name, member]);
  }
  // Not by assignment: a member may be called __proto__.
  return Object.freeze(Object.fromEntries(members));
}
