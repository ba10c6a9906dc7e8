/** Plain data that JSON can carry: what crosses seams, threads and the manifest. */

/** Any JSON value. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };
