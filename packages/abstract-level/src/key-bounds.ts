/**
 * Bounds as abstract-level gives them: `gte` takes precedence over `gt` and `lte` over `lt`, whichever is narrower,
 * and a seek to a target outside of them ends the iteration instead of being clamped.
 */
import { compareBytes, toBytes } from '@lsm/core';
import type { Bytes, RangeBounds } from '@lsm/engine';

/** Encoded range options. */
export interface KeyRange {
  readonly gt?: Bytes | undefined;
  readonly gte?: Bytes | undefined;
  readonly lt?: Bytes | undefined;
  readonly lte?: Bytes | undefined;
}

/** The bounds that count, in the engine's form. */
export function boundsOf(range: KeyRange): RangeBounds {
  const { gt, gte, lt, lte } = range;
  return {
    ...(gte === undefined ? { gt } : { gte }),
    ...(lte === undefined ? { lt } : { lte }),
  };
}

/**
 * Whether a key lies outside of the bounds.
 *
 * @throws LSM_INVALID_ARGUMENT for ill-formed strings
 */
export function isOutside(target: Bytes, bounds: RangeBounds): boolean {
  const key = toBytes(target, 'seek target');
  const against = (bound: Bytes): number => compareBytes(key, toBytes(bound, 'bound'));
  if (bounds.gte !== undefined && against(bounds.gte) < 0) return true;
  if (bounds.gt !== undefined && against(bounds.gt) <= 0) return true;
  if (bounds.lte !== undefined && against(bounds.lte) > 0) return true;
  return bounds.lt !== undefined && against(bounds.lt) >= 0;
}
