/**
 * @lsm/sstable: immutable sorted tables. The public surface of the package; everything else is private.
 */
export {};
