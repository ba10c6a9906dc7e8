/** The phase that most workloads start with: every entry once, in random order. */
import { permutation } from '../random.ts';
import type { Steps } from './steps.ts';
import type { Phase, WorkloadContext } from './workload.ts';

/** Loads the data set in random order and lets the store settle. */
export function loadPhase({ data, draws, sizes }: WorkloadContext, steps: Steps): Phase {
  const order = permutation(data.count, draws);
  return {
    name: 'load',
    operations: data.count,
    calls: `put, ${sizes.inFlight} in flight`,
    inFlight: sizes.inFlight,
    settle: true,
    prepares: true,
    step: (i) => steps.put(order[i]!),
  };
}
