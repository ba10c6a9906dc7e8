/**
 * @lsm/testkit: the test kit. The public surface of the package; everything else is private.
 */
export {};
