/**
 * @lsm/memtable: the sorted write buffer. The public surface of the package; everything else is private.
 */
export {};
