/**
 * @lsm/abstract-level: the abstract-level adapter. The public surface of the package; everything else is private.
 */
export {};
