/**
 * @lsm/bloom: filters and point indexes. The public surface of the package; everything else is private.
 */
export {};
