/**
 * @lsm/compaction-hybrid: hybrid compaction. The public surface of the package; everything else is private.
 */
export {};
