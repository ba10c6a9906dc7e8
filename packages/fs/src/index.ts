/**
 * @lsm/fs: files, directories and locks. The public surface of the package; everything else is private.
 */
export {};
