/** The order in which a chain of switches goes through all ordered pairs of strategies. */

/**
 * A closed walk over `count` strategies, each ordered pair of different ones as neighbours exactly once: the Eulerian
 * circuit of the complete directed graph, by Hierholzer's algorithm.
 *
 * @returns numbers of strategies, `count` · (`count` − 1) + 1 of them; the first is also the last
 */
export function walkAllPairs(count: number): readonly number[] {
  const next = new Uint32Array(count);
  const stack = [0];
  const walk: number[] = [];
  while (stack.length > 0) {
    const at = stack.at(-1)!;
    if (next[at] === at) next[at] = at + 1;
    if (next[at]! < count) stack.push(next[at]!++);
    else walk.push(stack.pop()!);
  }
  return walk.reverse();
}
