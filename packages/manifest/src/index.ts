/**
 * @lsm/manifest: versions and their log. The public surface of the package; everything else is private.
 */
export {};
