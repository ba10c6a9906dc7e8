/**
 * @lsm/wal: the write-ahead log. The public surface of the package; everything else is private.
 */
export {};
