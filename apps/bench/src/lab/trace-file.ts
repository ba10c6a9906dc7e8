/** Reads what the commands of the laboratory are given: a trace, strategies, assumptions. */
import { readFileSync } from 'node:fs';
import {
  decodeTrace,
  isLsmError,
  type StrategySetting,
  type Trace,
  type WhatIfOptions,
} from '@lsm/engine';
import { parseStrategy } from '../config.ts';
import { formatCount } from '../report/format.ts';
import { UsageError } from '../usage-error.ts';

/**
 * Reads a trace.
 *
 * @throws UsageError if it is missing, damaged or no trace
 */
export function readTrace(path: string): Trace {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw new UsageError(`The trace ${path} can't be read: ${(error as Error).message}`);
  }
  try {
    return decodeTrace(bytes, path);
  } catch (error) {
    throw isLsmError(error) ? new UsageError(error.message) : error;
  }
}

/** What a trace is about, in a line. */
export function describeTrace({ header, operations, totals }: Trace): string {
  const end = totals === null ? 'cut short' : `${(totals.durationMs / 1000).toFixed(1)} s`;
  const entries = header.runs.reduce((most, run) => Math.max(most, run.entries), 0);
  return [
    `${formatCount(operations.kinds.length)} operations on 1/${Math.round(1 / header.sample)} of the keys`,
    end,
    `recorded under ${header.strategy.name}`,
    entries === 0 ? 'from an empty database' : `over ${formatCount(entries)} entries`,
  ].join(', ');
}

/** The strategies that the flags name; `undefined` for the usual ones. */
export function strategiesOf(flags: Record<string, unknown>): StrategySetting[] | undefined {
  const names = flags['strategies'] as string[] | undefined;
  return names?.map((name) => parseStrategy(name) as StrategySetting);
}

/** What the flags assume. */
export function assumptionsOf(flags: Record<string, unknown>): WhatIfOptions {
  return {
    bytesPerMs: Number(flags['bytesPerSecond']) / 1000,
    bitsPerKey: Number(flags['bitsPerKey']),
    filter: flags['filter'] as 'monkey' | 'uniform' | 'none',
    maxOperations: Math.max(1, Number(flags['maxOperations'])),
  };
}
