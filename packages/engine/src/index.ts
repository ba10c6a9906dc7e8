/**
 * @lsm/engine: the storage engine. The public surface of the package; everything else is private.
 */
export {};
