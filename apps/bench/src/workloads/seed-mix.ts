/** The mix of the seed text: 70 % writes, 20 % point reads, 10 % range scans, skewed over the loaded entries. */
import { scatteredZipfianChooser } from '../distributions.ts';
import { loadPhase } from './load.ts';
import { Steps } from './steps.ts';
import type { Phase, Workload, WorkloadContext } from './workload.ts';

const SCAN_ENTRIES = 100;

/** The mixed phase alone. */
export function seedMixPhase({ data, draws, sizes }: WorkloadContext, steps: Steps): Phase {
  const chooser = scatteredZipfianChooser(data.count, draws);
  return {
    name: 'mix 70/20/10',
    operations: Math.ceil(sizes.operations / 4),
    calls: `await put 70 %, ${steps.readCall} 20 %, entries({limit: ${SCAN_ENTRIES}}) 10 %`,
    touches: 'mixed',
    settle: true,
    goesOn: true,
    step: () => {
      const share = draws.fraction();
      const index = chooser.next();
      if (share < 0.7) return steps.put(index);
      return share < 0.9 ? steps.get(index) : steps.scanFrom(index, SCAN_ENTRIES);
    },
  };
}

/** See the head of the file. */
export const seedMix: Workload = {
  name: 'mix-70-20-10',
  title: '70 % writes, 20 % point reads, 10 % scans of 100',
  phases: (context) => {
    const steps = new Steps(context);
    return [loadPhase(context, steps), seedMixPhase(context, steps)];
  },
};
