/**
 * @lsm/cache: the block cache. The public surface of the package; everything else is private.
 */
export {};
