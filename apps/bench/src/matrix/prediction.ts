/** What the strategies' closed forms say of a cell. */
import { retentionMs } from '../workloads/lives.ts';
import type { Calibration, MatrixConfig } from './matrix-config.ts';
import type { CellFacts, CellPrediction } from './results.ts';
import type { MatrixStrategy } from './strategies.ts';

/** Bytes of the table that a full memtable becomes, without the writes that were hidden in memory. */
export function flushBytesOf(
  { memtablePuts, putBytes }: Calibration,
  { flushedShare }: CellFacts,
): number {
  return memtablePuts * putBytes * Math.min(1, flushedShare);
}

/**
 * The prediction; `null` if the strategy has none. The forms count bytes of tables, and are made to count per byte of
 * keys and values here.
 */
export function predictionOf(
  cell: {
    readonly config: MatrixConfig;
    readonly calibration: Calibration;
    readonly strategy: MatrixStrategy;
  },
  entries: number,
  facts: CellFacts,
): CellPrediction | null {
  const { config, calibration, strategy } = cell;
  const predicted = strategy.make(retentionMs({ count: entries })).predict?.({
    dataBytes: entries * calibration.putBytes,
    flushBytes: flushBytesOf(calibration, facts),
  });
  if (predicted === undefined) return null;
  const overhead = calibration.putBytes / (config.keyBytes + config.valueBytes);
  return { ...predicted, writeAmplification: predicted.writeAmplification * overhead };
}
