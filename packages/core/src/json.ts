/** Plain data that JSON can carry: what crosses seams, threads and the manifest. */

/** Any JSON value. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };

/** Values that are nested deeper are not taken for JSON: whoever writes or reads them might run out of stack. */
const DEPTH_MAX = 100;

/**
 * Whether a value comes back from JSON as it was: finite numbers, no `undefined`, no objects but plain ones and lists,
 * no cycles, at most 100 levels.
 */
export function isJson(value: unknown, depth: number = 0): value is Json {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return true;
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || depth >= DEPTH_MAX) return false;
  if (Array.isArray(value)) {
    // A hole would come back as null.
    for (let i = 0; i < value.length; i++) if (!isJson(value[i], depth + 1)) return false;
    return true;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  return Object.values(value).every((member) => isJson(member, depth + 1));
}
