/**
 * @lsm/compaction-leveled: leveled compaction. The public surface of the package; everything else is private.
 */
export {};
