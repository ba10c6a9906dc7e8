/**
 * @lsm/compaction: the strategy kit. The public surface of the package; everything else is private.
 */
export {};
