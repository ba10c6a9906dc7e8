/** Traces by hand, and the two extremes among strategies. */
import { type Trace, type TraceHeader, TraceKind } from '@lsm/compaction';
import type { CompactionStrategy } from '@lsm/core';

/** An operation: kind, key, size (default 10), ms (default: its index). */
export type Step = readonly [kind: number, key: string, size?: number, at?: number];

/** A trace of these steps; keys are text, and their number is their identity. */
export function traceOf(
  steps: readonly Step[],
  header: Partial<TraceHeader> = {},
  flushes = 0,
): Trace {
  return {
    header: {
      sample: 1,
      sketchBytes: 8,
      startedAt: 0,
      flushBytes: 1e6,
      tableBytes: 1e9,
      maxTaskBytes: 1e12,
      maxTasks: 1,
      strategy: { name: 'none', settings: {} },
      runs: [],
      largestKey: null,
      ...header,
    },
    operations: {
      kinds: Uint8Array.from(steps, ([kind]) => kind),
      identities: Uint32Array.from(steps, ([, key]) => identityOf(key)),
      sizes: Float64Array.from(steps, ([, , size]) => size ?? 10),
      times: Float64Array.from(steps, ([, , , at], i) => at ?? i),
      sketches: steps.map(([, key]) => key),
    },
    totals: {
      durationMs: steps.length,
      puts: steps.length,
      deletes: 0,
      rangeDeletes: 0,
      gets: 0,
      scans: 0,
      flushes,
      end: 'stopped',
    },
  };
}

/** FNV-1a, mixed once more: spread evenly over 32 bits. */
function identityOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 0;
}

/** Puts of keys, `0003` and the like. */
export function puts(keys: readonly number[]): Step[] {
  return keys.map((key) => [TraceKind.put, String(key).padStart(4, '0')]);
}

/** Merges everything into one run after each flush. */
export const EAGER: CompactionStrategy = {
  name: 'eager',
  formatVersion: 1,
  settings: {},
  plan: ({ runs, inProgress }) => {
    if (runs.length < 2 || inProgress.length > 0) return { tasks: [] };
    const inputs = runs.flatMap((run) => run.tables.map((table) => table.id));
    const to = { newRun: { level: 1, before: null } } as const;
    const shape = { tableBytes: Number.POSITIVE_INFINITY };
    return { tasks: [{ kind: 'merge', inputs, to, shape, reason: 'eager', score: 1 }] };
  },
  assess: ({ runs }) => ({
    debtBytes: 0,
    pressure: runs.length / 2,
    // A run that is reserved for outputs has no tables yet.
    delay: runs.filter(({ tables }) => tables.length > 0).length > 3 ? 'stop' : 'none',
    quiescent: runs.length < 2,
  }),
  predict: ({ dataBytes, flushBytes }) => ({
    writeAmplification: dataBytes / flushBytes / 2,
    runs: 1,
    spaceAmplification: 1,
  }),
};
