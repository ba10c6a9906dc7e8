/** The first of some runs, as many as are within so many bytes together. */
export function runsWithin<T extends { readonly bytes: number }>(
  runs: readonly T[],
  maxBytes: number,
): readonly T[] {
  let bytes = 0;
  for (const [i, run] of runs.entries()) {
    bytes += run.bytes;
    if (bytes > maxBytes) return runs.slice(0, i);
  }
  return runs;
}
