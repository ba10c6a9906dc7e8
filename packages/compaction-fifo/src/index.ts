/**
 * @lsm/compaction-fifo: FIFO and time-window compaction. The public surface of the package; everything else is private.
 */
export { fifo, timeWindow } from './fifo.ts';
export type { FifoSettings } from './settings.ts';
