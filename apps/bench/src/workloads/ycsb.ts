/**
 * The core workloads of YCSB (Cooper et al., 2010), A to F, each operation awaited before the next.
 *
 * A: 50 % read, 50 % update, zipfian. B: 95/5. C: reads only. D: 95 % read of the latest, 5 % insert. E: 95 % scans of
 * 1–100 entries from a zipfian start, 5 % insert. F: 50 % read, 50 % read-modify-write.
 */
import { chooserOf, type Distribution, type KeyChooser } from '../distributions.ts';
import { loadPhase } from './load.ts';
import { type StepResult, Steps } from './steps.ts';
import type { Workload, WorkloadContext } from './workload.ts';

interface Mix {
  readonly letter: string;
  readonly title: string;
  readonly distribution: Distribution;
  /** Share of the first operation; the rest is the second. */
  readonly share: number;
  readonly first: 'get' | 'scan';
  readonly second: 'put' | 'insert' | 'modify';
  /** Fewer operations, for those that touch many entries each. */
  readonly scale: number;
}

const SCAN_ENTRIES_MAX = 100;

const MIXES: readonly Mix[] = [
  mix('a', '50 % read, 50 % update', 'zipfian', 0.5, 'get', 'put', 1),
  mix('b', '95 % read, 5 % update', 'zipfian', 0.95, 'get', 'put', 1),
  mix('c', 'read only', 'zipfian', 1, 'get', 'put', 1),
  mix('d', '95 % read of the latest, 5 % insert', 'latest', 0.95, 'get', 'insert', 1),
  mix('e', '95 % scan of 1–100, 5 % insert', 'zipfian', 0.95, 'scan', 'insert', 0.1),
  mix('f', '50 % read, 50 % read-modify-write', 'zipfian', 0.5, 'get', 'modify', 1),
];

/** The six workloads. */
export const ycsb: readonly Workload[] = MIXES.map((one) => ({
  name: `ycsb-${one.letter}`,
  title: `YCSB ${one.letter.toUpperCase()}: ${one.title}`,
  phases: (context) => {
    const steps = new Steps(context);
    const chooser = chooserOf(one.distribution, context.data.count, context.draws);
    const call =
      one.first === 'get' ? steps.readCall : `entries({gte, limit: 1–${SCAN_ENTRIES_MAX}})`;
    return [
      loadPhase(context, steps),
      {
        name: `ycsb-${one.letter}`,
        operations: Math.ceil(context.sizes.operations * one.scale),
        calls: `${call} ${one.share * 100} %${one.share < 1 ? `, await ${one.second}` : ''}`,
        touches: one.share === 1 ? 'tables' : 'mixed',
        settle: true,
        countsEntries: one.first === 'scan',
        step: () => stepOf(one, context, steps, chooser),
      },
    ];
  },
}));

function stepOf(one: Mix, context: WorkloadContext, steps: Steps, chooser: KeyChooser): StepResult {
  const { draws, model, data } = context;
  if (one.share === 1 || draws.fraction() < one.share) {
    const index = chooser.next();
    return one.first === 'get'
      ? steps.get(index)
      : steps.scanFrom(index, 1 + draws.below(SCAN_ENTRIES_MAX));
  }
  if (one.second === 'insert' && model.inserted < data.capacity) {
    const index = model.inserted;
    const result = steps.put(index);
    chooser.grow(index + 1);
    return result;
  }
  return one.second === 'modify' ? steps.modify(chooser.next()) : steps.put(chooser.next());
}

function mix(
  letter: string,
  title: string,
  distribution: Distribution,
  share: number,
  first: Mix['first'],
  second: Mix['second'],
  scale: number,
): Mix {
  return { letter, title, distribution, share, first, second, scale };
}
