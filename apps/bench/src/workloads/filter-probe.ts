/**
 * For comparing filter settings: the data is loaded and updated, then keys are looked up that don't exist but lie
 * among those that do, and keys that exist. The engine counts what its filters answered.
 */
import { permutation } from '../random.ts';
import { loadPhase } from './load.ts';
import { Steps } from './steps.ts';
import type { Workload } from './workload.ts';

/** See the head of the file. */
export const filterWorkload: Workload = {
  name: 'filters',
  title: 'load, update, look up missing and present keys',
  phases: (context) => {
    const { data, draws, sizes } = context;
    const steps = new Steps(context);
    const updates = permutation(data.count, draws).subarray(0, Math.ceil(data.count / 2));
    return [
      loadPhase(context, steps),
      {
        name: 'update',
        operations: updates.length,
        calls: `put, ${sizes.inFlight} in flight`,
        inFlight: sizes.inFlight,
        settle: true,
        step: (i) => steps.put(updates[i]!),
      },
      {
        name: 'lookup missing',
        operations: sizes.operations,
        calls: `${steps.readCall} (uniform)`,
        touches: 'filters',
        step: () => steps.miss(draws.below(data.count)),
      },
      {
        name: 'lookup',
        operations: sizes.operations,
        calls: `${steps.readCall} (uniform)`,
        touches: 'tables',
        step: () => steps.get(draws.below(data.count)),
      },
    ];
  },
};
