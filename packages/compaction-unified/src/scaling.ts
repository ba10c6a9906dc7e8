/**
 * Scaling parameters: one integer w for each level says how it is compacted.
 *
 * - w < 0, written `L(2 − w)`: leveled with fan-out f = 2 − w; two overlapping runs are enough for a merge (t = 2).
 * - w = 0, written `N`: f = t = 2, between both.
 * - w > 0, written `T(2 + w)`: tiered with f = t = 2 + w.
 *
 * A level holds densities (bytes per share of the keys that they cover) up to f times those of the level before. The
 * scheme is that of Cassandra's unified compaction strategy.
 */
import { invalidArgument } from '@lsm/core';

/** Largest fan-out. */
const FAN_OUT_MAX = 100;

/**
 * Reads a scaling parameter.
 *
 * @param value - `L10`, `N`, `T4`, or w as an integer, −98 to 98
 * @returns w
 * @throws LSM_INVALID_ARGUMENT for anything else
 */
export function parseScaling(value: unknown): number {
  if (typeof value === 'number' && Number.isInteger(value) && Math.abs(value) <= FAN_OUT_MAX - 2) {
    return value;
  }
  if (value === 'N') return 0;
  const match = typeof value === 'string' ? /^([LT])(\d+)$/.exec(value) : null;
  const fanOut = Number(match?.[2]);
  if (match === null || fanOut < 2 || fanOut > FAN_OUT_MAX) {
    throw invalidArgument(
      `unified: scaling has to be one of "L2" … "L100", "N", "T2" … "T100" or an integer, not ${typeof value === 'string' ? `"${value}"` : String(value)}.`,
    );
  }
  return fanOut === 2 ? 0 : match[1] === 'L' ? 2 - fanOut : fanOut - 2;
}

/** How a scaling parameter is written. */
export function formatScaling(w: number): string {
  return w === 0 ? 'N' : w < 0 ? `L${2 - w}` : `T${2 + w}`;
}

/** f: how much denser the next level is. */
export function fanOutOf(w: number): number {
  return 2 + Math.abs(w);
}

/** t: overlapping runs that start a merge. */
export function thresholdOf(w: number): number {
  return w <= 0 ? 2 : 2 + w;
}

/**
 * The level of a density.
 *
 * @param density - bytes per share of the keys
 * @param unit - density of one flush, bytes, > 0; level 0 ends at f times that
 * @param scaling - w by level; the last repeats; at least one
 */
export function levelOf(density: number, unit: number, scaling: readonly number[]): number {
  let level = 0;
  let limit = unit * fanOutOf(scaling[0]!);
  while (density >= limit && level < 64) {
    level++;
    limit *= fanOutOf(scaling[Math.min(level, scaling.length - 1)]!);
  }
  return level;
}

/** What {@link shardCount} goes by. */
export interface Sharding {
  /** Size that tables should have, bytes. */
  readonly targetBytes: number;
  /** Shards that small data is divided into. */
  readonly baseShards: number;
  /** 0: tables keep their size as data grows; 1: shards keep their number. */
  readonly growth: number;
  /** Tables are not made smaller than this, bytes; default 0. */
  readonly minBytes?: number;
}

/** Into how many shards data of a density is cut: `baseShards` times a power of two, fewer if tables would be too small. */
export function shardCount(density: number, sharding: Sharding): number {
  const { targetBytes, baseShards, growth, minBytes = 0 } = sharding;
  if (minBytes > 0 && density < minBytes * baseShards) {
    let shards = 1;
    while (baseShards % (shards * 2) === 0 && density >= minBytes * shards * 2) shards *= 2;
    return shards;
  }
  const surplus = density / (targetBytes * baseShards);
  if (!(surplus > 1)) return baseShards;
  return baseShards * 2 ** Math.round((1 - growth) * Math.log2(surplus));
}
