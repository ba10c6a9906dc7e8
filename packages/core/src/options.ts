/**
 * One way to declare settings: a table of defaults and checks, from which `parseSettings` makes a complete, frozen
 * object. An unknown name is an error that proposes the nearest known one, so that no option is ever ignored silently.
 */
import { invalidArgument } from './errors.ts';

/** One setting: its default and how to check a given value. */
export interface SettingSpec<T> {
  /** Used when the setting is absent or `undefined`. */
  readonly default: T;
  /** Returns the value to use, or throws LSM_INVALID_ARGUMENT. */
  readonly parse: (value: unknown, name: string) => T;
}

/** A table of settings. */
export type SettingSpecs<T> = { readonly [K in keyof T]: SettingSpec<T[K]> };

/**
 * Completes and checks settings.
 *
 * @param specs - the table
 * @param raw - what the user gave; `undefined` stands for `{}`
 * @param what - what is configured, for messages
 * @returns a frozen object with every name of the table
 * @throws LSM_INVALID_ARGUMENT for an unknown name or a bad value
 */
export function parseSettings<T extends object>(
  specs: SettingSpecs<T>,
  raw: unknown,
  what: string,
): Readonly<T> {
  if (raw !== undefined && (typeof raw !== 'object' || raw === null || Array.isArray(raw))) {
    throw invalidArgument(`The settings of ${what} have to be an object.`);
  }
  const given: Record<string, unknown> = { ...raw };
  const names = Object.keys(specs);
  rejectUnknownNames(Object.keys(given), names, what);
  const parsed: Record<string, unknown> = {};
  for (const name of names) {
    const spec = specs[name as keyof T];
    const value = given[name];
    parsed[name] = value === undefined ? spec.default : spec.parse(value, `${what}: ${name}`);
  }
  return Object.freeze(parsed) as Readonly<T>;
}

/** Throws LSM_INVALID_ARGUMENT, naming the nearest known name, if one of `given` is not in `known`. */
export function rejectUnknownNames(
  given: readonly string[],
  known: readonly string[],
  what: string,
): void {
  for (const name of given) {
    if (known.includes(name)) continue;
    const nearest = nearestName(name, known);
    throw invalidArgument(
      `${what} has no option "${name}"${nearest === null ? '' : `; did you mean "${nearest}"?`}`,
    );
  }
}

/** The name in `known` with the smallest edit distance to `name`; `null` if `known` is empty. */
export function nearestName(name: string, known: readonly string[]): string | null {
  let nearest: string | null = null;
  let best = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < best) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(substitution, previous[j]! + 1, current[j - 1]! + 1));
    }
    previous = current;
  }
  return previous[b.length]!;
}

/** An integer setting from `min` to `max`. */
export function integerSetting(byDefault: number, min: number, max: number): SettingSpec<number> {
  return {
    default: byDefault,
    parse(value, name) {
      if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max)
        return value;
      throw invalidArgument(
        `${name} has to be an integer from ${min} to ${max}, not ${show(value)}.`,
      );
    },
  };
}

/** A number setting from `min` to `max`. */
export function numberSetting(byDefault: number, min: number, max: number): SettingSpec<number> {
  return {
    default: byDefault,
    parse(value, name) {
      if (typeof value === 'number' && value >= min && value <= max) return value;
      throw invalidArgument(
        `${name} has to be a number from ${min} to ${max}, not ${show(value)}.`,
      );
    },
  };
}

/** A true-or-false setting. */
export function booleanSetting(byDefault: boolean): SettingSpec<boolean> {
  return {
    default: byDefault,
    parse(value, name) {
      if (typeof value === 'boolean') return value;
      throw invalidArgument(`${name} has to be true or false, not ${show(value)}.`);
    },
  };
}

/** A setting that is one of a few names. */
export function choiceSetting<const T extends string>(
  byDefault: NoInfer<T>,
  choices: readonly T[],
): SettingSpec<T> {
  return {
    default: byDefault,
    parse(value, name) {
      const found = choices.find((choice) => choice === value);
      if (found !== undefined) return found;
      const nearest = typeof value === 'string' ? nearestName(value, choices) : null;
      throw invalidArgument(
        `${name} has to be one of ${choices.join(', ')}, not ${show(value)}${nearest === null ? '' : `; did you mean "${nearest}"?`}`,
      );
    },
  };
}

/** The entry of a per-level list for a level: one value stands for all levels, the last of a list repeats. */
export function perLevel<T>(values: T | readonly T[], level: number): T {
  if (!Array.isArray(values)) return values as T;
  const list = values as readonly T[];
  return list[Math.min(level, list.length - 1)] as T;
}

function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return value === null ? 'null' : typeof value;
}
