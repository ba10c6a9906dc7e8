/**
 * The life of a real data set: loaded in random order, updated with skew, looked up (present and missing keys),
 * scanned by prefix, partly deleted, used in a mix, scanned in full.
 */
import { chooserOf, scatteredZipfianChooser } from '../distributions.ts';
import { permutation } from '../random.ts';
import { seedMixPhase } from './seed-mix.ts';
import { Steps } from './steps.ts';
import type { Phase, Workload, WorkloadContext } from './workload.ts';

/** Deleted one by one: every so many-th entry. */
const DELETE_EVERY = 5;
/** Deleted as whole prefixes: every so many-th group, where the store can. */
const DELETE_GROUP_EVERY = 20;
const UPDATE_SHARE = 0.5;
const SCANS_SHARE = 0.02;

/** See the head of the file. */
export const realWorkload: Workload = {
  name: 'real',
  title: 'load, update, look up, scan by prefix, delete in part, mix, scan all',
  phases: (context) => {
    const steps = new Steps(context);
    return [
      ...writePhases(context, steps),
      ...readPhases(context, steps),
      ...deletePhases(context, steps),
      { ...seedMixPhase(context, steps), name: 'mixed 70/20/10' },
      lookupPhase(context, steps, 'lookup after deletes'),
      {
        name: 'scan all',
        operations: 1,
        calls: 'entries()',
        touches: 'tables',
        countsEntries: true,
        step: () => steps.scanAll(false),
      },
    ];
  },
};

function writePhases({ data, draws, sizes }: WorkloadContext, steps: Steps): Phase[] {
  const order = permutation(data.count, draws);
  const popular = scatteredZipfianChooser(data.count, draws);
  return [
    {
      name: 'load',
      operations: data.count,
      calls: `put, ${sizes.inFlight} in flight`,
      inFlight: sizes.inFlight,
      settle: true,
      step: (i) => steps.put(order[i]!),
    },
    {
      name: 'update',
      operations: Math.ceil(data.count * UPDATE_SHARE),
      calls: `put (zipfian), ${sizes.inFlight} in flight`,
      inFlight: sizes.inFlight,
      settle: true,
      step: () => steps.put(popular.next()),
    },
  ];
}

function readPhases(context: WorkloadContext, steps: Steps): Phase[] {
  const { data, draws, sizes } = context;
  const groups = data.groups();
  return [
    lookupPhase(context, steps, 'lookup'),
    {
      name: 'lookup missing',
      operations: sizes.operations,
      calls: `${steps.readCall} (uniform)`,
      touches: 'filters',
      step: () => steps.miss(draws.below(data.count)),
    },
    {
      name: 'scan by prefix',
      operations: Math.max(10, Math.ceil(sizes.operations * SCANS_SHARE)),
      calls: 'entries({prefix})',
      touches: 'tables',
      countsEntries: true,
      step: () => steps.scanGroup(groups[draws.below(groups.length)]!),
    },
  ];
}

function lookupPhase(context: WorkloadContext, steps: Steps, name: string): Phase {
  const chooser = chooserOf('uniform', context.data.count, context.draws);
  return {
    name,
    operations: context.sizes.operations,
    calls: `${steps.readCall} (uniform)`,
    touches: 'tables',
    step: () => steps.get(chooser.next()),
  };
}

function deletePhases({ store, data, draws, sizes }: WorkloadContext, steps: Steps): Phase[] {
  const order = permutation(data.count, draws).subarray(0, Math.ceil(data.count / DELETE_EVERY));
  const one: Phase = {
    name: 'delete',
    operations: order.length,
    calls: `del, ${sizes.inFlight} in flight`,
    inFlight: sizes.inFlight,
    settle: store.deletePrefix === undefined,
    step: (i) => steps.remove(order[i]!),
  };
  if (store.deletePrefix === undefined) return [one];
  const groups = data.groups().filter((_, i) => i % DELETE_GROUP_EVERY === 0);
  const many: Phase = {
    name: 'delete by prefix',
    operations: groups.length,
    calls: 'delRange({prefix})',
    settle: true,
    step: (i) => steps.removeGroup(groups[i]!),
  };
  return [one, many];
}
