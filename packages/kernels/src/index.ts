/**
 * @lsm/kernels: webAssembly kernels and their TypeScript twins. The public surface of the package; everything else is private.
 */
export {};
